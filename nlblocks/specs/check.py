"""Field validation shared by the specs: every message names the field, its value and what would do."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from nlblocks.errors import InputError, one_of, said

LARGEST = 2**31 - 1
"""No field that counts something needs more."""


def check_int(spec: Any, name: str, *, at_least: int = 1, optional: bool = False) -> None:
    """The field is an int (never a bool) of at least ``at_least``, or None where ``optional``."""
    value = getattr(spec, name)
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise refuse(spec, name, f"must be an int of at least {at_least}")
    if value < at_least:
        raise refuse(spec, name, f"must be at least {at_least}")
    if value > LARGEST:
        raise refuse(spec, name, f"must be at most {LARGEST}")
    object.__setattr__(spec, name, int(value))


def check_odd(spec: Any, name: str, *, optional: bool = False) -> None:
    """The field is an odd int of at least 1, or None where ``optional``."""
    check_int(spec, name, optional=optional)
    value = getattr(spec, name)
    if value is not None and value % 2 == 0:
        raise refuse(spec, name, "must be odd, so that the padding keeps the extents")


def check_odd_sizes(spec: Any, name: str, *, at_least: int = 1) -> None:
    """The field is a tuple of odd ints of at least ``at_least``, one or more; a list becomes one."""
    sizes = getattr(spec, name)
    if not (_whole(sizes, at_least) and all(n % 2 for n in sizes)):
        raise refuse(spec, name, f"must be one or more odd ints of at least {at_least}")
    object.__setattr__(spec, name, tuple(int(n) for n in sizes))


def check_sizes(spec: Any, name: str, count: int | None = None, *, optional: bool = False) -> None:
    """The field is a tuple of ``count`` ints of at least 1, or of one or more, or None where ``optional``.

    A list becomes a tuple.
    """
    sizes = getattr(spec, name)
    if sizes is None and optional:
        return
    if not _whole(sizes, 1) or count not in (None, len(sizes)):
        many = "one or more ints" if count is None else f"{count} ints"
        raise refuse(spec, name, f"must be {many} of at least 1, e.g. {tuple(range((count or 2) + 3, 3, -1))}")
    object.__setattr__(spec, name, tuple(int(n) for n in sizes))


def check_partitions(spec: Any, name: str) -> None:
    """The field is a tuple of pairs of ints of at least 1, one or more; lists become tuples."""
    pairs = getattr(spec, name)
    rows = pairs if isinstance(pairs, list | tuple) else ()
    if not rows or not all(_whole(pair, 1) and len(pair) == 2 for pair in rows):
        raise refuse(spec, name, "must be one or more pairs of ints of at least 1, such as ((8, 8),)")
    object.__setattr__(spec, name, tuple(tuple(int(n) for n in pair) for pair in pairs))


def _whole(values: object, at_least: int) -> bool:
    """Whether it is a tuple or a list of ints of at least ``at_least``, one or more."""
    return (
        isinstance(values, list | tuple)
        and len(values) > 0
        and all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in values)
        and all(at_least <= n <= LARGEST for n in values)
    )


def check_number(spec: Any, name: str, *, low: float, high: float = math.inf, exclusive: str = "") -> None:
    """The field is a finite number in [low, high]; ``exclusive`` holds "low", "high" or both for open ends."""
    value = getattr(spec, name)
    ok = isinstance(value, Real) and not isinstance(value, bool)
    ok = ok and low <= value <= high and -sys.float_info.max <= value <= sys.float_info.max  # false for NaN
    ok = ok and not ("low" in exclusive and value == low) and not ("high" in exclusive and value == high)
    if not ok:
        left, right = "(" if "low" in exclusive else "[", ")" if "high" in exclusive or high == math.inf else "]"
        raise refuse(spec, name, f"must be a number in {left}{low}, {high}{right}")
    object.__setattr__(spec, name, float(value))


def check_numbers(spec: Any, name: str) -> None:
    """The field is a tuple of finite numbers, perhaps of none."""
    values = getattr(spec, name)
    numbers = isinstance(values, list | tuple) and all(
        isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value) for value in values
    )
    if not numbers:
        raise refuse(spec, name, "must be a tuple of finite numbers")
    object.__setattr__(spec, name, tuple(map(float, values)))


def check_bool(spec: Any, name: str) -> None:
    """The field is True or False."""
    if not isinstance(getattr(spec, name), bool):
        raise refuse(spec, name, "must be True or False")


def check_choice(spec: Any, name: str, choices: Sequence[Any]) -> None:
    """The field is one of ``choices``, of the same type (True is not 1)."""
    value = getattr(spec, name)
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise refuse(spec, name, one_of(value, choices))


def check_type(spec: Any, name: str, cls: type, *, optional: bool = False) -> None:
    """The field is an instance of a spec class ``cls``, or None where ``optional``."""
    value = getattr(spec, name)
    if not (isinstance(value, cls) or (optional and value is None)):
        raise refuse(spec, name, f"must be a {cls.__name__}" + (" or None" if optional else ""))


def check_image(
    spec: Any,
    shape: Sequence[int],
    *,
    channels: int | None,
    dims: int,
    at_least: Sequence[int] | None = None,
    exactly: Sequence[int] | None = None,
) -> None:
    """The shape is [B, channels, *spatial] with ``dims`` spatial axes, at least (1) or exactly the given extents.

    ``channels`` None is any number of at least 1.
    """
    if len(shape) == dims + 2 and shape[1] == channels and exactly is None and min(shape[2:]) >= max(at_least or (1,)):
        return  # the usual case, and every call of a block comes here
    name, shape = type(spec).__name__, tuple(shape)
    axes = {1: "[B, C, T]", 2: "[B, C, H, W]", 3: "[B, C, T, H, W]"}[dims]
    if len(shape) != dims + 2:
        raise InputError(f"{name}: input of shape {shape} has {len(shape)} axes; it must have {dims + 2}: {axes}")
    if shape[1] == 0 or (shape[1] > 0 and channels not in (None, shape[1])):
        wanted = "at least 1" if channels is None else channels
        raise InputError(f"{name}: input of shape {shape} has {shape[1]} channels; it must have {wanted}: {axes}")
    spatial, minimum = shape[2:], tuple(at_least or (1,) * dims)
    if exactly is not None and any(0 <= n != size for n, size in zip(spatial, exactly, strict=True)):
        raise InputError(f"{name}: input of shape {shape} has extents {spatial}; they must be {tuple(exactly)}: {axes}")
    if any(0 <= n < least for n, least in zip(spatial, minimum, strict=True)):
        raise InputError(
            f"{name}: input of shape {shape} has extents {spatial}; they must be at least {minimum}: {axes}"
        )


def check_tokens(spec: Any, shape: Sequence[int], *, channels: int) -> None:
    """The shape is [B, N, channels], N at least 1."""
    name, shape = type(spec).__name__, tuple(shape)
    if len(shape) != 3:
        raise InputError(f"{name}: input of shape {shape} has {len(shape)} axes; it must have 3: [B, N, C]")
    if shape[2] >= 0 and shape[2] != channels:
        raise InputError(f"{name}: input of shape {shape} has {shape[2]} channels; it must have {channels}: [B, N, C]")
    if shape[1] == 0:
        raise InputError(f"{name}: input of shape {shape} has no tokens; it must have at least 1: [B, N, C]")


def check_positions(spec: Any, shape: Sequence[int], *, at_least: int) -> None:
    """The shape [B, C, *spatial] has so many positions; a negative extent is unknown, and passes."""
    count = math.prod(shape[2:])
    if min(shape[2:]) >= 0 and count < at_least:
        raise InputError(
            f"{type(spec).__name__}: input of shape {tuple(shape)} has {count} position, of which there is no "
            f"deviation; it must have at least {at_least}"
        )


def refuse(spec: Any, name: str, rule: str) -> InputError:
    """The error that names a field, its value and the rule it breaks."""
    return InputError(f"{type(spec).__name__}: {name}={said(getattr(spec, name))} {rule}")
