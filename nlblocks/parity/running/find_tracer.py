"""The tracer of the framework that a model belongs to."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

from nlblocks.backend import Row, rows, tracer_in
from nlblocks.errors import InputError, said
from nlblocks.parity.recording import Tracer
from nlblocks.specs.base import BlockSpec


def tracer_of(model: Any) -> Tracer:
    """The tracer of the framework that a model belongs to. Raises InputError where it is no model.

    It is ``tracer`` in the module ``lab.tracing`` of a backend, which is asked where one of the model's classes comes
    from the backend's framework. A package from an entry point may name that as ``framework``, and is to import it no
    sooner than its blocks or its tracer are wanted; if it does not, its models are its own. What is of no framework, a
    program in a file, brings its tracer as ``lab_tracer``.
    """
    if isinstance(model, type):
        raise InputError(f"{model.__name__} is a class; give a model, i.e. {model.__name__}(...)")
    brought = getattr(type(model), "lab_tracer", None)
    if isinstance(brought, Tracer):
        return brought
    homes = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    asked = sorted(rows().items(), key=lambda item: item[1].framework is None)  # a package is asked where no row says
    for name, row in asked:
        if (row.framework or _framework(row)) not in homes:
            continue
        tracer: Tracer | None = tracer_in(row.module)
        if tracer is not None and tracer.owns(model):
            return tracer
        if tracer is not None:
            raise InputError(f"{type(model).__name__} is no {name} module; give a model, e.g. an nn.Module or nn.Layer")
    raise InputError(_no_model(model))


def _no_model(given: Any) -> str:
    """What is said of something that is of no framework: what it is instead, and what to give."""
    rule = "give a model, an nn.Module or an nn.Layer"
    if isinstance(given, str | os.PathLike):
        return f"{said(os.fspath(given))} is the name of a file or model, and no model; load it, and {rule}"
    if isinstance(given, BlockSpec):
        return f"{type(given).__name__} is a spec, and no model; build it with nlblocks.build(spec, backend=...)"
    if isinstance(given, Mapping):
        return f"{type(given).__name__} is no model; a state_dict has no program: load it into its model, and {rule}"
    return f"{type(given).__name__} is no model of an installed framework; {rule}"


def _framework(row: Row) -> str | None:
    """What a package from an entry point says; None where it cannot be imported here."""
    try:
        return str(getattr(importlib.import_module(row.module), "framework", row.module))
    except ModuleNotFoundError:
        return None
