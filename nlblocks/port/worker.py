"""The processes that run frameworks for a port: one that watches the Paddle model, and one that proves the torch one.

python -m nlblocks.port.worker observe JOB.json RESULT.json
python -m nlblocks.port.worker prove JOB.json RESULT.json
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from nlblocks.blame import said
from nlblocks.errors import InputError
from nlblocks.port.inputs import Inputs
from nlblocks.port.job import Job
from nlblocks.port.live import SOURCE, built, porting, prepare
from nlblocks.port.observe import Watcher, watched_imports
from nlblocks.port.prove import prove
from nlblocks.port.weights import read

DEEP = 10_000
"""Calls within calls, ten times Python's own limit: a watched call is two."""


def observe(job: Job) -> dict[str, Any]:
    """Run the Paddle models once in evaluation and once in training, watched."""
    sys.setrecursionlimit(max(DEEP, sys.getrecursionlimit()))
    naming = porting(SOURCE)
    watcher = Watcher(naming)
    with watched_imports(watcher, [Path(path) for path in job.paths]):
        for module in naming.models():
            watcher.run_again(module)
        prepare(job)
        naming.seed(job.seed)
        errors, ran = [], 0
        for entry in job.entries:
            with naming.named_anew():
                model = built(entry, job.kwargs)
            if not hasattr(model, "forward"):
                raise InputError(f"{entry} makes a {type(model).__name__}, which is no layer; give what makes a model")
            if job.weights_of(entry):
                read(job.weights_of(entry), naming.state(model))  # before anything is written: they must fit
            if not job.inputs:
                continue
            inputs = Inputs.of(job.inputs, job.seed).for_model(model.forward)
            for mode in ("eval", "train"):
                getattr(model, mode)()
                args, kwargs = inputs.tensors(naming.tensor)
                try:
                    model(*args, **kwargs)
                except Exception as error:
                    why = f"{entry} fails on its input in {mode} mode: {said(error)}"
                    if mode == "eval":
                        raise InputError(why) from error
                    errors.append(why)  # what ran in evaluation is ported
                ran += mode == "eval"
    watcher.finish()
    watcher.record.whole = ran == len(job.entries)
    return {"record": watcher.record.to_dict(), "errors": errors}


def main() -> None:
    """Run one stage; what goes wrong in the user's code is a result too."""
    stage, job_file, out = sys.argv[1:]
    job = Job.from_json(Path(job_file).read_text(encoding="utf-8"))
    warnings.simplefilter("ignore")
    os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        found = observe(job) if stage == "observe" else prove(job)
    except InputError as error:
        found = {"wrong": str(error)}
    Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
