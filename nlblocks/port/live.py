"""The user's own code, run: set up, imported, and the model built; whatever goes wrong in it is said in one line."""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

from nlblocks.backend import row_of
from nlblocks.blame import said
from nlblocks.errors import InputError
from nlblocks.port.job import Job

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
