"""Where a mutation can be made, and how one object gets another method without a change of its names or its class's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in one model; ``apply`` makes the mutation there."""

    label: str
    apply: Callable[[], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One way to spoil a model. ``find`` lists the places of a model where it can be made, in an order that lasts.

    ``keeps`` says that it changes values of weights, or which layer has them: such a pair is compared with the weights
    that each side has.
    """

    name: str
    find: Callable[[Any, Any], list[Place]]
    keeps: bool = False


def become(module: Any, **methods: Callable[..., Any]) -> None:
    """Give one layer other methods. Its class keeps its name and bases; its parameters keep theirs."""
    own = type(module)
    body = {**methods, "__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
    object.__setattr__(module, "__class__", type(own.__name__, (own,), body))


def is_native(side: Any, module: Any) -> bool:
    """Whether a layer is the framework's own, not one of the model's author."""
    return type(module).__module__.partition(".")[0] == side.PACKAGE
