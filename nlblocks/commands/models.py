"""Models and inputs as the command line names them: ``package.module:name``, ``2,3,224,224``, ``x.npz``."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.backend import prepare_frameworks, to_install
from nlblocks.blame import said
from nlblocks.commands.options import shape_from_text
from nlblocks.errors import InputError, meant
from nlblocks.weights.files import open_checkpoint
from nlblocks.weights.files.parts import SeveralSets

ONNX = ".onnx"
"""How the name of a file ends that is a model."""
WHAT = "give package.module:name, where name is a model, or makes one when called without arguments"


def load_model(text: str) -> Any:
    """The model of ``package.module:name``, or of an ONNX file.

    Raises InputError, in one line, whatever goes wrong in the user's code.
    """
    if text.endswith(ONNX):
        from nlblocks.exchange.side import OnnxModel  # an extra

        return OnnxModel(text)
    found = load_object(text, "model")
    if isinstance(found, type) or not _is_model(found):
        if not callable(found):
            raise InputError(f"{text} is of type {type(found).__name__}; {WHAT}")
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise InputError(f"{text}() raises {said(error)}; {WHAT}") from None
        if found is None:
            raise InputError(f"{text}() returned None; {WHAT}")
    try:
        _check(found)
    except InputError as error:
        raise InputError(f"{text}: {error}") from None
    return found


def _is_model(found: Any) -> bool:
    """Whether it is a model, not what makes one: it looks like torch's and Paddle's, or belongs to a framework."""
    if hasattr(found, "parameters") and hasattr(found, "forward"):
        return True
    try:
        _check(found)
    except InputError:
        return False
    return True


def _check(model: Any) -> None:
    from nlblocks.parity.running import Subject

    Subject.check(model)


def is_checkpoint(path: Path) -> bool:
    """Whether a file holds weights, in any format that is read."""
    try:
        open_checkpoint(path)
    except SeveralSets:
        return True
    except InputError:
        return False
    return True


def load_object(text: str, noun: str) -> Any:
    """What a module of the user's names."""
    module_name, colon, name = text.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        dotted = module_name.removesuffix(".py").strip("./").replace("/", ".")
        raise InputError(f"{text!r} is a path; write {dotted}:{name or 'name'}, from the folder that it starts in")
    if not colon or not name or not all(re.fullmatch(r"\w+", part) for part in module_name.split(".")):
        raise InputError(f"{text!r} is no {noun}: {WHAT}")
    prepare_frameworks()
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise InputError(f"cannot import {module_name}: {said(error)}{to_install(error)}") from None
    for part in name.split("."):
        if not hasattr(found, part):
            names = [other for other in vars(found) if not other.startswith("_")] if hasattr(found, "__dict__") else []
            raise InputError(f"{module_name} has no {name}; {WHAT}{meant(part, names)}")
        found = getattr(found, part)
    return found


def load_inputs(given: tuple[str, ...]) -> Any:
    """Shapes and arrays from the command line; one .npz of named arrays gives named inputs."""
    found: list[Any] = []
    for text in given:
        if not text.endswith((".npy", ".npz")):
            found.append(shape_from_text(text))
            continue
        try:
            with open(text, "rb") as file:
                loaded = np.load(file, allow_pickle=False)
                arrays = {"arr_0": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
        except Exception as error:  # a damaged file fails in many ways
            raise InputError(f"--input {text} cannot be read: {said(error)}") from None
        if not arrays:
            raise InputError(f"--input {text} holds no array; save some with numpy.savez")
        if len(given) == 1 and not all(re.fullmatch(r"arr_\d+", name) for name in arrays):
            return arrays
        found += arrays.values()
    return found[0] if len(found) == 1 else tuple(found)
