"""Branches that run in another order are no fault: where something else differs, that is said and not the order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

Block = Callable[[Any, Any], Any]
SHAPE = (2, 4, 6, 6)


def torch_branch(c: int, d: int) -> Any:
    return torch.nn.Sequential(torch.nn.Conv2d(c, d, 3, padding=1), torch.nn.BatchNorm2d(d), torch.nn.ReLU(),
                               torch.nn.Conv2d(d, d, 1), torch.nn.BatchNorm2d(d))  # fmt: skip


def paddle_branch(c: int, d: int) -> Any:
    nn = paddle.nn
    return nn.Sequential(nn.Conv2D(c, d, 3, padding=1), nn.BatchNorm2D(d), nn.ReLU(), nn.Conv2D(d, d, 1),
                         nn.BatchNorm2D(d))  # fmt: skip


class Torch(torch.nn.Module):
    """A body and a shortcut of one input each, one width after the other; the block says how they run."""

    def __init__(self, widths: Sequence[int], block: Block) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.body = torch.nn.ModuleList(torch_branch(c, d) for c, d in steps)
        self.short = torch.nn.ModuleList(torch.nn.Conv2d(c, d, 1) for c, d in steps)
        self.block = block

    def forward(self, x: Any) -> Any:
        for body, short in zip(self.body, self.short, strict=True):
            x = self.block(x, (body, short))
        return x.mean((2, 3))


class Paddle(paddle.nn.Layer):
    def __init__(self, widths: Sequence[int], block: Block) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.body = paddle.nn.LayerList([paddle_branch(c, d) for c, d in steps])
        self.short = paddle.nn.LayerList([paddle.nn.Conv2D(c, d, 1) for c, d in steps])
        self.block = block

    def forward(self, x: Any) -> Any:
        for body, short in zip(self.body, self.short, strict=True):
            x = self.block(x, (body, short))
        return x.mean((2, 3))


def short_first(x: Any, parts: Any) -> Any:
    body, short = parts
    shortcut = short(x)
    return body(x) + shortcut


def body_first(x: Any, parts: Any) -> Any:
    body, short = parts
    result = body(x)
    return result + short(x)


WIDTHS = {
    "last": ([4, 6, 8], [4, 6, 7], "1"),
    "middle": ([4, 6, 8], [4, 5, 8], "0"),
    "both": ([4, 6, 8], [4, 7, 9], "0"),
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("where", WIDTHS)
def test_other_widths_are_read_first(where: str, turned: bool) -> None:
    mine, theirs, block = WIDTHS[where]
    left, right = Torch(mine, short_first), Paddle(theirs, body_first)
    report = parity.compare(*((right, left) if turned else (left, right)), SHAPE)
    assert report.verdict == "different"
    assert "layer.order" not in {finding.cause for finding in report.findings}, report
    assert report.finding.cause == "parameters.shape"
    assert report.finding.layer_left.split(".")[1] == report.finding.layer_right.split(".")[1] == block


def test_branches_in_another_order_are_the_same() -> None:
    left, right = Torch([4, 6, 8], short_first), Paddle([4, 6, 8], body_first)
    assert parity.compare(left, right, SHAPE, accept=["batch_norm.variance"]).verdict == "same"


def test_layers_that_take_each_others_results_otherwise_are_still_in_another_order() -> None:
    def rotated(x: Any, parts: Any) -> Any:
        """The body's second convolution, its norm and its activation before the rest of it."""
        body, short = parts
        conv, norm, act, point, last = body
        return last(norm(conv(act(point(x))))) + short(x)

    left, right = Torch([4, 4], short_first), Paddle([4, 4], rotated)
    report = parity.compare(left, right, SHAPE, training=False)
    assert report.verdict == "different"
    assert report.finding.cause in ("layer.order", "activation.order"), report
