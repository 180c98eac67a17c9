"""Hypotheses are functions that are registered: each says which causes it may name, and its place is stated here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nlblocks.parity.explaining.hypothesis import Explanation, Hypothesis
from nlblocks.parity.findings import CAUSES

Function = TypeVar("Function", bound=Callable[..., Any])
OTHERS = "..."
"""The place in an order of functions that it does not name."""


@dataclass(frozen=True, slots=True)
class Registered(Generic[Function]):
    """A function and the causes that it may name."""

    function: Function
    causes: frozenset[str]

    @property
    def name(self) -> str:
        return self.function.__name__


class Registry(Generic[Function]):
    """Functions in a stated order of names, registered by decoration: ``@registry("conv.stride", ...)``."""

    def __init__(self, *order: str) -> None:
        self.order = order
        self._functions: list[Registered[Function]] = []

    def __call__(self, *causes: str) -> Callable[[Function], Function]:
        """Register a function with the causes that it may name, rows of CAUSES all of them.

        What the order does not name comes where it says OTHERS, else last, in order of registration. Raises ValueError
        for a cause that is not in the table and for a name that is taken.
        """
        unknown = [cause for cause in causes if cause not in CAUSES]
        if unknown:
            raise ValueError(f"causes {', '.join(unknown)} are not in nlblocks.parity.CAUSES: give each a row there")

        def register(function: Function) -> Function:
            new = Registered(function, frozenset(causes))
            if any(known.name == new.name for known in self):
                raise ValueError(f"a function {new.name!r} is registered already")
            self._functions = sorted([*self._functions, new], key=self._place)
            return function

        return register

    def _place(self, registered: Registered[Function]) -> int:
        for name in (registered.name, OTHERS):
            if name in self.order:
                return self.order.index(name)
        return len(self.order)

    def __iter__(self) -> Iterator[Registered[Function]]:
        return iter(self._functions)


hypothesis: Registry[Callable[[Hypothesis], Iterator[Explanation]]] = Registry(
    # what is no difference
    "rounded",
    # one operation, done otherwise
    "ties",
    "attributes",
    "layout",
    "operands",
    "weights",
    "masks",
    "kinds",
    "recognised",
    # operations, put together otherwise
    "iteration",
    "order",
    "padding",
    "narrowed",
    "missing",
    "moved",
    "selected",
    "factor",
    "replaced",
    OTHERS,
    # evidence without a computation
    "elimination",
    "doubtful",
)
"""Why two forward passes part: the plainest comes first, and the first that holds is said."""
