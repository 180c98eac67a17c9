"""A run of a model as a file, so that two runs can be compared where neither framework is installed.

One safetensors file holds all that a comparison asks of a model: the state, the inputs, every tensor and gradient of
each pass, in float64 and float32, the noise floors, and the weights and gradients of steps of training; its metadata
hold the rest of the traces. ``like`` makes a second capture from the first one's inputs and weights, paired and moved
into the second model. What a capture cannot tell is what needs another run: what lies behind a difference is not
judged.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.errors import InputError, file_path
from nlblocks.parity.capturing.history import read, written
from nlblocks.parity.judging import Side, pass_name
from nlblocks.parity.running import History
from nlblocks.parity.tracing import Trace, vocabulary
from nlblocks.weights.files import in_memory
from nlblocks.weights.files.atomic import check_file, replacing
from nlblocks.weights.files.dtypes import of_array
from nlblocks.weights.files.safetensors_file import write_with
from nlblocks.weights.files.sink import Sink

FAMILY = "nlblocks.capture."
FORMAT = f"{FAMILY}3"
READ = ("nlblocks.capture.2", FORMAT)
"""What can be read. Version 2 lacks the structure, all of training in float32, the values on the way in float32, and
the steps of training that nobody asked for."""
STRUCTURE = "structure"
"""The trace, beside those of the passes, by which parameters are paired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What a capture file holds; a side of a comparison that ran once.

    ``traces`` and ``floors`` are by the names of passes; ``structure`` is one trace more. ``randomised`` says whether
    constant tensors were made random, ``asked`` whether the user asked for the steps of training in ``history``.
    """

    model: str
    framework: str
    seed: int
    inputs: tuple[Array, ...]
    state: State
    traces: Mapping[str, Trace]
    floors: Mapping[str, Mapping[vocabulary.Key, Array]]
    dtype: str
    names: tuple[str, ...] = ()
    targets: tuple[int, ...] = ()
    history: History | None = None
    asked: bool = False
    randomised: bool = True

    @property
    def title(self) -> str:
        return f"{self.model} ({self.framework})"

    @property
    def repeatable(self) -> bool:
        return False

    @property
    def structure(self) -> Trace:
        """What parameters are paired by."""
        return self.traces.get(STRUCTURE, self.traces["eval"])

    def argument(self, setting: vocabulary.Setting, value: Any) -> str:
        return ""  # the framework need not be there

    def holds(self, *, training: bool, dtype: str) -> bool:
        return pass_name(training, dtype) in self.traces

    def run(self, *, training: bool, dtype: str = "float64", **_: Any) -> Trace:
        """The pass that was captured in this mode."""
        return self.traces[pass_name(training, dtype)]

    def noise(self, *, training: bool, dtype: str = "float64", **_: Any) -> Mapping[vocabulary.Key, Array]:
        """The noise floors that were measured when it was captured, decisions held."""
        return self.floors[pass_name(training, dtype)]

    def run_deciding(self, *, training: bool, dtype: str, keep: str) -> tuple[Trace, None]:
        """The pass, and nothing."""
        return self.run(training=training, dtype=dtype), None

    def decided(self, **_: Any) -> Any:
        """Nothing: what a run decides is known while it runs."""
        return None

    def jump(self, **_: Any) -> str:
        """Not known: it takes runs that are nudged."""
        return ""

    @property
    def trainable(self) -> bool:
        return any(tensor.trainable for tensor in self.structure.state.values())

    def train(self, passed: Trace | None = None) -> History | None:
        """The steps that were captured: there are no others."""
        return self.history

    def deciding(self, decisions: Any) -> Capture:
        """The same: it has decided."""
        return self

    def redrawn(self, masks: Mapping[str, Any]) -> Capture:
        """The same: its masks are drawn."""
        return self

    def drawing(self, seed: int) -> None:
        """None: it has drawn."""

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all."""
        target = file_path(path)
        check_file(target, ".safetensors")
        tensors = {f"input/{i}": array for i, array in enumerate(self.inputs)}
        tensors |= {f"state/{name}": array for name, array in self.state.items()}
        meta: dict[str, Any] = {
            "model": self.model,
            "framework": self.framework,
            "seed": self.seed,
            "dtype": self.dtype,
            "inputs": len(self.inputs),
            "names": self.names,
            "targets": self.targets,
            "asked": self.asked,
            "randomised": self.randomised,
            "history": None,
            "floors": {
                mode: [[*key, float(np.max(value, initial=0.0))] for key, value in floor.items()]
                for mode, floor in self.floors.items()
            },
            "traces": {},
        }
        if self.history is not None:
            meta["history"], states = written(self.history)
            tensors |= states
        for mode, floor in self.floors.items():
            tensors |= {f"floor/{mode}/{number}": array for number, array in enumerate(floor.values())}
        for mode, trace in self.traces.items():
            meta["traces"][mode] = trace.to_dict()
            tensors |= {f"{mode}/{name}": array for name, array in trace.arrays().items()}
        meta["order"] = list(tensors)  # the file is sorted
        meta["complex"] = [name for name, array in tensors.items() if array.dtype.kind == "c"]
        tensors, meta["same"] = _once({name: _in_parts(array) for name, array in tensors.items()})
        tensors, meta["wide"] = _narrowed(tensors)
        text = json.dumps(meta)
        notes = {"format": FORMAT, "capture": text, "checksum": _checksum(text, tensors)}
        with replacing(target) as file, Sink(file) as sink:
            write_with(sink, {name: in_memory(a, of_array(a)) for name, a in tensors.items()}, notes)

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether a file is a capture, of any version, by what it says of itself."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), framework="numpy") as file:
                return (file.metadata() or {}).get("format", "").startswith(FAMILY)
        except (SafetensorError, OSError):
            return False


def load_capture(path: str | Path) -> Capture:
    """Read a capture. Raises InputError for a file that is missing, cut short or something else."""
    from safetensors import SafetensorError, safe_open

    target = file_path(path)
    if not target.is_file():
        raise InputError(f"{target} is not a file; make one with: nlblocks capture MODEL --input ... --out {target}")
    try:
        with safe_open(str(target), framework="numpy") as file:
            metadata = file.metadata() or {}
            written = metadata.get("format", "")
            if written not in READ and written.startswith(FAMILY):
                raise InputError(
                    f"{target} was written by another version of nlblocks ({written}; this one reads "
                    f"{' and '.join(READ)}); capture the run again with this version"
                )
            if written not in READ:
                raise InputError(
                    f"{target} is no capture of a run; make one with: nlblocks capture MODEL --input ... --out FILE"
                )
            meta = json.loads(metadata["capture"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if metadata["checksum"] != _checksum(metadata["capture"], tensors):
                raise ValueError("its checksum is wrong")
            tensors |= {name: tensors[name].astype(np.float64) for name in meta.get("wide", ())}
            tensors |= {name: tensors[other] for name, other in meta["same"].items()}
            tensors |= {name: tensors[name].view(np.complex128)[..., 0] for name in meta.get("complex", ())}
            tensors = {name: tensors[name] for name in meta.get("order", tensors)}
    except InputError:
        raise
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{target} is cut short, damaged or no capture ({_line(error)}); capture the run again"
        ) from None
    try:
        traces = {mode: Trace.from_dict(found, _within(mode, tensors)) for mode, found in meta["traces"].items()}
        return Capture(
            model=meta["model"],
            framework=meta["framework"],
            seed=meta["seed"],
            inputs=tuple(tensors[f"input/{i}"] for i in range(meta["inputs"])),
            state=_within("state", tensors),
            traces=traces,
            floors={mode: _floors(rows, mode, traces[mode], tensors) for mode, rows in meta["floors"].items()},
            dtype=meta["dtype"],
            names=tuple(meta["names"]),
            targets=tuple(meta.get("targets", ())),
            history=read(meta, tensors),
            asked=meta.get("asked", False),
            randomised=meta.get("randomised", True),
        )
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise InputError(
            f"{target} is damaged ({type(error).__name__}: {_line(error)}); capture the run again"
        ) from None


def _floors(
    rows: Sequence[Sequence[Any]], mode: str, trace: Trace, tensors: Mapping[str, Array]
) -> dict[vocabulary.Key, Array]:
    """The noise floor of each element; the first versions wrote only one for a whole tensor, beside its name."""
    results = trace.results()
    found: dict[vocabulary.Key, Array] = {}
    for number, (group, name, whole) in enumerate(rows):
        own = tensors.get(f"floor/{mode}/{number}")
        found[group, name] = np.full(results[group, name].shape, whole) if own is None else own
    return found


def _within(folder: str, tensors: Mapping[str, Array]) -> dict[str, Array]:
    start = f"{folder}/"
    return {name.removeprefix(start): array for name, array in tensors.items() if name.startswith(start)}


def _in_parts(array: Array) -> Array:
    """A complex array as float64 with a last axis of real and imaginary part: the format has no complex128."""
    if array.dtype.kind != "c":
        return array
    whole = np.ascontiguousarray(array, np.complex128).reshape(array.shape)
    return whole[..., None].view(np.float64)


def _once(tensors: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, str]]:
    """Each array once (a parameter is in the state and in every pass), and under which name the others are."""
    kept: dict[str, Array] = {}
    same: dict[str, str] = {}
    first: dict[tuple[Any, ...], str] = {}
    for name, array in tensors.items():
        plain = np.ascontiguousarray(array).reshape(array.shape)
        key = plain.dtype.str, plain.shape, blake2b(plain.reshape(-1).view(np.uint8).data).digest()
        if first.setdefault(key, name) == name:
            kept[name] = plain
        else:
            same[name] = first[key]
    return kept, same


def _narrowed(tensors: Mapping[str, Array]) -> tuple[dict[str, Array], list[str]]:
    """Float64 arrays that float32 holds to the bit (weights, all of a pass in float32) as such, and which those are."""
    found, wide = dict(tensors), []
    for name, array in tensors.items():
        if array.dtype == np.float64:
            with np.errstate(over="ignore"):
                narrow = array.astype(np.float32)
            if np.array_equal(narrow.astype(np.float64).view(np.uint64), array.view(np.uint64)):
                found[name] = narrow
                wide.append(name)
    return found, wide


def _checksum(text: str, tensors: Mapping[str, Array]) -> str:
    """Against accidents: another bit would be read as a difference between the models."""
    found = zlib.crc32(text.encode())
    for name in sorted(tensors):
        found = zlib.crc32(np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8).data, found)
    return f"{found:08x}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


_SIDE: type[Side] = Capture  # a capture is a side of a comparison: mypy holds it against the protocol
