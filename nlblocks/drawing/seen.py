"""A block as its tracer sees it: its steps, and what each tensor's axes are called."""

from __future__ import annotations

import math
from collections import Counter
from functools import cached_property
from itertools import combinations

import numpy as np

from nlblocks import paths
from nlblocks.backend import Array
from nlblocks.blocks import build, run
from nlblocks.drawing.letters import Extent, Names
from nlblocks.drawing.steps import Step, Steps, Use, number_of
from nlblocks.drawing.twins import twins
from nlblocks.errors import InputError
from nlblocks.numerics import distance, tolerance
from nlblocks.parity.running import Subject
from nlblocks.parity.tracing import Trace, vocabulary
from nlblocks.proof import sample
from nlblocks.specs.base import BlockSpec, Shape
from nlblocks.specs.inputs import Each, shape_of
from nlblocks.weights.state import load_state

SEED = 0


class Seen:
    """A block on a shape of input, as one backend runs it."""

    def __init__(self, spec: BlockSpec, shape: Each, backend: str) -> None:
        self.spec, self.shape_in, self.backend = spec, shape, backend
        found = twins(spec, shape)
        runs = [observed(twin.spec, backend, random_point(twin.spec, twin.shape)) for twin in found]
        (self.trace, self.maps), self._traces = runs[0], [trace for trace, _ in runs]
        if len({tuple(op.kind for op in trace.ops) for trace in self._traces}) > 1:
            raise InputError(f"{type(spec).__name__}: it computes otherwise at other sizes, and cannot be drawn")
        self.names = Names(type(spec).__name__, [twin.letters for twin in found], spec.letters(shape))
        self._read = Steps(self.trace)

    @property
    def steps(self) -> list[Step]:
        return self._read.steps

    @cached_property
    def outputs(self) -> dict[str, Use]:
        return self._read.outputs

    @cached_property
    def uses(self) -> Counter[int]:
        """How often each tensor is used by a step, or given out."""
        found = [use.source for step in self.steps for use in step.uses]
        return Counter(found + [use.source for use in self.outputs.values()])

    def shape(self, number: int) -> Shape:
        """The shape of a tensor in the first twin."""
        return _shape(self.trace, number)

    def extents(self, number: int) -> tuple[Extent, ...]:
        """What a tensor's axes are called, and their extents in the block that is drawn; axes of 1 are left out."""
        found = (self.axis(number, index) for index in range(len(self.shape(number))))
        return tuple(extent for extent in found if not extent.one)

    def axis(self, number: int, index: int) -> Extent:
        """One axis of a tensor."""
        seen = tuple(shape[index] for shape in self._shapes(number))
        return self.names.extent(seen, self._merged(number, seen))

    def _shapes(self, number: int) -> list[Shape]:
        """The shapes of a tensor in the twins."""
        return [_shape(trace, number) for trace in self._traces]

    def _merged(self, number: int, sizes: tuple[int, ...]) -> tuple[Extent, ...]:
        """The axes of another tensor, one after another, that an axis of these extents was made from."""
        op = self._read.graph.producer.get(number)
        if op is None or op.kind not in vocabulary.LAYOUT or not op.inputs:
            return ()
        shapes = self._shapes(op.inputs[0])
        for start, stop in combinations(range(len(shapes[0]) + 1), 2):
            if stop > start + 1 and tuple(math.prod(shape[start:stop]) for shape in shapes) == sizes:
                found = (self.axis(op.inputs[0], index) for index in range(start, stop))
                return tuple(extent for extent in found if not extent.one)
        return ()

    def within(self, path: str, number: int) -> bool:
        """Whether a tensor was laid out by the code of a module."""
        scope = self._read.graph.producer[number].scope
        return not path or f"{scope}.".startswith(f"{path}.")

    def kernel(self, weight: Use) -> tuple[int, ...]:
        """The kernel of a convolution's weight in the block that is drawn, which may depend on its sizes."""
        name = self.trace.parameter(weight.source)
        return next((param.shape for param in self.spec.params() if param.name == name), self.shape(weight.read))[2:]

    def number(self, step: Step) -> str:
        """A number of the block's code: the letter that it is, or the number."""
        read = [next(op for op in trace.ops if step.output in op.outputs) for trace in self._traces]
        seen = tuple(number_of(op) for op in read)
        letter = self.names.letter(seen)
        if not letter and len(set(seen)) > 1:
            return "a number that depends on sizes"
        if step.number is None:
            return "constants"  # one for each entry, such as a mask of the padding
        return letter or f"{step.number:.3g}".replace("-", "−")

    def move(self, use: Use, *, product: bool = False) -> str:
        """What is done to a tensor to be read, "" where nothing but axes of 1 come or go.

        In a ``product`` the axes are named by what is summed over, in whatever order the code wants them.
        """
        if use.source == use.read:
            return ""
        if self._read.graph.producer[use.read].kind == "pad":
            return f"pad, {self._read.graph.producer[use.read].attrs.get('mode', 'constant')}"
        before, after = ([e.text for e in self.extents(n)] for n in (use.source, use.read))
        values = self.trace.values
        kept = np.array_equal(values[use.source].ravel(), values[use.read].ravel())
        if use.part:
            return f"part {use.part}"
        if kept or product:
            return "" if sorted(before) == sorted(after) else "reshape"
        return "transpose" if sorted(before) == sorted(after) else "reshape, transpose"

    @cached_property
    def map_names(self) -> dict[int, str]:
        """The tensors that are the block's attention maps, by the values that it gives when it is asked for them."""
        found = {}
        for name, array in self.maps.items():
            same = [step.output for step in self.steps if _same(self.trace.values[step.output], array)]
            if same:
                found[same[-1]] = name  # a clip may have changed nothing
        return found


def random_point(spec: BlockSpec, shape: Each, seed: int = SEED) -> sample.Point:
    """Random weights, none of them a zero gate, and a random input."""
    state, x = sample.random_state(spec, seed), sample.random_inputs(shape, seed, "drawing")
    return sample.Point(state=state, x=x, grad_output=np.zeros(0))


def observed(spec: BlockSpec, backend: str, point: sample.Point) -> tuple[Trace, dict[str, Array]]:
    """One evaluation of a block in float64: its trace with all values, and its attention maps."""
    module, x = build(spec, backend, dtype="float64"), point.x
    load_state(module, point.state)
    with paths.force("direct"):  # the formula as it is written: the fast path has no map
        trace = Subject.alone(module, x, SEED).run(training=False, backward=False)
        asked = bool(spec.attention_shapes(shape_of(x)))
        maps = run(module, x, return_attention=True).attention if asked else None
    if trace.error:
        raise InputError(f"{type(spec).__name__} fails on an input of shape {shape_of(x)}: {trace.error}")
    return trace, maps if isinstance(maps, dict) else {} if maps is None else {"attention": maps}


def _same(a: Array, b: Array) -> bool:
    return a.size == b.size and distance(a.ravel(), b.ravel()) <= tolerance.EQUAL


def _shape(trace: Trace, number: int) -> Shape:
    found = trace.shape(number)
    assert found is not None, number
    return found
