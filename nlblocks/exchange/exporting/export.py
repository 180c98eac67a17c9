"""From a spec, a block or any model to a file that was held against it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from nlblocks.backend import Backend
from nlblocks.errors import InputError, file_path, one_of
from nlblocks.exchange.exporting.metadata import described
from nlblocks.exchange.exporting.sources import Axes, Source, source_of
from nlblocks.exchange.files import write
from nlblocks.exchange.judging import witnesses
from nlblocks.numerics import Comparison

DTYPES = ("float32", "float64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file that was written, and what it was held against.

    ``shapes`` are those of its inputs and outputs, by name, a dynamic axis by its own name; ``notes`` say what could
    not be as it was asked for.
    """

    path: Path
    opset: int
    shapes: Mapping[str, tuple[int | str, ...]]
    checks: tuple[Comparison, ...]
    notes: tuple[str, ...]

    def summary(self) -> list[str]:
        """A line for everybody who ran it: in which dtype, and the worst difference."""
        worst: dict[tuple[str, str], Comparison] = {}
        for check in self.checks:
            key = check.pair[1], check.dtype
            if key not in worst or check.difference.relative > worst[key].difference.relative:
                worst[key] = check
        return [
            f"{runner} in {dtype}: worst {check.difference.relative:.1e} of the largest value"
            + (f", {check.ratio:.2g} noise floors" if check.noise else "")
            for (runner, dtype), check in worst.items()
        ]


def export(
    source: Any, path: str | os.PathLike[str], *, backend: str | Backend | None = None, dtype: str = "float32",
    inputs: Any = None, seed: int = 0, opset: int | None = None, dynamic: bool = False,
) -> Exported:  # fmt: skip
    """Write a block's or a model's ONNX file, once it computes what the native model does.

    Args:
        source: A block's spec (built with ``seed``), one of our blocks, or any torch or Paddle model.
        path: A file name that ends in .onnx. It appears whole, and only after everybody who runs the program agreed.
        backend: Which framework exports a spec.
        dtype: "float32" or "float64".
        inputs: A shape, such as (2, 64, 14, 14), arrays, or a tuple of these; of a block its example by default.
        seed: Of the weights of a spec.
        opset: The version of the operators; default: the exporter's own.
        dynamic: Let the batch and the extents of images be of any size, where the model allows that.

    A block has its attention maps as outputs after the first. Raises InputError for what cannot be exported, and where
    the program differs from the model; the file is not written then.
    """
    target = file_path(path)
    if target.suffix != ".onnx":
        raise InputError(f"{target}: the name of an ONNX file ends in .onnx")
    if dtype not in DTYPES:
        raise InputError(f"dtype={dtype!r} {one_of(dtype, DTYPES)}")
    own = source_of(source, backend=backend, inputs=inputs, seed=seed, dtype=dtype)
    axes, notes = _dynamic(own, opset) if dynamic else ([], [])
    # A block is held at a random state: at its initialisation a gate may be zero, and all behind it would pass.
    grown = frozenset(name for each in axes for name in each.values())
    checks: list[Comparison] = []
    if own.spec is not None:
        found, more = witnesses(own.program(opset, axes, random=True), own.native(random=True), dtype=dtype)
        checks, notes = [*checks, *found], [*notes, *more]
    model = own.program(opset, axes, random=False)
    for longer in dict.fromkeys((frozenset(), grown)):
        found, more = witnesses(model, own.native(longer, random=False), dtype=dtype)
        checks, notes = [*checks, *found], [*notes, *more]
    _refuse_different(target, checks)
    _name_axes(model, own, axes, grown)
    described(
        model, backend=own.backend, dtype=dtype, spec=own.spec, maps=own.native(random=False).maps, state=own.state,
        seed=own.seed,
    )  # fmt: skip
    onnx.checker.check_model(model)
    write(model, target)
    return Exported(
        path=target, opset=max(entry.version for entry in model.opset_import if not entry.domain),
        shapes=_shapes(model), checks=tuple(checks), notes=tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _dynamic(source: Source, opset: int | None) -> tuple[Axes, list[str]]:
    """The axes that can have any extent, and why others cannot: all are tried together, else one beside the other."""
    axes = source.axes()
    names = list(dict.fromkeys(name for each in axes for name in each.values()))
    if not _tried(source, opset, axes, names):
        return axes, []
    notes: list[str] = []
    open_: list[str] = []
    for name in names:
        some = [{axis: other for axis, other in each.items() if other in (*open_, name)} for each in axes]
        why = _tried(source, opset, some, [*open_, name])
        if why:
            notes.append(f"{name} stays as it is: {why}")
        else:
            open_.append(name)
    return [{axis: other for axis, other in each.items() if other in open_} for each in axes], notes


def _tried(source: Source, opset: int | None, axes: Axes, names: Collection[str]) -> str:
    """Why axes cannot be dynamic; "" where they can."""
    try:
        native = source.native(names, random=True)
        native.outputs(source.dtype)
    except Exception as error:  # the model's own, whatever it is
        return f"the model takes no other: {_line(error)}"
    try:
        checks, notes = witnesses(source.program(opset, axes, random=True), native, dtype=source.dtype)
    except Exception as error:
        return f"the exported program takes no other: {_line(error)}"
    failed = next((check for check in checks if not check.passed), None)
    if failed is not None:
        return f"the exported program takes no other: {failed.line()}"
    return notes[0] if notes and not checks else ""


def _refuse_different(target: Path, checks: list[Comparison]) -> None:
    failed = next((check for check in checks if not check.passed), None)
    if not checks:
        raise InputError(f"{target}: not written: nobody could run the exported program")
    if failed is not None:
        raise InputError(f"{target}: not written: the exported program differs from the model: {failed.line()}")


def _name_axes(model: onnx.ModelProto, source: Source, axes: Axes, grown: Collection[str]) -> None:
    """Say the shapes of the outputs: whole numbers, and names where an extent follows an input's, by two runs."""
    runs = [source.native(longer, random=False) for longer in ((), grown)]
    names: dict[tuple[int | None, tuple[int, ...]], str] = {}  # by extents on an axis, and on any
    for index, each in enumerate(axes):
        for axis, name in each.items():
            extents = tuple(run.inputs[index].shape[axis] for run in runs)
            for place in (axis, None):
                names.setdefault((place, extents), name)
    first, second = (run.outputs(source.dtype) for run in runs)
    for value in model.graph.output:
        tensor = value.type.tensor_type
        del tensor.shape.dim[:]
        for axis, extents in enumerate(zip(first[value.name].shape, second[value.name].shape, strict=True)):
            dim = tensor.shape.dim.add()
            if extents[0] == extents[1]:
                dim.dim_value = extents[0]
            else:
                own = names.get((axis, extents)) or names.get((None, extents))
                dim.dim_param = own or f"{value.name}_{axis}"


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int | str, ...]]:
    return {
        value.name: tuple(axis.dim_param or axis.dim_value or "?" for axis in value.type.tensor_type.shape.dim)
        for value in (*model.graph.input, *model.graph.output)
    }


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
