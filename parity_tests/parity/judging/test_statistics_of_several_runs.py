"""Running statistics of a layer that runs more than once: each run moves what the one before left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

INPUT = np.random.default_rng(0).normal(size=(3, 2, 6, 6)).astype(np.float32)
KNOWN = ("batch_norm.variance",)
Views = Callable[[Any], list[Any]]
VIEWS: dict[str, Views] = {
    "twice alike": lambda x: [x[:, :, :, :3], x[:, :, :, 3:]],
    "of other sizes": lambda x: [x, x[:, :, ::3]],
    "three batches": lambda x: [x[:1], x[:2], x],
    "two values": lambda x: [x[:1, :, :1, :2], x],
}


class Torch(torch.nn.Module):
    """A convolution and its normalisation, for every view of the input; it may forget a ``missed`` update."""

    def __init__(self, views: str, momentum: float = 0.1, missed: bool = False) -> None:
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3, momentum=momentum)
        self.views, self.missed = VIEWS[views], missed

    def forward(self, x: Any) -> Any:
        found = []
        for view in self.views(x):
            own, forgotten = self.norm, self.missed and len(found) == 1
            statistics = [s.clone() if forgotten else s for s in (own.running_mean, own.running_var)]
            y = torch.nn.functional.batch_norm(
                self.conv(view), *statistics, own.weight, own.bias, self.training, own.momentum, own.eps
            )
            found.append(torch.tanh(y).mean((2, 3)).sum(0))
        return torch.stack(found)


class Paddle(paddle.nn.Layer):
    """The same; Paddle's momentum is the weight of the old statistic."""

    def __init__(self, views: str) -> None:
        super().__init__()
        self.conv, self.norm, self.views = paddle.nn.Conv2D(2, 3, 1), paddle.nn.BatchNorm2D(3), VIEWS[views]

    def forward(self, x: Any) -> Any:
        return paddle.stack([paddle.tanh(self.norm(self.conv(v))).mean([2, 3]).sum(0) for v in self.views(x)])


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("turned", [False, True])
def test_the_variance_that_frameworks_keep_is_known_in_every_run(views: str, turned: bool) -> None:
    models = [Torch(views), Paddle(views)]
    left, right = models[::-1] if turned else models
    assert {f.cause for f in parity.compare(left, right, INPUT).faults} == {*KNOWN}
    report = parity.compare(left, right, INPUT, accept=KNOWN)
    assert report, str(report)


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("turned", [False, True])
def test_another_momentum_beside_it_is_found(views: str, turned: bool) -> None:
    models = [Torch(views, momentum=0.2), Paddle(views)]
    left, right = models[::-1] if turned else models
    report = parity.compare(left, right, INPUT, accept=KNOWN)
    assert report.verdict == "different"
    assert {f.cause for f in report.faults} == {"batch_norm.momentum"}


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("turned", [False, True])
def test_an_update_that_is_missed_beside_it_is_found(views: str, turned: bool) -> None:
    models = [Torch(views, missed=True), Paddle(views)]
    left, right = models[::-1] if turned else models
    report = parity.compare(left, right, INPUT, accept=KNOWN)
    assert report.verdict == "different"
    assert {f.phase for f in report.faults} == {"buffers"}
    assert None in {f.cause for f in report.faults}


@pytest.mark.parametrize("views", VIEWS)
def test_another_momentum_alone_is_known_in_every_run(views: str) -> None:
    report = parity.compare(Torch(views), Torch(views, momentum=0.3), INPUT, accept=["batch_norm.momentum"])
    assert report, str(report)
