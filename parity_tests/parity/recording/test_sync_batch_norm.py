"""SyncBatchNorm on a CPU runs as the BatchNorm that it is on one card, and is judged like one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from parity_tests.helpers.nets import ACCEPT  # noqa: E402

nn, pnn = torch.nn, paddle.nn


@pytest.fixture(scope="module")
def group() -> Iterator[None]:
    """A process that is joined to a group, in which torch refuses to synchronise on a CPU."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def torch_net(**norm: Any) -> Any:
    return nn.Sequential(nn.Linear(3, 4), nn.SyncBatchNorm(4, **norm), nn.ReLU())


def paddle_net(**norm: Any) -> Any:
    return pnn.Sequential(pnn.Linear(3, 4), pnn.SyncBatchNorm(4, **norm), pnn.ReLU())


@pytest.mark.usefixtures("group")
def test_both_run_as_batch_norm_and_are_left_as_they_were() -> None:
    left, right = torch_net(), paddle_net()
    report = parity.compare(left, right, (6, 3), accept=ACCEPT)
    assert report, str(report)
    assert any(a.kind == b.kind == "batch_norm" for a, b in report.pairing.pairs)
    assert {"train forward", "buffers", "backward", "float32 train"} <= {c.phase for c in report.comparisons}
    with pytest.raises(ValueError, match="on GPU"):
        left(torch.ones(6, 3))
    with pytest.raises(RuntimeError, match="not registered"):
        right(paddle.ones([6, 3]))


@pytest.mark.usefixtures("group")
def test_another_eps_or_momentum_is_found_in_it() -> None:
    for left, right, cause in (
        (torch_net(eps=1e-3), nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU()), "batch_norm.eps"),
        (torch_net(), paddle_net(momentum=0.5), "batch_norm.momentum"),
    ):
        report = parity.compare(left, right, (6, 3), accept=ACCEPT)
        assert report.finding is not None
        assert report.finding.cause == cause, str(report)
