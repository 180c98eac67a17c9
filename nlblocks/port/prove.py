"""The proof: both models built, the weights moved, and compared by the lab in float64."""

from __future__ import annotations

import importlib
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.backend import Array, to_install
from nlblocks.blame import said
from nlblocks.errors import InputError
from nlblocks.parity import compare
from nlblocks.port.beside import apart, astray, returned
from nlblocks.port.coverage import Lines
from nlblocks.port.inputs import Inputs
from nlblocks.port.job import Job
from nlblocks.port.live import SOURCE, TARGET, built, porting, prepare
from nlblocks.port.rewrite.file import SUFFIX
from nlblocks.port.weights import Entry, Move, moves, read
from nlblocks.weights.files import DTYPES, in_memory, write_checkpoint

PHASES = ("eval forward", "train forward", "backward", "buffers")
"""What is compared in float64."""
ACCEPTED = ("batch_norm.variance",)
"""Causes that a port may differ by, and be called "proven except" for them.

Only what is a property of both frameworks' native layers, which no port of the source can mend: Paddle's BatchNorm
keeps the biased running variance, torch's the unbiased one.
"""
ALONE = {"single": "batch_norm.single", "layout": "batch_norm.layout"}
"""Why torch's BatchNorm does not train on one sample: accepted likewise, with four samples compared in training.

They are the given one, and its mirror images. "single": it refuses one value a channel, where Paddle's gives its bias.
"layout": it misreads the gradient of one sample that lies with its channels last, as behind flatten and transpose.
"""
WORST_FIRST = ("different", "not run", "proven except", "proven")


def prove(job: Job) -> dict[str, Any]:
    """What the lab says of each entry and its port; the weights are written beside the port."""
    begun = time.perf_counter()
    sys.path.insert(0, job.out)
    for entry in job.entries:
        try:
            importlib.import_module(torch_entry(entry).partition(":")[0])  # before the setup: torch alone must do
        except Exception as error:
            return {"verdict": "not run", "why": f"the port cannot be imported: {said(error)}{to_install(error)}"}
    prepare(job)
    lines = Lines(Path(job.out))
    found = []
    for entry in job.entries:
        try:
            found.append({"entry": entry, **_proof(job, entry, lines)})
        except InputError as error:
            found.append({"entry": entry, "verdict": "not run", "why": str(error)})
    return {**_together(found), "entries": found, "unproven": lines.missed(), "seconds": time.perf_counter() - begun}


def _proof(job: Job, entry: str, lines: Lines) -> dict[str, Any]:
    """What the lab says of one entry. Raises InputError where one of the two cannot be run."""
    paddle, torch = porting(SOURCE), porting(TARGET)
    paddle.seed(job.seed)
    with paddle.named_anew():
        left = built(entry, job.kwargs)
    torch.seed(job.seed)
    right = built(torch_entry(entry), job.kwargs)
    if not hasattr(left, "forward") or not hasattr(right, "forward"):
        return {"verdict": "not run", "why": f"{entry} makes no model"}
    pairs = moves([Entry(*e) for e in paddle.entries(left)], [Entry(*e) for e in torch.entries(right)])
    weights = job.weights_of(entry)
    if weights:
        paddle.load(left, read(weights, paddle.state(left)))
    arrays = _moved(pairs, paddle.state(left), torch.state(right))
    target = _write(Path(job.out) / f"{job.stem(entry)}.pth", arrays)
    torch.load(right, arrays)
    if not job.inputs:
        return {"verdict": "not run", "why": "no --input was given", "weights": target}
    inputs = Inputs.of(job.inputs, job.seed).for_model(left.forward)
    alone = torch.alone(right, *inputs.tensors(torch.tensor))
    found = _compared(inputs, left, right, pairs, paddle, torch, alone=alone)
    given = inputs.mirrored() if alone else inputs
    if found["verdict"].startswith("proven"):
        found |= _beside(given, left, right, pairs, paddle, torch, found["not_compared"])
    lines.run(right, given, torch)
    return {**found, "weights": target}


def _beside(
    inputs: Inputs, left: Any, right: Any, pairs: Sequence[Move], paddle: Any, torch: Any, known: list[str]
) -> dict[str, Any]:
    """What changes in the lab's word by what it does not look at: both models are run as they are, and changed."""
    different, open_ = apart(returned(left, inputs, paddle), returned(right, inputs, torch))
    mine, theirs = paddle.state(left), torch.state(right)
    whole = [move for move in pairs if mine[move.paddle].dtype.kind not in "fc"]
    wrong = [move.torch for move in whole if not np.array_equal(mine[move.paddle], theirs[move.torch])]
    if wrong and not different:
        different = f"{wrong[0]} holds other numbers after a run in training"
    found: dict[str, Any] = {"not_compared": [*known, *open_]}
    return {**found, "verdict": "different", "why": different} if different else found


def _together(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One verdict for all entries: the worst of theirs, and why."""
    worst = min(found, key=lambda one: WORST_FIRST.index(one["verdict"]))
    why = worst["why"] and (f"{worst['entry']}: {worst['why']}" if len(found) > 1 else worst["why"])
    return {
        "verdict": worst["verdict"],
        "why": why,
        "accepted": sorted({cause for one in found for cause in one.get("accepted", ())}),
        "error": max((one["error"] for one in found if one.get("error") is not None), default=None),
        "weights": found[0].get("weights", ""),
    }


def torch_entry(entry: str) -> str:
    """The port's MODULE:NAME."""
    module, _, name = entry.partition(":")
    root, dot, rest = module.partition(".")
    return f"{root}{SUFFIX}{dot}{rest}:{name}"


def _compared(
    inputs: Inputs, left: Any, right: Any, pairs: Sequence[Move], paddle: Any, torch: Any, *, alone: str
) -> dict[str, Any]:
    """The lab's report, as data, and the verdict that follows from it.

    Compared are the evaluation forward, and the training forward, backward and buffers; no optimiser takes a step:
    the port has no optimiser. ``error`` is over what is to be equal: without what an accepted cause explains, and what
    is zero but for rounding.
    """
    prefix = ""
    if not inputs.plain:
        left, right, prefix = paddle.wrapped(left, inputs.nested), torch.wrapped(right, inputs.nested), "model."
    numbers = {name for name, array in paddle.state(left).items() if array.dtype.kind in "fc"}
    rename = {
        f"{prefix}{paddle.lab_name(move.paddle)}": f"{prefix}{move.torch}" for move in pairs if move.paddle in numbers
    }
    settings: dict[str, Any] = {"rename": rename, "accept": ACCEPTED, "steps": 0}
    try:
        if alone:
            reports = [compare(left, right, tuple(inputs.arrays), training=False, **settings)]
            reports.append(compare(left, right, tuple(inputs.mirrored().arrays), **settings))
        else:
            reports = [compare(left, right, tuple(inputs.arrays), **settings)]
    except InputError as error:
        return {"verdict": "not run", "why": str(error)}
    report = next((report for report in reports if _verdict(report) != "proven"), reports[-1])
    accepted = {f.cause for r in reports for f in r.findings if f.cause in ACCEPTED and f.severity == "note"}
    accepted |= {ALONE[alone]} if alone else set()
    verdict, why = _verdict(report), ""
    if verdict == "proven":
        states = paddle.state(left), torch.state(right)
        why = astray(report, {paddle.lab_name(name): array for name, array in states[0].items()}, states[1])
        verdict = "different" if why else verdict
    return {
        "verdict": "proven except" if verdict == "proven" and accepted else verdict,
        "accepted": sorted(accepted),
        "why": "" if verdict == "proven" else why or _why(report),
        "not_compared": sorted({f"{c.phase}: {c.undecided}" for r in reports for c in r.comparisons if c.undecided}),
        "error": max((error for error in map(_error, reports) if error is not None), default=None),
        "text": "\n".join(map(str, reports)),
        "lab": report.to_dict(),
    }


def _verdict(report: Any) -> str:
    """What a report is a proof of. It is one in float64; what float32 alone leaves open is said, and no more."""
    if report.verdict == "different":
        return "different"
    exact = [c for c in report.comparisons if c.phase in PHASES]
    whole = exact and all(c.passed or c.accepted for c in exact) and not report.undecided
    return "proven" if whole else "not run"


def _error(report: Any) -> float | None:
    """The largest relative difference in float64 of what is to be equal; infinity where a tensor has a problem."""
    compared = [c for c in report.comparisons if c.phase in PHASES and not c.accepted and not (c.passed and c.zero)]
    found = [math.inf if c.difference.problem else c.difference.relative for c in compared]
    return max(found, default=None)


def _why(report: Any) -> str:
    left_open = [f"{c.group} {c.name} in {c.phase}: {c.undecided}" for c in report.comparisons if c.undecided]
    return str(report.finding or "; ".join([*report.undecided, *left_open[:1]]) or "nothing was compared")


def _moved(pairs: Sequence[Move], source: Mapping[str, Any], target: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of the port's state: the model's, and what only the port has as it is.

    A layer that the model holds under two names is there twice.
    """
    arrays = {name: np.array(value) for name, value in target.items()}
    names: dict[tuple[Any, ...], list[str]] = {}
    for name, value in target.items():
        names.setdefault((value.ctypes.data, value.shape, value.strides), []).append(name)
    for move in pairs:
        value, own = source[move.paddle], target[move.torch]
        moved = np.ascontiguousarray(value.T if move.transposed else value).reshape(own.shape)
        arrays |= dict.fromkeys(names[own.ctypes.data, own.shape, own.strides], moved)
    return arrays


def _write(path: Path, arrays: Mapping[str, Array]) -> str:
    """The weights as the port's state dict, beside it; the path, "" where there are none."""
    if not arrays:
        return ""
    write_checkpoint(
        path, {name: in_memory(value, DTYPES[str(value.dtype)]) for name, value in arrays.items()}, layout=TARGET
    )
    return str(path)
