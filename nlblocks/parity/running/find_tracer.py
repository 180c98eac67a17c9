"""The tracer of the framework that a model belongs to."""

from __future__ import annotations

import importlib
from typing import Any

from nlblocks.backend import rows
from nlblocks.errors import InputError
from nlblocks.parity.recording.tracer import Tracer


def tracer_of(model: Any) -> Tracer:
    """The tracer of the framework that a model belongs to. Raises InputError where it is no model."""
    if isinstance(model, type):
        raise InputError(f"{model.__name__} is a class; give a model, i.e. {model.__name__}(...)")
    for name, row in rows().items():
        if row.framework is not None and row.installed and _mentions(model, row.framework):
            tracer: Tracer = importlib.import_module(f"{row.module}.lab.tracing").tracer
            if tracer.owns(model):
                return tracer
            raise InputError(f"{type(model).__name__} is no {name} module; give a model, e.g. an nn.Module or nn.Layer")
    raise InputError(f"{type(model).__name__} is no model of an installed framework; give an nn.Module or an nn.Layer")


def _mentions(model: Any, framework: str) -> bool:
    return any(base.__module__.partition(".")[0] == framework for base in type(model).__mro__)
