"""What can be exported: a block of a spec with a state, or any model as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import onnx

from nlblocks.backend import Array, Backend, DType, State, backend_of, get, installed, rows
from nlblocks.errors import InputError
from nlblocks.exchange.judging import NativeBlock, NativeModel, exact_eps
from nlblocks.init import initial_state
from nlblocks.parity.running import Subject
from nlblocks.proof import sample
from nlblocks.specs.base import BlockSpec, Shape
from nlblocks.specs.inputs import Each, joined, parts, split
from nlblocks.weights.state import state_of

Axes = Sequence[Mapping[int, str]]
"""For each input, its dynamic axes by number, and their names."""
SPATIAL = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}

MOST = 64
"""How much longer an axis of an image is at most when it is tried: strides up to this show in what comes out."""


class Source(Protocol):
    """What is exported. ``state`` is what the file says of its weights; empty for a model that is no block."""

    backend: str
    dtype: str
    seed: int | None
    state: State

    @property
    def spec(self) -> BlockSpec | None:
        """That of a block."""

    @property
    def names(self) -> Sequence[str]:
        """Of the inputs."""

    def native(self, longer: Collection[str] = (), *, random: bool) -> Any:
        """What the program is held against, on an input some axes of which are longer, by their names.

        With ``random`` a block has a random state: at its initialisation a gate may be zero, which hides all behind.
        """

    def axes(self) -> Axes:
        """Which axes can have any extent at all."""

    def program(self, opset: int | None, axes: Axes, *, random: bool) -> onnx.ModelProto:
        """The exported program."""


class BlockSource:
    """A block: of a spec, as it starts with a seed, or a module as it is."""

    def __init__(
        self, spec: BlockSpec, backend: Backend, state: State | None, shape: Each | None, seed: int, dtype: str
    ) -> None:
        self._backend, self.backend, self.spec, self.dtype = backend, backend.name, spec, dtype
        self.seed = seed if state is None else None
        own = initial_state(spec, seed) if state is None else state
        self.state = {name: value.astype(dtype) for name, value in own.items()}
        shape = joined(split(spec, spec.example_shape() if shape is None else shape))
        spec.check_input(shape)
        self._point = sample.sensitive_point(spec, backend, seed, shape)
        self._shape, self.names = shape, spec.inputs

    def native(self, longer: Collection[str] = (), *, random: bool) -> NativeBlock:
        grown = [_grown(shape, axes, longer) for shape, axes in zip(parts(self._shape), self.axes(), strict=True)]
        self.spec.check_input(joined(grown))
        x = sample.random_inputs(joined(grown), 0, "longer") if longer else self._point.x
        return NativeBlock(self.spec, self._backend, self._point.state if random else self.state, x)

    def axes(self) -> Axes:
        found = []
        for own, shape in zip(self.names, parts(self._shape), strict=True):
            spatial = SPATIAL.get(len(shape) - 2, ())
            named = spatial if len(self.names) == 1 else [f"{own}_{name}" for name in spatial]
            found.append({0: "batch", **dict(enumerate(named, 2))})
        return found

    def program(self, opset: int | None, axes: Axes, *, random: bool) -> onnx.ModelProto:
        native = self.native(random=random)
        return _exported(
            self, native.module(_dtype(self.dtype)), native.inputs, names=self.names,
            outputs=["output", *native.maps], opset=opset, dynamic=axes, attention=bool(native.maps),
        )  # fmt: skip


class ModelSource:
    """Any model of a framework that exports, with its own weights."""

    spec: BlockSpec | None = None
    seed: int | None = None

    def __init__(self, model: Any, inputs: Any, dtype: str) -> None:
        self._model, self._native, self.dtype = model, NativeModel(model, inputs), dtype
        self.backend = self._native.framework
        self.state: State = {}
        if len(self._native.inputs) == 1:
            self.names: Sequence[str] = ("x",)
        else:
            self.names = [f"x{i}" for i in range(len(self._native.inputs))]

    def native(self, longer: Collection[str] = (), *, random: bool) -> NativeModel:
        if not longer:
            return self._native
        given = zip(self._native.inputs, self.axes(), strict=True)
        return NativeModel(self._model, tuple(_drawn(x, _grown(x.shape, axes, longer)) for x, axes in given))

    def axes(self) -> Axes:
        return [
            {0: "batch", **dict(enumerate(SPATIAL.get(x.ndim - 2, ()) if x.ndim > 3 else (), 2))} if x.ndim else {}
            for x in self._native.inputs
        ]

    def program(self, opset: int | None, axes: Axes, *, random: bool) -> onnx.ModelProto:
        outputs = self._native.names
        model = self._model
        if self.dtype != self._native.dtype:
            model = _part(self.backend).cast(model, self.dtype)
        return _exported(
            self, model, self._native.inputs, names=self.names, outputs=outputs, opset=opset, dynamic=axes,
            attention=False,
        )  # fmt: skip


def source_of(given: Any, *, backend: str | Backend | None, inputs: Any, seed: int, dtype: str) -> Source:
    """A spec in a backend, one of our blocks, or a model on its inputs. Raises InputError for anything else."""
    if isinstance(given, BlockSpec):
        return BlockSource(given, get(backend or installed()[0]), None, _shape(inputs), seed, dtype)
    if isinstance(getattr(given, "spec", None), BlockSpec):
        return BlockSource(given.spec, backend_of(given), state_of(given), _shape(inputs), seed, dtype)
    Subject.check(given)
    if inputs is None:
        raise InputError(f"{type(given).__name__}: give the shapes of its inputs, such as 1,3,224,224")
    return ModelSource(given, inputs, dtype)


def _exported(source: Source, *args: Any, **how: Any) -> onnx.ModelProto:
    found: onnx.ModelProto = _part(source.backend).exported(*args, **how)
    return exact_eps(found) if source.dtype == "float64" else found


def _part(backend: str) -> Any:
    """What a backend does for exporting."""
    try:
        return import_module(f"{rows()[backend].module}.exporting")
    except ModuleNotFoundError as error:
        if (error.name or "").endswith(".exporting"):
            raise InputError(f"backend {backend!r} exports nothing; give torch or paddle") from None
        raise


def _dtype(name: str) -> DType:
    return "float64" if name == "float64" else "float32"


def _shape(inputs: Any) -> Each | None:
    """The shape of a block's input, or of each of several; None where none is given."""
    shapes = () if inputs is None else parts(inputs)
    if all(isinstance(shape, tuple) and all(isinstance(extent, int) for extent in shape) for shape in shapes):
        return inputs
    raise InputError(f"give a shape for each input of a block, such as 2,64,14,14, and not {inputs!r}")


def _grown(shape: Shape, axes: Mapping[int, str], longer: Collection[str]) -> Shape:
    """A shape, some axes of which are longer: a batch by one, another twice as long."""
    more = {axis: 1 if name == "batch" else min(shape[axis], MOST) for axis, name in axes.items() if name in longer}
    return tuple(extent + more.get(axis, 0) for axis, extent in enumerate(shape))


def _drawn(like: Array, shape: Shape) -> Array:
    """Other values in another shape: of an integer input the same ones over and over, which are legal."""
    if like.dtype.kind == "f":
        return sample.random_array(shape, 0, "longer")
    return np.resize(like, shape)
