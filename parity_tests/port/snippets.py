"""Paddle snippets, ported and run: what the tests of the table, and of the translator, stand on."""

from __future__ import annotations

import ast
import textwrap
import warnings
from typing import Any

import numpy as np
import paddle
import torch

from nlblocks.port.observe import Record, Watcher
from nlblocks.port.resolve import Module, Program
from nlblocks.port.rewrite import Ported, ported
from nlblocks.port.table.row import Case
from nlblocks.port.weights import Entry, moves
from nlblocks_paddle.lab.porting import porting as paddle_porting
from nlblocks_torch.lab.porting import porting as torch_porting

HEAD = "import numpy as np\nimport paddle\nimport paddle.nn as nn\nimport paddle.nn.functional as F\n\n\n"
TOLERANCE = 1e-11
"""Relative to the largest value: what is right sits below 1e-12."""
HELD = 5e-7
"""The same where Paddle computes with a constant in float32, whose precision this is."""
CANCELLED = 1e-3
"""A gradient below this part of the largest counts as that part: it may be zero but for rounding, as a key's bias'."""


def source_of(case: Case) -> str:
    """A module with build() and run(layer, ...) of a case."""
    text = HEAD
    if case.layer:
        text += f"def build():\n{_returning(case.layer)}\n\n\n"
    return text + f"def run({', '.join(['layer', *case.inputs])}):\n{_returning(case.code)}\n"


def _returning(lines: str) -> str:
    body = ast.parse(lines).body
    start = body[-1].lineno - 1
    kept = lines.splitlines()
    last = textwrap.indent("\n".join(kept[start:]), "    ")
    before = textwrap.indent("\n".join(kept[:start]), "    ")
    return f"{before}\n    return {last.lstrip()}".lstrip("\n")


def arrays_of(case: Case) -> dict[str, np.ndarray]:
    return {name: _drawn(text, seed) for seed, (name, text) in enumerate(case.inputs.items())}


def _drawn(text: str, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    kind, (extents, _, top) = text[0], text[1:].partition(":")
    shape = tuple(int(n) for n in extents.split(",") if n)
    if kind == "i":
        return draw.integers(0, int(top), size=shape)
    if kind == "b":
        return draw.integers(0, 2, size=shape).astype(bool)
    return {"f": draw.normal(size=shape), "p": draw.uniform(0.5, 2, size=shape), "u": draw.uniform(size=shape)}[kind]


class Snippet:
    """A case, run in Paddle under watch, ported, and run in torch."""

    def __init__(self, case: Case) -> None:
        self.case, self.arrays = case, arrays_of(case)
        self.source = source_of(case)
        watcher = Watcher(paddle_porting)
        space: dict[str, Any] = {"__name__": "snippet"}
        paddle.set_default_dtype("float64")
        try:
            with paddle_porting.named_anew():
                watcher.run(self.source, "snippet", "snippet.py", space)
                self.paddle_layer = space["build"]() if case.layer else None
                if self.paddle_layer is not None:
                    tensors = self.paddle_layer.state_dict().values()
                    if any(t.dtype == paddle.float32 for t in tensors):  # recurrent layers cannot be cast
                        self.paddle_layer.to(dtype="float64")
                    self.start = paddle_porting.state(
                        self.paddle_layer
                    )  # before it ran: some layers change as they run
                self.paddle = self._run_paddle(space["run"])
        finally:
            paddle.set_default_dtype("float32")
        self.ported = self._port(watcher.record)

    def _port(self, record: Record) -> Ported:
        module = Module("snippet", "snippet.py", self.source)
        return ported(module, Program({"snippet": module}), record)

    def _run_paddle(self, run: Any) -> tuple[list[Any], dict[str, Any]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Paddle has to say of its own layers
            return self._watched(run)

    def _watched(self, run: Any) -> tuple[list[Any], dict[str, Any]]:
        inputs = {n: paddle.to_tensor(a, stop_gradient=a.dtype.kind != "f") for n, a in self.arrays.items()}
        found = _leaves(run(self.paddle_layer, **inputs))
        tensors = [f for f in found if isinstance(f, paddle.Tensor) and not f.stop_gradient]
        if self.case.grad:
            assert tensors, "no result has a gradient: say grad=False"
            paddle.autograd.backward(tensors, [paddle.to_tensor(_sent(i, t.shape)) for i, t in enumerate(tensors)])
        gradients = {n: t.grad for n, t in inputs.items()}
        if self.paddle_layer is not None:
            gradients |= {f"layer.{n}": p.grad for n, p in self.paddle_layer.named_parameters()}
        return found, {n: g.numpy() for n, g in gradients.items() if g is not None}

    def torch(self) -> tuple[list[Any], dict[str, Any]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._run_torch()

    def _run_torch(self) -> tuple[list[Any], dict[str, Any]]:
        space: dict[str, Any] = {"__name__": "snippet_torch"}
        exec(compile(self.ported.text, "snippet_torch.py", "exec"), space)
        torch.set_default_dtype(torch.float64)
        try:
            layer = space["build"]() if self.case.layer else None
            names = self._moved(layer) if layer is not None else {}
            inputs = {n: torch.tensor(a, requires_grad=a.dtype.kind == "f") for n, a in self.arrays.items()}
            found = _leaves(space["run"](layer, **inputs))
        finally:
            torch.set_default_dtype(torch.float32)
        tensors = [f for f in found if isinstance(f, torch.Tensor) and f.requires_grad]
        if self.case.grad:
            torch.autograd.backward(tensors, [torch.tensor(_sent(i, t.shape)) for i, t in enumerate(tensors)])
        gradients = {n: t.grad.numpy() for n, t in inputs.items() if t.grad is not None}
        if layer is not None:
            own = dict(layer.named_parameters())
            for paddle_name, (name, transposed) in names.items():
                grad = own[name].grad if name in own else None
                if grad is not None:
                    found_grad = grad.numpy().T if transposed else grad.numpy()
                    like = self.paddle[1].get(f"layer.{paddle_name}", found_grad)
                    gradients[f"layer.{paddle_name}"] = found_grad.reshape(like.shape)
        return found, gradients

    def _moved(self, layer: Any) -> dict[str, tuple[str, bool]]:
        layer.double()
        pairs = moves(
            [Entry(*e) for e in paddle_porting.entries(self.paddle_layer)],
            [Entry(*e) for e in torch_porting.entries(layer)],
        )
        source, target = self.start, layer.state_dict()
        for move in pairs:
            values = source[move.paddle]
            target[move.torch].copy_(
                torch.from_numpy(values.T.copy() if move.transposed else values.copy()).reshape(
                    target[move.torch].shape
                )
            )
        return {move.paddle: (move.torch, move.transposed) for move in pairs}

    def check(self) -> None:
        """Assert that the port computes what Paddle computes."""
        refused = [f"{r.api}: {r.why}" for r in self.ported.refused]
        assert not refused, refused
        tolerance = HELD if self.case.held else TOLERANCE
        (left, left_gradients), (right, right_gradients) = self.paddle, self.torch()
        assert len(left) == len(right), f"{len(left)} results in Paddle, {len(right)} in torch"
        for a, b in zip(left, right, strict=True):
            _same(_plain(a), _plain(b), self.case.check, tolerance)
        if self.case.check == "values":
            assert left_gradients.keys() == right_gradients.keys(), (left_gradients.keys(), right_gradients.keys())
            largest = max((float(np.abs(value).max(initial=0)) for value in left_gradients.values()), default=0.0)
            for name, value in left_gradients.items():
                _same(value, right_gradients[name], "values", tolerance, f"gradient of {name}", CANCELLED * largest)


def _sent(index: int, shape: Any) -> np.ndarray:
    return np.random.default_rng(100 + index).normal(size=tuple(shape))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, list | tuple) and not all(isinstance(v, int | float | bool) for v in value):
        return [leaf for item in value for leaf in _leaves(item)]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [value]


def _plain(value: Any) -> Any:
    if hasattr(value, "detach"):
        found = value.detach()
        if "bfloat16" in str(found.dtype):
            found = found.float()
        return found.numpy()
    if isinstance(value, list | tuple):
        return [int(v) if hasattr(v, "__int__") else v for v in value]
    return value


def _same(a: Any, b: Any, check: str, tolerance: float, what: str = "result", least: float = 1e-30) -> None:
    if not isinstance(a, np.ndarray):
        assert a == b, f"{what}: {a!r} in Paddle, {b!r} in torch"
        return
    assert isinstance(b, np.ndarray), f"{what}: {b!r} in torch is no tensor"
    assert a.shape == b.shape, f"{what}: {a.shape} in Paddle, {b.shape} in torch"
    assert a.dtype == b.dtype, f"{what}: {a.dtype} in Paddle, {b.dtype} in torch"
    if check == "shape":
        return
    if check == "distribution":
        _alike(a, b, what)
        return
    if a.dtype.kind not in "fc":
        assert np.array_equal(a, b), f"{what} differs"
        return
    assert np.array_equal(np.isnan(a), np.isnan(b)), f"{what}: not a number in different places"
    wide = np.result_type(a, np.float64)
    endless = np.isinf(a) | np.isinf(b)
    assert np.array_equal(a[endless], b[endless]), f"{what}: infinite in different places"
    a, b = np.where(endless, 0, a), np.where(endless, 0, b)
    scale = max(float(np.nanmax(np.abs(a), initial=0)), least, 1e-30)
    worst = np.nanmax(np.abs(a.astype(wide) - b.astype(wide)), initial=0) / scale
    assert worst < tolerance, f"{what} differs by {worst:.1e}"


def _alike(a: np.ndarray, b: np.ndarray, what: str) -> None:
    """Two draws of one distribution: means, deviations and bounds within what chance allows."""
    assert a.size >= 2000, f"{what}: too few draws to tell"
    for one in (np.mean, np.std):
        error = 6 * max(np.std(a), np.std(b), 1e-12) / np.sqrt(a.size)
        assert abs(one(a) - one(b)) < error, f"{what}: {one.__name__} {one(a):.4g} in Paddle, {one(b):.4g} in torch"
    reach = 0.25 * max(np.ptp(a), np.ptp(b), 1e-12)
    assert abs(a.min() - b.min()) < reach, f"{what}: minimum {a.min():.4g} in Paddle, {b.min():.4g} in torch"
    assert abs(a.max() - b.max()) < reach, f"{what}: maximum {a.max():.4g} in Paddle, {b.max():.4g} in torch"
