"""What other tools say about the cases, run as their documentation shows, on weights that were moved by hand.

Every tool gets the best it can be given: the same float32 weights on both sides, so that only the planted fault is
left. ``assert_close`` sees the outputs in evaluation mode; reprod-log the same outputs through its logger and helper;
PaDiff hooks the modules, runs forward and backward, and optimiser steps where the case has an optimiser.

The columns: assert_close at its float32 defaults and at rtol = atol = 1e-3; PaDiff at its defaults (rtol 1e-7) and at
the atol of its README (1e-4); reprod-log at its threshold (mean difference 1e-6).

A program of its own (``python -m benchmarks.faults.rivals FOLDER OUT NAME...``), because PaDiff patches both
frameworks and Paddle can take the process down (grid_sample's backward, where the image needs no gradient). FOLDER is
where the tools were installed; OUT gets a line of JSON per named case.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import torch

from benchmarks.faults.case import Case
from benchmarks.faults.hand import forward, ideal
from benchmarks.faults.optimisers import OPTIMISERS, STEPS
from benchmarks.faults.rows import SETS

COLUMNS = ("assert_close", "assert_close 1e-3", "PaDiff", "PaDiff 1e-4", "reprod-log")
AGREE, DIFFER, FAILED = "agree", "differ", "failed to run"


def outputs(case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both sides' float32 outputs in evaluation mode."""
    left, right, _ = ideal(case, "float32")
    left.eval(), right.eval()
    ours, theirs = forward(left, right, case.inputs(), grad=False)[:2]
    return (
        {name: value.detach().numpy() for name, value in ours.items()},
        {name: value.detach().numpy() for name, value in theirs.items()},
    )


def assert_close(pair: Any, **tolerance: Any) -> str:
    ours, theirs = ({name: torch.as_tensor(value) for name, value in side.items()} for side in pair)
    try:
        torch.testing.assert_close(theirs, ours, **tolerance)
    except AssertionError:
        return DIFFER
    return AGREE


def reprod_log(pair: Any) -> str:
    """Log both sides, load them, compare, report: the helper's four steps. Its verdict is in the log it writes."""
    from reprod_log import ReprodDiffHelper, ReprodLogger

    with tempfile.TemporaryDirectory() as folder:
        for name, side in zip(("torch", "paddle"), pair, strict=True):
            logger = ReprodLogger()
            for key, value in side.items():
                logger.add(key, np.asarray(value))
            logger.save(f"{folder}/{name}.npy")
        helper = ReprodDiffHelper()
        found = [helper.load_info(f"{folder}/{name}.npy") for name in ("torch", "paddle")]
        try:
            helper.compare_info(*found)
        except (AssertionError, ValueError):  # other names, or shapes that do not even broadcast
            return DIFFER
        helper.report(path=f"{folder}/diff.txt")
        return AGREE if "diff check passed" in Path(f"{folder}/diff.txt").read_text(encoding="utf-8") else DIFFER


def padiff(case: Case, options: dict[str, Any]) -> str:
    from padiff import auto_diff

    left, right, _ = ideal(case, "float32")
    names = list(inspect.signature((right.backbone if case.wrapped else right).forward).parameters)
    if case.wrapped:
        raise RuntimeError("PaDiff passes inputs by name, and the outer model takes them by position")
    given = dict(zip(names, case.inputs(), strict=True))
    floats = {name for name, value in given.items() if value.dtype.kind == "f"}
    inputs = (
        {name: paddle.to_tensor(value, stop_gradient=name not in floats) for name, value in given.items()},
        {name: torch.tensor(value, requires_grad=name in floats) for name, value in given.items()},
    )
    more: dict[str, Any] = {}
    if case.optimiser:
        ours, theirs = (
            make(list(model.parameters()))
            for make, model in zip(OPTIMISERS[case.optimiser], (left, right), strict=True)
        )
        more = {"optimizer": (theirs, ours), "steps": STEPS}
    return AGREE if auto_diff(right, left, inputs, auto_weights=False, options=dict(options), **more) else DIFFER


def row(case: Case, tools: frozenset[str]) -> dict[str, str]:
    """Each column's verdict on the case, and in ``errors`` what failed to run."""
    found: dict[str, str] = {"name": case.name}
    try:
        pair = outputs(case)
    except ImportError:
        raise  # no model's doing
    except Exception as error:
        # A model that raises in evaluation is seen by anyone who runs it.
        found["error"] = f"outputs: {type(error).__name__}: {error}"[:200]
        found |= dict.fromkeys(("assert_close", "assert_close 1e-3", "reprod-log"), DIFFER)
    else:
        found["assert_close"] = assert_close(pair)
        found["assert_close 1e-3"] = assert_close(pair, rtol=1e-3, atol=1e-3)
        found["reprod-log"] = (
            attempt(found, "reprod-log", lambda: reprod_log(pair)) if "reprod_log" in tools else FAILED
        )
    for column, options in (("PaDiff", {}), ("PaDiff 1e-4", {"atol": 1e-4})):
        found[column] = attempt(found, column, lambda o=options: padiff(case, o)) if "padiff" in tools else FAILED
    return found


def attempt(found: dict[str, str], column: str, run: Any) -> str:
    try:
        return run()
    except BaseException as error:  # PaDiff exits in places
        if isinstance(error, KeyboardInterrupt):
            raise
        lines = str(error).strip().splitlines() or [""]
        found["error"] = f"{column}: {type(error).__name__}: {lines[-1][:200]}"
        return FAILED


def main(folder: str, out: str, names: Sequence[str]) -> None:
    warnings.simplefilter("ignore")
    sys.path.append(folder)
    os.environ["PADIFF_CUDA_MEMORY"] = "OFF"  # else it moves models to the CPU, which Paddle's LSTM does not survive
    tools = frozenset(name for name in ("padiff", "reprod_log") if (Path(folder) / name).is_dir())
    cases = {case.name: case for faults, correct in SETS.values() for case in (*faults, *correct)}
    with open(out, "a", encoding="utf-8") as lines, tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # PaDiff writes its logs where it stands
        for name in names:
            with contextlib.redirect_stdout(io.StringIO()):
                found = row(cases[name], tools)
            lines.write(json.dumps(found) + "\n")
            lines.flush()


if __name__ == "__main__":
    main(sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3:])
