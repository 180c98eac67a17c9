"""A run of a model as a file, so that two runs can be compared where neither framework is installed.

One safetensors file holds the state, the inputs, every tensor of an evaluation and a training pass, the gradients,
the outputs in float32, the weights after steps of training if there were any, and the noise floor of each element; its
metadata hold the operations. ``like`` makes a second capture from the first one's inputs and weights, paired and moved
into the second model. What a capture cannot tell: anything that needs another run, which is how the settings of an
optimiser are tried as the cause of a difference; they are listed instead.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.errors import InputError, file_path
from nlblocks.parity.judging import Side
from nlblocks.parity.running import History, Settings
from nlblocks.parity.tracing import Trace, vocabulary
from nlblocks.weights.files import in_memory
from nlblocks.weights.files.atomic import replacing
from nlblocks.weights.files.dtypes import of_array
from nlblocks.weights.files.safetensors_file import write_with
from nlblocks.weights.files.sink import Sink

FORMAT = "nlblocks.capture.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What a capture file holds; a side of a comparison that ran once."""

    model: str
    framework: str
    seed: int
    inputs: tuple[Array, ...]
    state: State
    traces: Mapping[str, Trace]
    floors: Mapping[str, Mapping[vocabulary.Key, Array]]
    dtype: str
    names: tuple[str, ...] = ()
    history: History | None = None

    @property
    def title(self) -> str:
        return f"{self.model} ({self.framework})"

    @property
    def repeatable(self) -> bool:
        return False

    def run(self, *, training: bool, dtype: str = "float64", **_: Any) -> Trace:
        """The pass that was captured in this mode."""
        return self.traces[_mode(training, dtype)]

    def noise(self, *, training: bool, dtype: str = "float64", **_: Any) -> Mapping[vocabulary.Key, Array]:
        """The noise floors that were measured when it was captured, decisions held."""
        return self.floors[_mode(training, dtype)]

    def decided(self, **_: Any) -> Any:
        """Nothing: what a run decides is known while it runs."""
        return None

    def jump(self, **_: Any) -> str:
        """Not known: it takes runs that are nudged."""
        return ""

    @property
    def trainable(self) -> bool:
        """Whether steps of training were captured."""
        return self.history is not None

    def train(self, maker: Callable[[list[Any]], Any], side: str, steps: int) -> History:
        """The steps that were captured: there are no others."""
        if self.history is None:
            raise InputError(f"the capture of {self.title} holds no training; capture it with --optimiser")
        return self.history

    def redrawn(self, masks: Mapping[str, Any]) -> Capture:
        """The same: its masks are drawn."""
        return self

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all."""
        target = file_path(path)
        self.check_path(target)
        tensors = {f"input/{i}": array for i, array in enumerate(self.inputs)}
        tensors |= {f"state/{name}": array for name, array in self.state.items()}
        meta: dict[str, Any] = {
            "model": self.model,
            "framework": self.framework,
            "seed": self.seed,
            "dtype": self.dtype,
            "inputs": len(self.inputs),
            "names": self.names,
            "history": None,
            "floors": {
                mode: [[*key, float(np.max(value, initial=0.0))] for key, value in floor.items()]
                for mode, floor in self.floors.items()
            },
            "traces": {},
        }
        if self.history is not None:
            settings = None if self.history.settings is None else asdict(self.history.settings)
            meta["history"] = [self.history.optimiser, settings, len(self.history.states)]
            for step, state in enumerate(self.history.states):
                tensors |= {f"step/{step}/{name}": array for name, array in state.items()}
        for mode, floor in self.floors.items():
            tensors |= {f"floor/{mode}/{number}": array for number, array in enumerate(floor.values())}
        for mode, trace in self.traces.items():
            meta["traces"][mode] = trace.to_dict()
            tensors |= {f"{mode}/{name}": array for name, array in trace.arrays().items()}
        tensors, meta["same"] = _once(tensors)
        text = json.dumps(meta)
        notes = {"format": FORMAT, "capture": text, "checksum": _checksum(text, tensors)}
        with replacing(target) as file, Sink(file) as sink:
            write_with(sink, {name: in_memory(a, of_array(a)) for name, a in tensors.items()}, notes)

    @staticmethod
    def check_path(path: Path) -> None:
        """Raise InputError for a file that a capture cannot be written to."""
        if path.suffix != ".safetensors":
            raise InputError(f"capture {path} must end in .safetensors")
        if path.is_dir():
            raise InputError(f"capture {path} is a folder; give a file")
        if not path.parent.is_dir():
            raise InputError(f"capture {path}: there is no folder {path.parent}; make it first")


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
            if written != FORMAT and written.startswith(FORMAT.rstrip("0123456789")):
                raise InputError(
                    f"{target} was written by another version of nlblocks ({written}; this one reads {FORMAT}); "
                    "capture the run again with this version"
                )
            if written != FORMAT:
                raise InputError(
                    f"{target} is no capture of a run; make one with: nlblocks capture MODEL --input ... --out FILE"
                )
            meta = json.loads(metadata["capture"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if metadata["checksum"] != _checksum(metadata["capture"], tensors):
                raise ValueError("its checksum is wrong")
            tensors |= {name: tensors[other] for name, other in meta["same"].items()}
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
            history=_history(meta, tensors),
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


def _mode(training: bool, dtype: str) -> str:
    return dtype if dtype == "float32" else "train" if training else "eval"


def _within(folder: str, tensors: Mapping[str, Array]) -> dict[str, Array]:
    start = f"{folder}/"
    return {name.removeprefix(start): array for name, array in tensors.items() if name.startswith(start)}


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


def _checksum(text: str, tensors: Mapping[str, Array]) -> str:
    """Against accidents: another bit would be read as a difference between the models."""
    found = zlib.crc32(text.encode())
    for name in sorted(tensors):
        found = zlib.crc32(np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8).data, found)
    return f"{found:08x}"


def _history(meta: Mapping[str, Any], tensors: Mapping[str, Array]) -> History | None:
    if meta["history"] is None:
        return None
    optimiser, settings, count = meta["history"]
    states: list[State] = [{} for _ in range(count)]
    for key, array in tensors.items():
        if key.startswith("step/"):
            _, step, name = key.split("/", 2)
            states[int(step)][name] = array
    known = None if settings is None else Settings(**settings)
    return History(framework=meta["framework"], states=states, optimiser=optimiser, settings=known)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


_SIDE: type[Side] = Capture  # a capture is a side of a comparison: mypy holds it against the protocol
