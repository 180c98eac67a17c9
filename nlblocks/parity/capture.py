"""A run of a model as a file, so that two runs can be compared where neither framework is installed.

One safetensors file holds the state, the inputs, every tensor of an evaluation and a training pass, the gradients and
the noise floors; its metadata hold the operations. ``like`` makes a second capture from the first one's inputs and
weights, paired and moved into the second model.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.errors import InputError
from nlblocks.parity.judge import Judge
from nlblocks.parity.lab import arrays_of
from nlblocks.parity.lab_report import LabReport
from nlblocks.parity.pairing import Rename, pair
from nlblocks.parity.scales import NUDGES, Runs
from nlblocks.parity.subject import Subject
from nlblocks.parity.trace import Key, Op, Tensor, Trace
from nlblocks.parity.transfer import moved, randomised

FORMAT = "nlblocks.capture.1"


class Capture:
    """What a capture file holds."""

    def __init__(
        self,
        *,
        model: str,
        framework: str,
        seed: int,
        inputs: tuple[Array, ...],
        state: State,
        traces: dict[str, Trace],
        floors: dict[str, dict[Key, float]],
    ) -> None:
        self.model, self.framework, self.seed, self.inputs = model, framework, seed, inputs
        self.state, self.traces, self.floors = state, traces, floors

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all."""
        from safetensors.numpy import save_file

        tensors = {f"input/{i}": array for i, array in enumerate(self.inputs)}
        tensors |= {f"state/{name}": array for name, array in self.state.items()}
        meta: dict[str, Any] = {
            "model": self.model,
            "framework": self.framework,
            "seed": self.seed,
            "inputs": len(self.inputs),
            "floors": {mode: [[*key, value] for key, value in floor.items()] for mode, floor in self.floors.items()},
            "traces": {},
        }
        for mode, trace in self.traces.items():
            meta["traces"][mode] = _describe(trace)
            for group in ("values", "grads", "grad_inputs", "grad_params", "buffers_after"):
                found = getattr(trace, group)
                tensors |= {f"{mode}/{group}/{name}": array for name, array in found.items()}
        target = Path(path)
        part = target.with_name(target.name + ".part")
        try:
            save_file(
                {name: np.array(array, order="C") for name, array in tensors.items()},
                str(part),
                metadata={"format": FORMAT, "capture": json.dumps(meta)},
            )
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise InputError(f"cannot write {target}: {error.strerror or error}") from None


def load_capture(path: str | Path) -> Capture:
    """Read a capture. Raises InputError for a file that is missing, cut short or something else."""
    from safetensors import SafetensorError, safe_open

    target = Path(path)
    if not target.is_file():
        raise InputError(f"{target} is not a file; make one with: nlblocks capture MODEL --input ... --out {target}")
    try:
        with safe_open(str(target), framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise InputError(
                    f"{target} is no capture of a run; make one with: nlblocks capture MODEL --out {target.name}"
                )
            meta = json.loads(metadata["capture"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{target} is cut short or damaged ({error}); capture the run again") from None
    try:
        return Capture(
            model=meta["model"],
            framework=meta["framework"],
            seed=meta["seed"],
            inputs=tuple(tensors[f"input/{i}"] for i in range(meta["inputs"])),
            state={name.removeprefix("state/"): array for name, array in tensors.items() if name.startswith("state/")},
            traces={mode: _restore(found, mode, tensors) for mode, found in meta["traces"].items()},
            floors={mode: {(row[0], row[1]): row[2] for row in rows} for mode, rows in meta["floors"].items()},
        )
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"{target} lacks {error}; capture the run again") from None


def capture(
    model: Any,
    inputs: Any = None,
    *,
    like: str | Path | Capture | None = None,
    seed: int = 0,
    randomise: bool = True,
    training: bool = True,
    rename: Rename | None = None,
    progress: Callable[[str], None] | None = None,
) -> Capture:
    """Run a model and keep all of it. With ``like``, on the inputs and with the weights of another capture.

    Raises InputError where the model raises, or where neither inputs nor ``like`` are given.
    """
    say = progress or (lambda text: None)
    source = load_capture(like) if isinstance(like, str | Path) else like
    if source is None and inputs is None:
        raise InputError("capture needs inputs, or like= another capture")
    seed = seed if source is None else source.seed
    arrays = arrays_of(inputs, seed) if source is None else source.inputs
    subject = Subject(model, arrays, seed, constants="float32")
    say("reading the structure")
    probe = subject.probe()
    if probe.error:
        raise InputError(f"{type(model).__name__} raises on this input: {probe.error}")
    if source is None:
        pairing = pair(probe, probe)
        subject.state = randomised(pairing, subject.own, seed) if randomise else subject.own
    else:
        pairing = pair(source.traces["eval"], probe, rename)
        subject.state = moved(pairing, source.state, subject.own)
    traces, floors = {}, {}
    for mode in ("eval", "train") if training else ("eval",):
        say(f"{mode} run")
        traces[mode] = subject.run(training=mode == "train")
        if traces[mode].error:
            raise InputError(f"{type(model).__name__} raises in {mode} mode: {traces[mode].error}")
        say(f"{mode} noise floor")
        floors[mode] = subject.noise(training=mode == "train", dtype="float64", base=traces[mode], trials=range(NUDGES))
    return Capture(
        model=type(model).__name__,
        framework=subject.tracer.name,
        seed=seed,
        inputs=arrays,
        state=subject.state,
        traces=traces,
        floors=floors,
    )


def compare_captures(
    left: Capture, right: Capture, *, rename: Rename | None = None, accept: Collection[str] = ()
) -> LabReport:
    """The same as :func:`nlblocks.parity.compare`, from two captures and NumPy alone.

    Raises InputError where they were made on different inputs or seeds.
    """
    start = time.perf_counter()
    if left.seed != right.seed:
        raise InputError(
            f"the captures were made with seeds {left.seed} and {right.seed}; capture the second with --like the first"
        )
    shapes = [tuple(a.shape for a in side.inputs) for side in (left, right)]
    if shapes[0] != shapes[1] or any(not np.array_equal(a, b) for a, b in zip(left.inputs, right.inputs, strict=True)):
        raise InputError("the captures were made on different inputs; capture the second with --like the first")
    pairing = pair(left.traces["eval"], right.traces["eval"], rename)
    report = LabReport(
        left=f"{left.model} ({left.framework})",
        right=f"{right.model} ({right.framework})",
        pairing=pairing,
        seed=left.seed,
        shapes=shapes[0],
        accept=tuple(accept),
    )
    judge = Judge(report, _runs(left), _runs(right), pairing, left.seed)
    judge.pairing(transferred=False, states=(left.state, right.state))
    judge.evaluation()
    if "train" in left.traces and "train" in right.traces:
        judge.training(left.state)
    report.seconds = time.perf_counter() - start
    return report


def _runs(source: Capture) -> Runs:
    def run(*, training: bool, **_: Any) -> Trace:
        return source.traces["train" if training else "eval"]

    def noise(*, training: bool, **_: Any) -> Mapping[Key, float]:
        return source.floors["train" if training else "eval"]

    return Runs(run, noise, again=False)


def _describe(trace: Trace) -> dict[str, Any]:
    return {
        "framework": trace.framework,
        "model": trace.model,
        "training": trace.training,
        "dtype": trace.dtype,
        "ops": [asdict(op) for op in trace.ops],
        "origin": trace.origin,
        "outputs": trace.outputs,
        "output_dtypes": trace.output_dtypes,
        "state": {name: asdict(t) for name, t in trace.state.items()},
        "layers": trace.layers,
    }


def _restore(meta: Mapping[str, Any], mode: str, tensors: Mapping[str, Array]) -> Trace:
    def group(name: str) -> dict[str, Array]:
        start = f"{mode}/{name}/"
        return {key.removeprefix(start): array for key, array in tensors.items() if key.startswith(start)}

    return Trace(
        framework=meta["framework"],
        model=meta["model"],
        training=meta["training"],
        dtype=meta["dtype"],
        ops=[
            Op(
                **{
                    **op,
                    "inputs": tuple(op["inputs"]),
                    "roles": tuple(op["roles"]),
                    "outputs": tuple(op["outputs"]),
                    "attrs": {name: _tupled(value) for name, value in op["attrs"].items()},
                }
            )
            for op in meta["ops"]
        ],
        values={int(n): array for n, array in group("values").items()},
        grads={int(n): array for n, array in group("grads").items()},
        origin={int(n): text for n, text in meta["origin"].items()},
        outputs=meta["outputs"],
        output_dtypes=meta["output_dtypes"],
        grad_inputs=group("grad_inputs"),
        grad_params=group("grad_params"),
        state={name: Tensor(**{**t, "shape": tuple(t["shape"])}) for name, t in meta["state"].items()},
        buffers_after=group("buffers_after"),
        layers=meta["layers"],
    )


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value
