"""The processes that run frameworks for a port: one that watches the Paddle model, and one that proves the torch one.

    python -m nlblocks.port.worker observe JOB.json RESULT.json
    python -m nlblocks.port.worker prove JOB.json RESULT.json
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from nlblocks.backend import row_of
from nlblocks.errors import InputError
from nlblocks.port.inputs import Inputs
from nlblocks.port.job import Job
from nlblocks.port.observe import Watcher, watched_imports

SOURCE, TARGET = "paddle", "torch"


def porting(framework: str) -> Any:
    """What a backend knows of its framework for a port: ``porting`` in its ``lab.porting``."""
    return importlib.import_module(f"{row_of(framework).module}.lab.porting").porting


def prepare(job: Job) -> None:
    """Put the sources on the path, and run the user's setup."""
    sys.path[:0] = [*job.paths, *([str(Path(job.setup).parent)] if job.setup else [])]
    if job.setup:
        try:
            runpy.run_path(job.setup, run_name="__setup__")
        except BaseException as error:
            raise InputError(f"--setup {job.setup} raises {said(error)}") from error


def built(entry: str, kwargs: str) -> Any:
    """The model of MODULE:NAME. Raises InputError where it cannot be imported or made."""
    module, _, name = entry.partition(":")
    try:
        home = importlib.import_module(module)
    except BaseException as error:
        raise InputError(f"cannot import {module}: {said(error)}") from error
    if not hasattr(home, name):
        raise InputError(f"{module} has no {name}")
    found = getattr(home, name)
    if not callable(found):
        raise InputError(f"{entry} is a {type(found).__name__}; give a class, or a function that makes a model")
    scope = {**vars(home), "M": importlib.import_module, "__made__": found}
    try:
        return eval(f"__made__({kwargs})", scope)
    except BaseException as error:
        raise InputError(f"{name}({kwargs}) raises {said(error)}; give arguments with --kwargs") from error


def said(error: BaseException) -> str:
    """An error in one line, with the place in the user's code that raised it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "nlblocks/port" not in f.filename and "importlib" not in f.filename]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}{where}"


def observe(job: Job) -> dict[str, Any]:
    """Run the Paddle models once in evaluation and once in training, watched."""
    naming = porting(SOURCE)
    watcher = Watcher(naming)
    with watched_imports(watcher, [Path(path) for path in job.paths]):
        prepare(job)
        naming.seed(job.seed)
        errors = []
        for entry in job.entries:
            model = built(entry, job.kwargs)
            if not job.inputs or not hasattr(model, "forward"):
                continue
            inputs = Inputs.of(job.inputs, job.seed).for_model(model.forward)
            for mode in ("eval", "train"):
                getattr(model, mode)()
                args, kwargs = inputs.tensors(naming.tensor)
                try:
                    model(*args, **kwargs)
                except Exception as error:
                    errors.append(f"{entry} fails on its input in {mode} mode: {said(error)}")
                    break
    watcher.finish()
    return {"record": watcher.record.to_dict(), "errors": errors}


def main() -> None:
    """Run one stage; what goes wrong in the user's code is a result too."""
    stage, job_file, out = sys.argv[1:]
    job = Job.from_json(Path(job_file).read_text())
    warnings.simplefilter("ignore")
    os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        if stage == "observe":
            found = observe(job)
        else:
            from nlblocks.port.prove import prove

            found = prove(job)
    except InputError as error:
        found = {"wrong": str(error)}
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
