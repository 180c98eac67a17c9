"""What the lab does not look at, compared beside it: what is returned and is no tensor, whole numbers, the file."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from nlblocks.backend import State
from nlblocks.blame import said
from nlblocks.errors import InputError
from nlblocks.parity import LabReport
from nlblocks.port.inputs import Inputs

MODES = ("eval", "train")
PLAIN = (bool, int, float, complex, str, np.ndarray, np.generic)
FLOAT32 = 1e-3
"""How far, in units of the largest, returned numbers may be apart: they come of runs in float32."""


def returned(model: Any, inputs: Inputs, framework: Any) -> dict[str, dict[str, Any]]:
    """What a model returns in each mode that is no tensor, by its place. Its buffers are changed in training.

    Raises InputError where it fails.
    """
    found = {}
    for mode in MODES:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002  # what a model draws of Python's and NumPy's is alike in both
        getattr(model, mode)()
        args, kwargs = inputs.tensors(framework.tensor)
        try:
            with framework.without_gradients():
                found[mode] = dict(_plain(model(*args, **kwargs), ""))
        except Exception as error:
            raise InputError(f"a {type(model).__name__} fails in {mode} mode: {said(error)}") from error
    return found


def apart(left: Mapping[str, Mapping[str, Any]], right: Mapping[str, Mapping[str, Any]]) -> tuple[str, list[str]]:
    """The first of what two models returned that is not the same, "" where all is; and what is left open.

    Open are floating numbers of runs in training that differ: they may be of what was drawn.
    """
    different, open_ = "", []
    for mode in MODES:
        for place in {**left[mode], **right[mode]}:
            one, other = left[mode].get(place), right[mode].get(place)
            if _same(one, other):
                continue
            said = f"in {mode} mode the model returns {_said(one)} at {place or 'its end'}, the port {_said(other)}"
            if mode == "train" and _is_floating(one) and _is_floating(other):
                open_.append(said)
            else:
                different = different or said
    return different, open_


def astray(report: LabReport, source: State, target: State) -> str:
    """The first tensor of the file, ``target``, that is not the one of ``source`` that the lab put there; "" for none.

    Both by the lab's names. The lab moves the weights itself: only so is its verdict one of the file.
    """
    theirs = report.pairing.mirrored(target, source)
    for name in theirs:
        if not np.array_equal(*theirs.beside(name, source[name]), equal_nan=source[name].dtype.kind in "fc"):
            return f"the file holds another {name} than the model"
    return ""


def _plain(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, PLAIN):
        yield place, value
    elif isinstance(value, Mapping):
        items = value.items()
    elif is_dataclass(value):
        items = vars(value).items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    for name, item in items:
        yield from _plain(item, f"{place}[{name!r}]")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str | None) or isinstance(other, str | None):
        return isinstance(one, str) and isinstance(other, str) and one == other
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape:
        return False
    if not (_is_floating(a) or _is_floating(b)):
        return bool((a == b).all())
    limit = FLOAT32 * np.abs(a).max(initial=0)
    return bool(np.allclose(a, b, rtol=0, atol=limit, equal_nan=True))


def _is_floating(value: Any) -> bool:
    return value is not None and np.asarray(value).dtype.kind in "fc"


def _said(value: Any) -> str:
    return "nothing of the kind" if value is None else " ".join(repr(value).split())[:60]
