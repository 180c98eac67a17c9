"""A drawing, in order: twins of the block are traced, their steps named and folded, and laid out on a page."""

from __future__ import annotations

from nlblocks.backend import installed, row_of, rows, tracer_in
from nlblocks.catalogue import entry
from nlblocks.drawing import page
from nlblocks.drawing.seen import Seen
from nlblocks.errors import BackendError, InputError, known
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.inputs import Each, joined, parts, split


def draw(spec: BlockSpec, shape: Each | None = None, backend: str | None = None) -> str:
    """The block on an input of ``shape``, or on several (the spec's example where that is None), as SVG.

    ``backend`` names the framework that runs it, whichever is installed where that is None: all give the same drawing.
    Raises InputError for an input that does not fit, and BackendError where no framework can run the block.
    """
    shape = joined(map(tuple, split(spec, spec.example_shape() if shape is None else shape)))
    spec.check_input(shape)
    if min(map(min, parts(shape))) < 1:
        raise InputError(f"{type(spec).__name__}: input of shape {shape} holds nothing; give extents of at least 1")
    return page.svg(Seen(spec, shape, _tracing(backend)))


def draw_example(kind: str, backend: str | None = None) -> str:
    """The drawing that the catalogue has of a kind: of the kind's first example."""
    about = entry(kind)
    return draw(about.example, about.input_shape, backend)


def _tracing(name: str | None) -> str:
    """A backend that says what its blocks do, by name."""
    if name is None:
        found = next((name for name in installed() if tracer_in(rows()[name].module) is not None), None)
        if found is None:
            raise BackendError('a drawing is made by running the block: install a framework, "nlblocks[torch]" say')
        return found
    row = row_of(name)
    if row.installed and tracer_in(row.module) is None:
        able = [other for other in installed() if tracer_in(rows()[other].module) is not None]
        raise BackendError(f"backend {name!r} does not say what its blocks do; give one of {known(able)}")
    return name
