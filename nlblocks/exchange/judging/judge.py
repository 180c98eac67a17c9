"""A program against a native model: float64 judges, and what remains is held against the noise floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import onnx

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.exchange.judging.constants import moved
from nlblocks.exchange.judging.native import Native
from nlblocks.exchange.programs import Evaluator, Runtime, doubled
from nlblocks.numerics import Comparison, NoiseFloor, tolerance


class Runner(Protocol):
    """What runs a program."""

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name."""


def judged(
    model: onnx.ModelProto, native: Native, start: Callable[[onnx.ModelProto], Runner], *, dtype: str, pair: str
) -> list[Comparison]:
    """Every output of a program in ``dtype`` against the native model's in it; ``pair`` is what runs the program.

    In float64 an output may differ by its limit. Beyond it, and in float32, by what rounding does to the native model,
    and in float64 by what the rounding of the program's own numbers to float32 does, where the format or the exporter
    holds them so.
    """
    names = [value.name for value in model.graph.input]
    feeds = dict(zip(names, (_cast(x, dtype) for x in native.inputs), strict=True))
    owed, found = native.outputs(dtype), start(model).run(feeds)
    wide = dtype == "float64"
    records: dict[str, dict[str, Any]] = {
        name: {
            "phase": "eval", "group": "output" if name.startswith("output") else "attention", "name": name,
            "dtype": dtype, "pair": ("native", pair), "ceiling": tolerance.MODEL_CEILING[dtype],
            "limit": tolerance.LIMITS["output"] if wide else None,
        }
        for name in owed
    }  # fmt: skip
    first = [_compared(name, owed, found, None, record) for name, record in records.items()]
    if all(one.passed for one in first):
        return first
    floors: Mapping[str, Array] = native.floors(dtype)
    second = [_compared(name, owed, found, floors, record) for name, record in records.items()]
    if all(one.passed for one in second) or not wide:
        return second
    shifted = start(moved(model)).run(feeds)
    held = {name: _change(shifted.get(name), found.get(name), floors.get(name)) for name in owed}
    return [_compared(name, owed, found, held, record) for name, record in records.items()]


def _compared(
    name: str, owed: Mapping[str, Array], found: Mapping[str, Array], floors: Mapping[str, Array] | None,
    record: dict[str, Any],
) -> Comparison:  # fmt: skip
    if name not in found:
        return Comparison.impossible("the program gives no such output", **record)
    noise = None if floors is None else floors.get(name, np.zeros(()))
    return Comparison.of(owed[name], found[name], noise=noise, **record)


def _change(shifted: Array | None, own: Array | None, floor: Array | None) -> Array:
    """What moved numbers do, as noise, beside the floor."""
    if shifted is None or own is None or shifted.shape != own.shape or own.dtype.kind != "f":
        return np.zeros(())
    with np.errstate(invalid="ignore"):
        change = np.abs(shifted - own) * tolerance.HELD_WEIGHT
    change = NoiseFloor.smoothed(np.where(np.isfinite(change), change, 0.0))
    return change if floor is None else np.maximum(change, floor)


def _cast(array: Array, dtype: str) -> Array:
    return array.astype(dtype) if array.dtype.kind == "f" else array


def witnesses(model: onnx.ModelProto, native: Native, *, dtype: str) -> tuple[list[Comparison], list[str]]:
    """A program of a dtype by everybody who can run it: comparisons, and notes on who cannot.

    In float64, by the reference evaluator and by onnxruntime; a float32 program is made float64 for that, and is run as
    it is by onnxruntime, as its users do.
    """
    wide = model if dtype == "float64" else doubled(model)
    asked: list[tuple[str, onnx.ModelProto, Callable[[onnx.ModelProto], Runner], str]] = [
        ("evaluator", wide, Evaluator, "float64"),
        ("onnxruntime", wide, lambda program: Runtime(program, "float64"), "float64"),
    ]
    if dtype == "float32":
        asked.append(("onnxruntime", model, lambda program: Runtime(program, "float32"), "float32"))
    found: list[Comparison] = []
    notes: list[str] = []
    for name, program, start, own in asked:
        try:
            found += judged(program, native, start, dtype=own, pair=name)
        except InputError as error:
            notes.append(f"{name} in {own} cannot run it: {error}")
    return found, notes
