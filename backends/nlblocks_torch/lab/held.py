"""torch's functions that hold a constant as float32, or leave out what it would: computed as they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from nlblocks.parity.recording import Held

Function = Callable[..., Any]


def exact(name: str, function: Function, held: Held) -> Function:
    """What runs in place of a function of torch: the function itself, where it holds no constant as float32."""
    plain = name.removesuffix("_")
    if not held.active or plain not in WRITTEN:
        return function
    what, rule = WRITTEN[plain]

    def call(input: Tensor, *args: Any, inplace: bool = False, **kwargs: Any) -> Tensor:
        inplace = inplace or name != plain
        if input.dtype != torch.float64:
            return function(input, *args, **kwargs)
        own = input.detach().clone() if inplace else input.detach()
        found = rule(held, input.clone() if inplace else input, *args, **kwargs)
        if found is None or not held.replaces(
            plain, what, function(own, *args, **kwargs).cpu().numpy(), found.detach().cpu().numpy()
        ):
            return function(input, *args, **kwargs)
        return input.copy_(found) if inplace else found

    return call


def hardsigmoid(held: Held, x: Tensor) -> Tensor:
    """x / 6 + 1 / 2 between 0 and 1, at which there is no gradient."""
    y = x * held.number(1 / 6) + 0.5
    return torch.where(y <= 0, torch.zeros_like(y), torch.where(y >= 1, torch.ones_like(y), y))


def celu(held: Held, x: Tensor, alpha: float = 1.0) -> Tensor:
    """x, or α (exp(x / α) - 1) where x ≤ 0."""
    alpha = held.number(alpha)
    return torch.where(x > 0, x, alpha * torch.expm1(torch.where(x > 0, 0.0, x) / alpha))


def softplus(held: Held, x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor | None:
    """log(1 + exp(β x)) / β, as far as that is not x; None where the function itself gives it."""
    line = held.softplus_line(threshold, float(beta * x.detach().max())) if x.numel() else threshold
    return None if line == threshold else torch.nn.functional.softplus(x, beta, line)


WRITTEN: Mapping[str, tuple[str, Function]] = {
    "hardsigmoid": ("the slope in its gradient", hardsigmoid),
    "celu": ("alpha in its gradient", celu),
    "softplus": ("is a line from 20 on", softplus),
}
"""What stands for a function, and what that holds."""
