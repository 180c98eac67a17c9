"""The hypotheses, a file a subject; importing this registers them all, in the order that the registry states."""

from nlblocks.parity.explaining.hypotheses import (
    attributes,
    elimination,
    iteration,
    kinds,
    masks,
    missing,
    narrowed,
    operands,
    order,
    padding,
    recognised,
    replaced,
    rounded,
    ties,
    values,
    weights,
)

__all__ = [
    "attributes",
    "elimination",
    "iteration",
    "kinds",
    "masks",
    "missing",
    "narrowed",
    "operands",
    "order",
    "padding",
    "recognised",
    "replaced",
    "rounded",
    "ties",
    "values",
    "weights",
]
