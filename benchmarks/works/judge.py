"""One way of using a block, tried on one block: whether the result is the plain run's, and why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import tolerance

Results = dict[str, Array]
"""Outputs by their names, and where they were asked for the gradients of the input and of each parameter."""
OUTPUTS = ("eval", "output")
"""The names of the outputs, in evaluation and in training; the others are gradients."""
Verdict = Literal["works", "fails", "not here", "nothing"]

ROUNDINGS = 16.0
"""How many times farther than by rounding its weights and its input to a format the output of a block may move that
computes in that format: each operation rounds once more. Measured on all blocks: up to 11; a fault is orders above."""
EPSILON = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
"""Half a unit in the last place of 1: the least that rounding to a format makes of a tensor."""


class NotHere(Exception):
    """This machine lacks what the way needs."""


class Nothing(Exception):
    """The block has nothing that the way could be used on."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of using a block: how a user writes it, and what runs it on a spec at a point.

    ``run`` gets the block, which is the plain one's double, and the input, and returns what the plain run returns, or
    some of it. ``format`` is the float format that it computes in, and that decides the bound.
    """

    name: str
    code: str
    run: Callable[[Any, Array], Results]
    format: str = "float64"


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of a way on a block: ``error`` relative to the largest value, ``why`` where it did not work."""

    verdict: Verdict
    error: float = 0.0
    why: str = ""


def tried(way: Way, module: Any, x: Array, plain: Results, rounded: Results) -> Cell:
    """Run a way and hold it against the plain run; ``rounded`` is the plain run from rounded weights and input.

    In a shorter format only the output is measured: it is continuous in what is rounded. A gradient jumps where a
    maximum or a ReLU tips, so it must be there and be finite.
    """
    try:
        found = way.run(module, x)
    except NotHere as problem:
        return Cell("not here", why=str(problem))
    except Nothing as problem:
        return Cell("nothing", why=str(problem))
    except Exception as problem:  # whatever a framework raises is what the table says
        return Cell("fails", why=said(problem))
    exact = way.format == "float64"
    limit = tolerance.MODEL_LIMIT if exact else ROUNDINGS * max(EPSILON[way.format], apart(rounded, plain, "output"))
    worst = 0.0
    for name, array in found.items():
        if array.shape != plain[name].shape or not np.isfinite(array).all():
            return Cell("fails", why=f"{name} is {_strange(array, plain[name])}")
        if exact or name == "output":
            worst = max(worst, apart(found, plain, name))
            if worst > limit:
                return Cell("fails", worst, f"{name} is {worst:.0e} of its largest value away from the plain run")
    return Cell("works", worst)


def said(problem: Exception) -> str:
    """An exception's class and the first words of what it says."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip(" -\t")]
    words = lines[0] if lines else ""
    return f"{type(problem).__name__}: {words[:WIDTH]}{'…' if len(words) > WIDTH else ''}".replace("|", "/")


WIDTH = 220


def apart(found: Results, plain: Results, name: str) -> float:
    """The largest distance, in units of the largest value; a gradient's of the largest among the gradients."""
    peers = [value for other, value in plain.items() if (other in OUTPUTS) == (name in OUTPUTS)]
    scale = max(float(np.abs(value).max(initial=0.0)) for value in peers)
    return float(np.abs(found[name] - plain[name]).max(initial=0.0)) / (scale or 1.0)


def _strange(array: Array, expected: Array) -> str:
    if array.shape != expected.shape:
        return f"{list(array.shape)} where {list(expected.shape)} is due"
    return "not finite"
