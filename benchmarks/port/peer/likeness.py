"""Results of two frameworks as plain data, and whether they are the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

TOLERANCE = 1e-5
"""Relative to a tensor's largest value: float32, two kernels apart."""
COARSE = {"float16": 2e-3, "bfloat16": 2e-2}
"""The same for what has fewer digits: two units in the last place of the largest value."""


class NotComparable(Exception):
    """A result that is neither a tensor nor plain: an object of a framework."""


@dataclass(frozen=True, slots=True)
class Array:
    """A tensor's values, and the name of its dtype ("float32"); NumPy's own arrays have one in their name."""

    dtype: str
    values: np.ndarray

    @property
    def form(self) -> str:
        return f"{self.dtype}{list(self.values.shape)}"


def plain(value: Any) -> Any:
    """A result as arrays, numbers, text, lists and dicts. Raises NotComparable."""
    if isinstance(value, bool | int | float | complex | str | None):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return Array(f"numpy {value.dtype}", np.asarray(value))
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    owner = type(value).__module__.partition(".")[0]
    name = str(getattr(value, "dtype", value)).rpartition(".")[2]
    if type(value).__name__ in ("dtype", "DataType"):
        return f"dtype {name}"
    if not hasattr(value, "detach"):
        raise NotComparable(f"{owner}'s {type(value).__name__}")
    return Array(name, _values(value.detach(), name))


def _values(tensor: Any, dtype: str) -> np.ndarray:
    for dense in ("to_dense", "resolve_conj", "resolve_neg"):
        wanted = dense != "to_dense" or str(getattr(tensor, "layout", "torch.strided")) != "torch.strided"
        if hasattr(tensor, dense) and wanted and type(tensor).__module__ == "torch":
            tensor = getattr(tensor, dense)()
    if dtype == "bfloat16":
        tensor = tensor.float() if hasattr(tensor, "float") else tensor.astype("float32")
    return np.asarray(tensor.numpy())


def unlike(left: Sequence[Any], right: Sequence[Any], *, values: bool = True) -> str:
    """Where plain results differ, in words, "" where they are the same. ``values=False``: in shape and dtype only."""
    if len(left) != len(right):
        return f"{len(left)} results, and {len(right)}"
    found = [_unlike(a, b, values) for a, b in zip(left, right, strict=True)]
    return next(filter(None, found), "")


def _unlike(a: Any, b: Any, values: bool) -> str:
    if isinstance(a, Array) and isinstance(b, Array):
        return _unlike_arrays(a, b, values)
    if isinstance(a, list) and isinstance(b, list):
        return unlike(a, b, values=values)
    if isinstance(a, dict) and isinstance(b, dict):
        return unlike(list(a), list(b)) or unlike(list(a.values()), list(b.values()), values=values)
    if type(a) is not type(b):
        return f"{_said(a)}, and {_said(b)}"
    if not values:
        return ""
    close = isinstance(a, float) and (math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-12) or (a != a and b != b))
    return "" if close or a == b else f"{_said(a)}, and {_said(b)}"


def _unlike_arrays(a: Array, b: Array, values: bool) -> str:
    if a.form != b.form:
        return f"{a.form}, and {b.form}"
    if not values or not a.values.size:
        return ""
    if a.values.dtype.kind not in "fc":
        return "" if np.array_equal(a.values, b.values) else f"other values of {a.form}"
    x, y = (one.values.astype(np.complex128 if one.values.dtype.kind == "c" else np.float64) for one in (a, b))
    finite = np.isfinite(x)
    if not np.array_equal(finite, np.isfinite(y)) or not np.array_equal(x[~finite], y[~finite], equal_nan=True):
        return "not finite in other places"
    scale = max(float(np.abs(x[finite]).max(initial=0)), 1e-12)
    worst = float(np.abs(x[finite] - y[finite]).max(initial=0)) / scale
    return "" if worst <= COARSE.get(a.dtype, TOLERANCE) else f"{a.form} differs by {worst:.0e}"


def _said(value: Any) -> str:
    return value.form if isinstance(value, Array) else f"{type(value).__name__} {value!r:.60}"
