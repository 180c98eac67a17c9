"""Every kind of block is found in a checkpoint, under each codebase's names for it, with the sizes that it has.

The pairs come from the dialects and the catalogue: a kind that lands later is tried without a change here.
"""

from __future__ import annotations

import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.specs import BlockSpec
from nlblocks.specs.catalogue import EXAMPLES
from nlblocks.weights import dialects
from nlblocks.weights.recognise import recognise

OTHERS = {"stem.weight": (8, 3, 7, 7), "head.fc.weight": (10, 8), "head.fc.bias": (10,)}


def first_of(dialect: str, kind: str) -> BlockSpec | None:
    """The first example of a kind that a codebase has, with tensors to find it by."""
    for spec in EXAMPLES:
        try:
            if spec.kind == kind and dialects.get(dialect).rows(spec):
                return spec
        except InputError:
            continue
    return None


PAIRS = [
    pytest.param(name, spec, id=f"{name}-{cls.kind}")
    for name in dialects.names()
    for cls in dialects.get(name).tables
    if (spec := first_of(name, cls.kind)) is not None
]


def test_every_kind_with_tensors_is_tried() -> None:
    kinds = {spec.kind for spec in EXAMPLES if spec.params()}
    assert {pair.values[1].kind for pair in PAIRS} == kinds  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "spec"), PAIRS)
def test_a_block_is_found_in_a_checkpoint(name: str, spec: BlockSpec) -> None:
    dialect = dialects.get(name)
    state = {param.name: nlblocks.init.draw(param, 0) for param in spec.params()}
    tensors = {f"backbone.3.{each}": array.shape for each, array in dialect.from_canonical(spec, state).items()}
    found = [block for block in recognise(OTHERS | tensors, [name]) if block.prefix == "backbone.3"]
    wanted = [(param.name, param.shape) for param in spec.params()]
    shapes = [[(param.name, param.shape) for param in each.params()] for block in found for each in block.specs]
    assert wanted in shapes
    names = set(found[0].names.values())
    assert {each for each in tensors if not each.endswith(dialect.ignored)} >= names
