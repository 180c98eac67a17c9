"""A constant that a kernel rounds is no difference, however the other side spells it; a different constant is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import paddle.nn.functional as PF  # noqa: E402
import torch.nn.functional as TF  # noqa: E402

from nlblocks import parity  # noqa: E402
from nlblocks.numerics.tolerance import FLOAT32_EQUAL, HELD_WEIGHT, RATIO  # noqa: E402
from nlblocks.parity.recording.held import OFF, Held  # noqa: E402
from nlblocks.parity.recording.options import RunOptions  # noqa: E402
from nlblocks.parity.tracing import Trace  # noqa: E402
from nlblocks.parity.tracing.vocabulary import same_number  # noqa: E402
from parity_tests.helpers.between import compare_between  # noqa: E402


def held(**options: Any) -> tuple[Held, Trace]:
    trace = Trace(framework="a", model="B", training=False, dtype="float64")
    return Held(RunOptions(inputs=(), **options), trace), trace


def test_a_constant_is_as_it_was_given_and_moves_in_a_perturbed_run_if_float32_rounds_it() -> None:
    assert (held()[0].number(0.2), held(perturbed=True)[0].number(0.25)) == (0.2, 0.25)
    assert held(perturbed=True)[0].number(0.2) == 0.2 * (1 + 2.0**-24)
    assert held()[0].active
    assert not held(dtype="float32")[0].active
    assert OFF * RATIO * HELD_WEIGHT == FLOAT32_EQUAL


def test_two_constants_are_one_number_up_to_one_bound() -> None:
    near, far = 0.2 * (1 + 0.9 * FLOAT32_EQUAL), 0.2 * (1 + 1.2 * FLOAT32_EQUAL)
    assert same_number(0.2, near)
    assert not same_number(0.2, far)


@pytest.mark.parametrize(
    ("own", "exact", "stands"),
    [
        ([1.0, 2.0], [1.0, 2.0 + 1e-6], True),
        ([1.0, 2.0], [1.0, 2.0 + 1e-4], False),  # another operation, not a rounding
        ([1.0, np.nan], [1.0, 2.0], False),
        ([1.0, np.inf], [1.0, np.inf], False),
        ([1.0], [1.0, 1.0], False),
    ],
)
def test_what_is_written_out_stands_for_a_kernel_only_where_it_is_the_same(own: Any, exact: Any, stands: bool) -> None:
    found, trace = held()
    assert found.replaces("kernel", "a number", np.array(own), np.array(exact)) is stands
    assert bool(trace.held) is stands


def test_how_far_a_kernel_may_be_off_follows_what_it_reads() -> None:
    found, _ = held()
    own, exact = np.array([1e-6, 2e-6]), np.array([1e-6, 2.01e-6])
    assert found.replaces("kernel", "a number", own, exact)  # beside a constant of about 1
    assert not found.replaces("kernel", "a ratio", own, exact, least=0.0)
    assert found.replaces("kernel", "a ratio", np.array([1.0]), np.array([1.0 + 1e-4]), places=64)


SPELLINGS = {
    "clamp": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "relu6": lambda x: TF.relu6(1.2 * x + 3.0) / 6.0,
    "hardtanh": lambda x: TF.hardtanh(0.2 * x + 0.5, 0.0, 1.0),
    "a float32 constant": lambda x: (float(np.float32(0.2)) * x + 0.5).clamp(0, 1),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_hard_sigmoid_is_the_same_in_every_spelling(name: str) -> None:
    report = compare_between(SPELLINGS[name], lambda x: PF.hardsigmoid(x, slope=0.2, offset=0.5), training=False)
    assert report.verdict == "same", str(report)
    said = [f.explanation for f in report.findings if "hardsigmoid" in f.explanation]
    assert len(said) == 1
    assert "holds slope and offset as float32" in said[0]


@pytest.mark.parametrize("slope", [0.2000001, 0.1999999, 0.21])
def test_another_slope_is_named(slope: float) -> None:
    report = compare_between(
        lambda x: (slope * x + 0.5).clamp(0, 1), lambda x: PF.hardsigmoid(x, slope=0.2, offset=0.5), training=False
    )
    assert report.verdict == "different", str(report)


@pytest.mark.parametrize("slope", [1 / 6, 0.1666667])
def test_the_default_slope_is_one_sixth_in_either_spelling(slope: float) -> None:
    report = compare_between(lambda x: (slope * x + 0.5).clamp(0, 1), PF.hardsigmoid, training=False)
    assert report.verdict == "same", str(report)


@pytest.mark.parametrize(
    ("left", "right", "dims", "same"),
    [
        (
            lambda x: TF.interpolate(x, scale_factor=1.7, mode="trilinear"),
            lambda x: PF.interpolate(x, scale_factor=1.7, mode="trilinear", data_format="NCDHW"), 3, True,
        ),
        (
            lambda x: TF.interpolate(x, scale_factor=2.3, mode="bilinear", align_corners=True),
            lambda x: PF.interpolate(x, scale_factor=2.3, mode="bilinear", align_corners=True), 2, True,
        ),
        (
            lambda x: TF.interpolate(x, scale_factor=2.3, mode="bilinear", align_corners=True),
            lambda x: PF.interpolate(x, scale_factor=2.3, mode="bilinear", align_mode=1), 2, False,
        ),
        (lambda x: TF.adaptive_avg_pool2d(x, 3), lambda x: PF.adaptive_avg_pool2d(x, 3), 2, True),
        (lambda x: TF.adaptive_avg_pool2d(x, 3), lambda x: PF.adaptive_avg_pool2d(x, 3) * 1.000001, 2, False),
        (lambda x: torch.where(x >= 0, x, 0.01 * x), lambda x: PF.leaky_relu(x, 0.01), 0, True),
        (lambda x: torch.where(x >= 0, x, 0.0100001 * x), lambda x: PF.leaky_relu(x, 0.01), 0, False),
        (lambda x: TF.elu(x, 0.3), lambda x: PF.elu_(x, 0.3), 0, True),
    ],
)  # fmt: skip
def test_gradients_are_compared_as_closely(left: Any, right: Any, dims: int, same: bool) -> None:
    report = compare_between(left, right, dims)
    assert (report.verdict == "same") is same, str(report)
    worst = max(c.difference.relative for c in report.comparisons if c.phase in ("eval forward", "backward"))
    assert (worst < 1e-13) is same


def _mobile(framework: str, swish: Any) -> Any:
    """A convolution, BatchNorm and activation, a gate over pooled channels, and a classifier."""
    nn: Any = torch.nn if framework == "torch" else paddle.nn
    conv, norm = (nn.Conv2d, nn.BatchNorm2d) if framework == "torch" else (nn.Conv2D, nn.BatchNorm2D)
    pool = TF.adaptive_avg_pool2d if framework == "torch" else PF.adaptive_avg_pool2d
    gate = TF.hardsigmoid if framework == "torch" else PF.hardsigmoid
    base: Any = nn.Module if framework == "torch" else nn.Layer

    class Net(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.norm = conv(3, 6, 3, stride=2), norm(6)
            self.squeeze, self.head = conv(6, 6, 1), nn.Linear(6, 3)

        def forward(self, x: Any) -> Any:
            x = swish(self.norm(self.stem(x)))
            x = x * gate(self.squeeze(pool(x, 1)))
            return self.head(pool(x, 1).flatten(1))

    return Net()


@pytest.mark.parametrize(
    ("swish", "same"),
    [
        (TF.hardswish, True),
        (lambda x: x * TF.relu6(x + 3) / 6, True),
        (lambda x: x * TF.hardsigmoid(x), True),
        (lambda x: x * TF.relu6(x + 3) * 0.1667, False),
    ],
)
def test_a_mobile_net_trains_alike_in_every_spelling(swish: Any, same: bool) -> None:
    right = _mobile("paddle", lambda x: x * PF.hardsigmoid(x))
    report = parity.compare(_mobile("torch", swish), right, (3, 3, 9, 8), accept=("batch_norm.variance",), steps=2)
    assert (report.verdict == "same") is same, str(report)


def far(x: Any) -> Any:
    """Values up to 40 and more: frameworks take softplus for a line from 20 on."""
    return 19.0 + 4.0 * x


SOFTPLUS: dict[str, tuple[Any, Any]] = {
    "log(1 + exp(x))": (lambda x: torch.log1p(torch.exp(far(x))), lambda x: paddle.log1p(paddle.exp(far(x)))),
    "the function": (lambda x: TF.softplus(far(x)), lambda x: PF.softplus(far(x))),
    "-log(sigmoid(-x))": (lambda x: -TF.logsigmoid(-far(x)), lambda x: -PF.log_sigmoid(-far(x))),
    "a later line": (lambda x: TF.softplus(far(x), threshold=30), lambda x: PF.softplus(far(x), threshold=30)),
}


@pytest.mark.parametrize("left", SOFTPLUS)
@pytest.mark.parametrize("right", SOFTPLUS)
def test_softplus_is_one_function_in_every_spelling(left: str, right: str) -> None:
    report = compare_between(SOFTPLUS[left][0], SOFTPLUS[right][1])
    assert report.verdict == "same", str(report)


@pytest.mark.parametrize("threshold", [5, 15])
def test_a_softplus_that_is_a_line_sooner_is_another(threshold: int) -> None:
    report = compare_between(lambda x: TF.softplus(far(x), threshold=threshold), lambda x: PF.softplus(far(x)))
    assert report.verdict == "different", str(report)
    report = compare_between(lambda x: TF.softplus(far(x)), lambda x: PF.softplus(far(x), threshold=threshold))
    assert report.verdict == "different", str(report)
