"""One pair in a process of its own: the two models' own passes, and what the lab says of them."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.strangers.models import build, install, module

if TYPE_CHECKING:
    from nlblocks.parity import Finding, LabReport

ACCEPT = ("batch_norm.variance",)
"""torch's and Paddle's layers keep different variances: every pair with BatchNorm differs in that, and is no news."""
BATCH = 2
REPEATS = 3


def work(pair: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The row of a pair: verdict, findings, pairing, processor seconds and peak memory of the lab and of the models."""
    warnings.simplefilter("ignore")
    install(folder)
    import paddle
    import torch

    from nlblocks import parity

    torch.set_num_threads(1)
    torch.manual_seed(0)
    paddle.seed(0)
    sides = ("left", "right")
    for side in sides:
        module(pair, side)
    shape = (BATCH, 3, pair["size"], pair["size"])
    start = _memory("VmRSS")
    (left, first), (right, second) = (_passes(pair, side, shape) for side in sides)
    gc.collect()
    _reset()
    before = time.process_time()
    report = parity.compare(left, right, shape, accept=ACCEPT)
    spent = time.process_time() - before
    seconds = first["seconds"] + second["seconds"]
    return {
        "verdict": report.verdict, "paired": len(report.pairing.pairs),
        "alone": [[unit.name for unit in units] for units in (report.pairing.left_only, report.pairing.right_only)],
        "ambiguous": list(report.pairing.ambiguous),
        "first": _said(report.finding) if report.finding else None, "faults": _faults(report),
        "seconds": round(spent, 2), "own_seconds": round(seconds, 3), "times": round(spent / seconds, 1),
        "mib": _memory("VmHWM") - start, "own_mib": max(first["mib"], second["mib"]), "text": str(report),
    }  # fmt: skip


def _faults(report: LabReport) -> list[dict[str, Any]]:
    """The first fault of each phase and cause, and how many there are of it."""
    found: dict[tuple[str, str | None], dict[str, Any]] = {}
    for fault in report.faults:
        one = found.setdefault((fault.phase, fault.cause), {**_said(fault), "count": 0})
        one["count"] += 1
    return list(found.values())


def _said(finding: Finding) -> dict[str, Any]:
    """A finding's phase, place in words and cause."""
    return {"phase": finding.phase, "where": finding.where, "cause": finding.cause}


def _passes(pair: dict[str, Any], side: str, shape: tuple[int, ...]) -> tuple[Any, dict[str, float]]:
    """A fresh model, and of its forward and backward in training: the least processor seconds, and the peak in MiB."""
    gc.collect()
    _reset()
    before = _memory("VmRSS")
    model = build(pair[side], pair[f"{side}_arguments"])
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    step = _step(model, shape)
    step()
    seconds = []
    for _ in range(REPEATS):
        begun = time.process_time()
        step()
        seconds.append(time.process_time() - begun)
    peak = _memory("VmHWM") - before
    (model.load_state_dict if hasattr(model, "load_state_dict") else model.set_state_dict)(state)  # as it was made
    for parameter in model.parameters():
        parameter.grad = None
    return model, {"seconds": min(seconds), "mib": peak}


def _step(model: Any, shape: tuple[int, ...]) -> Callable[[], None]:
    import paddle
    import torch

    x = torch.randn(shape) if isinstance(model, torch.nn.Module) else paddle.randn(shape)
    return lambda: sum(one.sum() for one in _tensors(model(x))).backward()


def _tensors(value: Any) -> list[Any]:
    return [one for part in value for one in _tensors(part)] if isinstance(value, tuple | list) else [value]


def _reset() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _memory(what: str) -> int:
    """A figure of this process's memory, in MiB."""
    (line,) = [row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith(f"{what}:")]
    return int(line.split()[1]) // 1024


def child(queue: Any, pair: dict[str, Any], folder: Path, seconds: int) -> None:
    """The row of a pair, put on a queue; an exception is a row too. The processor's time is limited."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    try:
        queue.put(work(pair, folder))
    except Exception as error:
        import traceback

        text = "".join(traceback.format_exception(error))[-3000:]
        queue.put({"verdict": "error", "error": f"{type(error).__name__}: {error}"[:500], "text": text})
