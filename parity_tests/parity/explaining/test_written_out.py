"""What is fused on one side is held against steps of the other, and what both write out is known by its values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nlblocks.parity.explaining.decomposed import decomposed
from nlblocks.parity.formulas import evaluate
from nlblocks.parity.tracing import Op, Trace, vocabulary

RNG = np.random.default_rng(0)
INPUT, HIDDEN, BATCH, STEPS = 3, 4, 2, 5
ATTRS: dict[str, dict[str, Any]] = {
    "hard_sigmoid": {"slope": 0.2, "offset": 0.5}, "log_softmax": {"axis": 1},
    "layer_norm": {"axes": (6,), "eps": 1e-3}, "rms_norm": {"axes": (6,), "eps": 1e-3},
}  # fmt: skip


def weights(kind: str, suffix: str = "_l0") -> dict[str, Any]:
    rows = {"lstm": 4, "gru": 3}.get(kind.removesuffix("_cell"), 1) * HIDDEN
    shapes = {"weight_ih": (rows, INPUT), "weight_hh": (rows, HIDDEN), "bias_ih": (rows,), "bias_hh": (rows,)}
    return {f"{name}{suffix}": RNG.normal(size=shape) for name, shape in shapes.items()}


def inputs(kind: str) -> dict[str, Any]:
    if not kind.endswith("_cell"):
        more = {role: RNG.normal(size=6) for role in ("weight", "bias")} if kind.endswith("norm") else {}
        return {"x": RNG.normal(size=(5, 6)), **more}
    states = {f"state{place}": RNG.normal(size=(BATCH, HIDDEN)) for place in range(2 if kind == "lstm_cell" else 1)}
    return {"x": RNG.normal(size=(BATCH, INPUT)), **states, **weights(kind)}


def trace_of(kind: str, arrays: dict[str, Any], attrs: dict[str, Any]) -> Trace:
    """A trace of one operation."""
    count = len(arrays)
    op = Op(index=0, kind=kind, name=kind, scope="layer", leaf=True, inputs=tuple(range(count)), roles=tuple(arrays),
            attrs=attrs, outputs=(count,), site="layer:call:1")  # fmt: skip
    values = {**dict(enumerate(arrays.values())), count: evaluate(kind, arrays, attrs)}
    return Trace(framework="numpy", model="Net", training=False, dtype="float64", ops=[op], values=values)


def again(trace: Trace, op: Op) -> Any:
    """The result of an operation of a trace, from its inputs."""
    arrays = {role: trace.values[number] for role, number in zip(op.roles, op.inputs, strict=True)}
    return evaluate(op.kind, arrays, op.attrs)


@pytest.mark.parametrize("kind", vocabulary.STEPS)
def test_the_steps_of_an_operation_compute_what_it_does(kind: str) -> None:
    trace = trace_of(kind, inputs(kind), ATTRS.get(kind, {}))
    finer = decomposed(trace, {0})
    assert finer is not None
    last = finer.ops[-1]
    assert len(finer.ops) > 1
    assert (last.outputs, last.site, {op.scope for op in finer.ops}) == (
        trace.ops[0].outputs,
        "layer:call:1",
        {"layer"},
    )
    assert np.abs(again(finer, last) - trace.values[last.outputs[0]]).max() < 1e-14


@pytest.mark.parametrize("kind", vocabulary.RECURRENCES)
@pytest.mark.parametrize("attrs", [{"time_major": True}, {"bidirectional": True}, {"reversed": True}])
def test_a_network_is_a_loop_of_cells(kind: str, attrs: dict[str, Any]) -> None:
    suffixes = ("_l0", "_l0_reverse") if attrs.get("bidirectional") else ("_l0",)
    arrays = {"x": RNG.normal(size=(BATCH, STEPS, INPUT))}
    for suffix in suffixes:
        arrays |= weights(kind, suffix)
    trace = trace_of(kind, arrays, {"layers": 1, **attrs})
    finer = decomposed(trace, {0})
    assert finer is not None
    steps = BATCH if attrs.get("time_major") else STEPS
    assert sum(op.kind == f"{kind}_cell" for op in finer.ops) == steps * len(suffixes)
    whole = next(op for op in finer.ops if op.outputs == trace.ops[0].outputs)
    assert np.abs(again(finer, whole) - trace.values[whole.outputs[0]]).max() < 1e-14


def test_what_nobody_wants_finer_stays() -> None:
    assert decomposed(trace_of("silu", inputs("silu"), {}), set()) is None


@pytest.mark.parametrize(
    ("left", "right", "cause"),
    [
        (lambda torch, x: torch.nn.functional.gelu(x), lambda paddle, x: x * (1.702 * x).sigmoid(), "gelu.approximate"),
        (lambda torch, x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))),
         lambda paddle, x: 0.5 * x * (1 + paddle.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))),
         "gelu.approximate"),
        (lambda torch, x: torch.nn.functional.silu(x), lambda paddle, x: x * (1.5 * x).sigmoid(), "scale.missing"),
        (lambda torch, x: torch.nn.functional.hardswish(x),
         lambda paddle, x: x * paddle.nn.functional.hardsigmoid(x, slope=0.2), "hard_sigmoid.slope"),
        (lambda torch, x: (x / 6 + 0.5).clamp(0, 1), lambda paddle, x: (0.2 * x + 0.5).clip(0, 1),
         "hard_sigmoid.slope"),
        (lambda torch, x: torch.nn.functional.normalize(x, dim=-1),
         lambda paddle, x: x / (x.square().sum(-1, keepdim=True) + 1e-3).sqrt(), "normalize.eps"),
        (lambda torch, x: torch.nn.functional.layer_norm(x, (6,)),
         lambda paddle, x: (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5), "normalisation.variance"),
        (lambda torch, x: x / x.norm(dim=-1, keepdim=True), lambda paddle, x: x / x.abs().sum(-1, keepdim=True),
         "normalize.p"),
    ],
)  # fmt: skip
def test_what_is_written_out_by_hand_has_its_cause(left: Callable[..., Any], right: Any, cause: str) -> None:
    torch, paddle = pytest.importorskip("torch"), pytest.importorskip("paddle")
    from nlblocks import parity

    class Left(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = torch.nn.Linear(6, 6), torch.nn.Linear(6, 3)

        def forward(self, x: Any) -> Any:
            return self.last(left(torch, self.first(x)))

    class Right(paddle.nn.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = paddle.nn.Linear(6, 6), paddle.nn.Linear(6, 3)

        def forward(self, x: Any) -> Any:
            return self.last(right(paddle, self.first(x)))

    report = parity.compare(Left(), Right(), (4, 5, 6), training=False)
    assert [finding.cause for finding in report.faults] == [cause], report
