"""What a pair does, by hand: a plain script in float64 that shares no code with the library and judges the cases.

The constants that Paddle holds as float32 are rounded on the torch side first: what is left of the difference between
the two sides of a correct pair is rounding.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import paddle
import torch

from benchmarks.faults.case import Case
from benchmarks.faults.families import Array
from benchmarks.faults.optimisers import OPTIMISERS, STEPS
from benchmarks.faults.transfer import BUFFERS, randomise, spoil, transfer

NONE = float("inf")


@dataclass(slots=True)
class Seen:
    """Relative differences, infinite where two things cannot be compared; ``problems`` of the transfer; ``raised``."""

    problems: list[str] = field(default_factory=list)
    raised: str = ""
    eval: float = 0.0
    train: float = 0.0
    gradients: float = 0.0
    buffers: float = 0.0
    training: float = 0.0
    finite: bool = True
    same_shapes: bool = True


@contextmanager
def default_float64() -> Iterator[None]:
    """Models built inside hold float64 in both frameworks."""
    before = torch.get_default_dtype(), paddle.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    paddle.set_default_dtype("float64")
    try:
        yield
    finally:
        torch.set_default_dtype(before[0])
        paddle.set_default_dtype(before[1])


def build(case: Case, seed: int = 0) -> tuple[Any, Any]:
    """Both models in float64 from the start; Paddle's old BatchNorm holds float32 even so."""
    with default_float64():
        left, right = case.build(seed)
    for layer in right.sublayers(include_self=True):
        if type(layer) is paddle.nn.BatchNorm:
            layer.to(dtype="float64")
    return left, right


def ideal(case: Case, dtype: str = "float64", seed: int = 0) -> tuple[Any, Any, list[str]]:
    """Both models with the same random weights, moved by hand; the mistakes in loading, if any, are made after it."""
    left, right = build(case, seed) if dtype == "float64" else case.build(seed)
    randomise(left, seed)
    problems = transfer(case, left, right)
    spoil(case, right)
    return left, right, problems


def examine(case: Case) -> Seen:
    """Run the pair in evaluation, in training with a backward pass, and for some steps where it has an optimiser."""
    seen = Seen()
    with warnings.catch_warnings(), default_float64():
        warnings.simplefilter("ignore")
        left, right, seen.problems = ideal(case)
        _round_constants(left)
        try:
            _examine(case, left, right, seen)
        except Exception as error:
            seen.raised = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return seen


def _examine(case: Case, left: Any, right: Any, seen: Seen) -> None:
    left.eval(), right.eval()
    ours, theirs = forward(left, right, case.inputs(), grad=False)[:2]
    seen.eval = _compare(ours, theirs, seen)
    if case.random and not case.is_fault:
        return
    left.train(), right.train()
    ours, theirs, xs, ys = forward(left, right, case.inputs(), grad=True)
    seen.train = _compare(ours, theirs, seen)
    if not seen.same_shapes:
        return
    backward(ours, theirs)
    seen.gradients = _gradients(case, left, right, xs, ys)
    seen.buffers = _buffers(case, left, right)
    if case.optimiser:
        seen.training = _train(case)


def forward(left: Any, right: Any, inputs: tuple[Array, ...], *, grad: bool) -> tuple[Any, ...]:
    """Outputs of both sides in one order, and the inputs that they had."""
    xs, ys = [], []
    for array in inputs:
        floating = array.dtype.kind == "f"
        array = array.astype(paddle.get_default_dtype()) if floating else array
        xs.append(torch.tensor(array, requires_grad=grad and floating))
        ys.append(paddle.to_tensor(array, stop_gradient=not (grad and floating)))
    return flat(left(*xs)), flat(right(*ys)), xs, ys


def flat(result: Any) -> dict[str, Any]:
    """Outputs by name: a dictionary's keys, positions, or "0"."""
    if isinstance(result, dict):
        return dict(result)
    return {str(i): item for i, item in enumerate(result)} if isinstance(result, tuple) else {"0": result}


def backward(ours: Any, theirs: Any) -> None:
    """Send the same random gradient into both sides."""
    rng = np.random.default_rng(1)
    left: Any = 0.0
    right: Any = 0.0
    for name, value in ours.items():
        direction = rng.normal(size=tuple(value.shape))
        left = left + (value * torch.tensor(direction)).sum()
        right = right + (theirs[name] * paddle.to_tensor(direction)).sum()
    left.backward()
    right.backward()


def relative(left: Array, right: Array, scale: float = 0.0) -> float:
    """The largest difference relative to the largest magnitude; infinity where shapes or finiteness differ."""
    if left.shape != right.shape:
        return NONE
    if left.size == 0:
        return 0.0
    found = float(np.abs(left - right).max()) / (scale or max(float(np.abs(left).max()), 1e-300))
    return found if np.isfinite(found) else NONE


def _compare(ours: Any, theirs: Any, seen: Seen) -> float:
    if set(ours) != set(theirs) or any(tuple(v.shape) != tuple(theirs[k].shape) for k, v in ours.items()):
        seen.same_shapes = False
        return NONE
    pairs = [(value.detach().numpy(), theirs[name].numpy()) for name, value in ours.items()]
    seen.finite = all(np.isfinite(array).all() for pair in pairs for array in pair)
    return max(relative(*pair) for pair in pairs)


def _gradients(case: Case, left: Any, right: Any, xs: Any, ys: Any) -> float:
    """Over inputs and parameters, relative to the largest gradient of all: what is all rounding stays small."""
    pairs = [(_grad(x), _grad(y)) for x, y in zip(xs, ys, strict=True) if x.requires_grad]
    mirror = build(case)[1]
    grads = {name: _grad(p) for name, p in right.named_parameters()}
    # The transfer moves gradients as it moves weights.
    for _, parameter in left.named_parameters():
        parameter.data.copy_(torch.tensor(_grad(parameter)))
    for buffer in left.buffers():
        buffer.data.zero_()
    transfer(case, left, mirror)
    moved = {name: p.numpy() for name, p in mirror.named_parameters() if not p.stop_gradient}
    pairs += [(value, grads[name]) for name, value in moved.items() if name in grads]
    scale = max((float(np.abs(array).max()) for pair in pairs for array in pair if array.size), default=1.0)
    return max((relative(*pair, scale=scale) for pair in pairs), default=0.0)


def _grad(tensor: Any) -> Array:
    return np.zeros(tuple(tensor.shape)) if tensor.grad is None else tensor.grad.numpy()


def _buffers(case: Case, left: Any, right: Any) -> float:
    left, right = case_after_step(case)
    state = {name: tensor.numpy() for name, tensor in right.state_dict().items()}
    worst = 0.0
    for path, module in left.named_modules():
        for name, value in module.named_buffers(recurse=False):
            if name in BUFFERS:
                worst = max(worst, relative(value.numpy(), state[f"{case.partner(path)}.{BUFFERS[name]}"]))
    return worst


def case_after_step(case: Case) -> tuple[Any, Any]:
    """Both models after one forward pass in training mode."""
    left, right, _ = ideal(case)
    _round_constants(left)
    left.train(), right.train()
    forward(left, right, case.inputs(), grad=False)
    return left, right


def _train(case: Case) -> float:
    """How far the evaluation outputs are apart after some steps on one batch."""
    left, right, _ = ideal(case)
    _round_constants(left)
    ours, theirs = (
        make(list(m.parameters())) for make, m in zip(OPTIMISERS[case.optimiser], (left, right), strict=True)
    )
    left.train(), right.train()
    for _ in range(STEPS):
        a, b = forward(left, right, case.inputs(), grad=False)[:2]
        backward(a, b)
        ours.step(), theirs.step()
        ours.zero_grad(), theirs.clear_grad()
    left.eval(), right.eval()
    a, b = forward(left, right, case.inputs(), grad=False)[:2]
    return _compare(a, b, Seen())


def _round_constants(model: Any) -> None:
    for module in model.modules():
        for name in ("eps", "alpha"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, float(np.float32(getattr(module, name))))
        if isinstance(getattr(module, "momentum", None), float):
            module.momentum = 1.0 - float(np.float32(1.0 - module.momentum))
