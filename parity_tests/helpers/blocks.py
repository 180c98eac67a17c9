"""Blocks to test: every example of the catalogue, and a block built with random state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import nlblocks
from nlblocks.proof import sample
from nlblocks.specs import BlockSpec
from nlblocks.specs.base import describe
from nlblocks.specs.catalogue import EXAMPLES
from nlblocks.specs.inputs import parts

NATIVE = ("torch", "paddle")
BACKENDS = (*NATIVE, "reference")
Require = Callable[..., None]
SPECS = [pytest.param(spec, id=describe(spec)) for spec in EXAMPLES]
ONE_OF_EACH = [pytest.param(spec, id=kind) for kind, spec in {s.kind: s for s in reversed(EXAMPLES)}.items()]


def example_inputs(spec: BlockSpec, dtype: str = "float64") -> tuple[Any, ...]:
    """A random array for each input of a block, of its example's shape."""
    return tuple(x.astype(dtype) for x in parts(sample.random_inputs(spec.example_shape(), 0, "x")))


def built(spec: BlockSpec, backend: str, dtype: Any = "float64", state: Any = None) -> Any:
    """The block with ``state``, or else with random state, running statistics included."""
    module = nlblocks.build(spec, backend=backend, dtype=dtype)
    nlblocks.load_state(module, sample.random_state(spec, seed=0) if state is None else state)
    return module
