"""What a block takes: one input, or several that go together as a tuple, one for each name of ``spec.inputs``.

This is the one place that knows the difference, of arrays, tensors and shapes alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Protocol

from nlblocks.errors import InputError

Each = Any
"""Something of one input, such as its array or its shape, or a tuple of that, of several."""


class Takes(Protocol):
    """A spec: all that is asked of it here."""

    inputs: ClassVar[tuple[str, ...]]


def parts(value: Each) -> tuple[Any, ...]:
    """What there is of each input."""
    return value if isinstance(value, tuple) and value and all(map(_is_part, value)) else (value,)


def joined(values: Iterable[Any]) -> Each:
    """The same put together again."""
    found = tuple(values)
    return found[0] if len(found) == 1 else found


def mapped(function: Callable[[Any], Any], value: Each) -> Each:
    """``function`` of what there is of each input."""
    return joined(map(function, parts(value)))


def shape_of(value: Each) -> Each:
    """The shape of an array or tensor, or of each of several."""
    return mapped(lambda part: tuple(part.shape), value)


def shape_text(shape: Each) -> str:
    """A shape as people read it: "[2, 6, 5, 6]", or "[2, 6, 5, 6] and [2, 8, 5, 6]"."""
    return " and ".join(str(list(part)) for part in parts(shape))


def split(spec: Takes, value: Each) -> tuple[Any, ...]:
    """What is given for each input of a spec, as a tuple or a list. Raises InputError for another number of them."""
    names = spec.inputs
    found = parts(tuple(value) if isinstance(value, list) and len(names) > 1 else value)
    if len(found) != len(names):
        takes = "one input" if len(names) == 1 else f"{len(names)} inputs, ({', '.join(names)})"
        raise InputError(f"{type(spec).__name__} takes {takes}; received {len(found)}")
    return found


def wrong_input(spec: Takes, name: str, value: Any, tensor: str) -> InputError:
    """The error for an input of a block's call that is no tensor of its framework, or holds no floating-point numbers.

    ``tensor`` names the framework's type.
    """
    where, numbers = type(spec).__name__, getattr(value, "dtype", None)
    if numbers is not None and type(value).__module__.split(".")[0] == tensor.split(".")[0]:
        return InputError(f"{where}: {name} holds {numbers}; it must hold floating-point numbers: convert it first")
    takes = "one tensor" if len(spec.inputs) == 1 else f"a tensor for each of ({', '.join(spec.inputs)})"
    received = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return InputError(
        f"{where}: {name} must be a {tensor}, received {received}; the block takes {takes}, and nlblocks.run "
        "takes arrays"
    )


def _is_part(value: Any) -> bool:
    """Whether it is an array, a tensor or a shape, and not a number or numbers in tuples."""
    if isinstance(value, tuple | list):
        return not any(isinstance(extent, tuple | list | float) for extent in value)
    return len(getattr(value, "shape", ())) > 0
