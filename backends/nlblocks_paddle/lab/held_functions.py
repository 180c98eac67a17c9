"""Paddle's functions, written in Python, that divide by a tensor of integers: that makes a float32 of a constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import paddle
from paddle import Tensor

from nlblocks.parity.recording import Held


def multi_margin_loss(
    held: Held, function: Callable[..., Tensor], input: Tensor, label: Tensor, p: int = 1, margin: float = 1.0,
    weight: Tensor | None = None, reduction: str = "mean", name: str | None = None,
) -> Tensor:  # fmt: skip
    """What each wrong class [B, C] comes too near: the label's own term, which is taken off, is margin ** p / C."""
    own = function(input, label, p, margin, weight, reduction, name)
    term = margin**p / input.shape[1] if input.ndim == 2 else 0.0
    if input.dtype != paddle.float64 or not held.rounds(term):
        return own
    places = label.reshape((-1, 1))
    factor = (
        paddle.ones_like(input[:, :1]) if weight is None else paddle.gather(weight, places, axis=0).reshape((-1, 1))
    )
    near = paddle.pow(paddle.clip(margin - paddle.index_sample(input, places) + input, min=0.0), p)
    loss = paddle.mean(factor * near, axis=1) - (factor * held.number(term)).squeeze(1)
    found = loss if reduction == "none" else getattr(paddle, reduction)(loss)
    return found if held.replaces("multi_margin_loss", "margin / classes", own.numpy(), found.numpy()) else own


FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {"multi_margin_loss": multi_margin_loss}
"""What stands for a function: it takes the run, the function and the arguments of the call."""
