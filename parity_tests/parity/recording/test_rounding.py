"""What one framework holds as float32, another is run with: as it is declared, and no further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import nlblocks_torch  # noqa: E402
from nlblocks.parity.recording.rounding import COMPLEMENT_OFF, Rounding  # noqa: E402
from nlblocks.parity.running import Subject  # noqa: E402
from nlblocks_paddle.lab.rounding import rounding  # noqa: E402
from parity_tests.helpers.checkout import python  # noqa: E402

X = np.random.default_rng(0).normal(size=(4, 3, 6, 5))


def result(model: Any, **options: Any) -> Any:
    tracer = Subject.alone(model, X, 0).tracer
    trace = tracer.run(model, tracer.state(model), inputs=(X,), training=True, backward=True, **options)
    assert not trace.error
    return {**trace.results(), **{("op", op.kind): trace.values[op.outputs[0]] for op in trace.ops}}


def equal(left: Any, right: Any) -> bool:
    return all(np.array_equal(left[key], right[key]) for key in left)


def test_a_constant_is_rounded_and_moved() -> None:
    eps = float(np.float32(1.1e-5))
    assert eps != 1.1e-5
    own, wanted = (torch.nn.BatchNorm2d(3, eps=value, momentum=0.25) for value in (1.1e-5, eps))
    assert equal(result(own, held=rounding), result(wanted))  # 1 - 0.25 is a float32 number
    assert not equal(result(own), result(wanted))
    moved = result(own, held=rounding, perturbed=True)[("output", "")]
    assert 1e-13 < np.abs(moved - result(wanted)[("output", "")]).max() < 1e-9


@pytest.mark.parametrize(
    "layer", [torch.nn.Hardsigmoid(), torch.nn.SELU(), torch.nn.AvgPool2d(2), torch.nn.Upsample(scale_factor=2.0)]
)
def test_what_is_no_argument_is_rounded_or_moved_by_little(layer: Any) -> None:
    if isinstance(layer, torch.nn.Upsample):
        layer.mode = "bilinear"
    plain, moved = result(layer), result(layer, held=rounding, perturbed=True)
    keys = [("output", ""), ("grad_input", "0")]
    apart = max(np.abs(plain[key] - moved[key]).max() / np.abs(plain[key]).max() for key in keys)
    assert 1e-9 < apart < 1e-5


def test_what_a_framework_holds_itself_is_not_asked_of_it() -> None:
    assert not rounding.beyond(rounding)
    left, right = Subject.both(torch.nn.Linear(5, 2), paddle.nn.Linear(5, 2), X, 0)
    assert left.held
    assert not right.held
    more = Rounding(constants={"relu": ("x",), "elu": ("alpha",)}, counts=frozenset({"avg_pool", "other"}))
    rest = more.beyond(rounding)
    assert (dict(rest.constants), rest.counts, rest.statistics_off) == ({"relu": ("x",)}, {"other"}, 0.0)
    both = more | rounding
    assert not more.beyond(both)
    assert not rounding.beyond(both)
    assert both.statistics_off == COMPLEMENT_OFF


def test_the_torch_backend_knows_nothing_of_another() -> None:
    for path in Path(nlblocks_torch.__file__).parent.rglob("*.py"):
        assert "paddle" not in path.read_text().lower(), path


def test_a_capture_rounds_as_paddle_would_where_there_is_no_paddle() -> None:
    program = (
        "import sys; sys.modules['paddle'] = sys.modules['torch'] = None\n"
        "from nlblocks.parity.recording import Rounding\n"
        "held = Rounding.declared()\n"
        "assert held.constants['batch_norm'] == ('eps',) and held.formulas and held.statistics_off\n"
        "assert not held.beyond(held)\n"
    )
    found = python("-c", program)
    assert found.returncode == 0, found.stderr
