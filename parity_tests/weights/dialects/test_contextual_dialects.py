"""CoTNet's layers and another collection's CoTAttention: both forms are found, and what cannot be is refused."""

from __future__ import annotations

import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.specs import ContextualTransformer, ContextualWindowAttention
from nlblocks.weights.recognise import recognise

CLASSES = {
    ("cotnet", "CotLayer"): ContextualTransformer(in_channels=64),
    ("cotnet", "CoXtLayer"): ContextualTransformer(in_channels=64, key_groups=8, groups=2),
    ("xmu", "CoTAttention"): ContextualWindowAttention(in_channels=64),
}


@pytest.mark.parametrize(("dialect", "cls"), CLASSES)
def test_a_published_class_is_found_in_a_checkpoint(dialect: str, cls: str) -> None:
    codebase = nlblocks.dialects.get(dialect)
    spec = codebase.spec(cls, dim=64, kernel_size=3)
    assert spec == CLASSES[dialect, cls]
    shapes = {f"layer1.0.conv2.{name}": shape for name, shape in codebase.rows(spec).values()}
    found = next(block for block in recognise(shapes, among=[dialect]) if block.prefix == "layer1.0.conv2")
    assert type(found.spec) is type(spec)
    assert found.spec.params() == spec.params()


def test_a_width_that_a_class_cannot_have_is_one_line() -> None:
    for dialect, cls, dim, message in (
        ("cotnet", "CotLayer", 12, r"in_channels=12 must be a multiple of share · groups = 8"),
        ("cotnet", "CoXtLayer", 24, r"in_channels=24 must be a multiple of share · groups = 16"),
        ("xmu", "CoTAttention", 6, r"in_channels=6 must be a multiple of key_groups=4"),
    ):
        with pytest.raises(InputError, match=message) as error:
            nlblocks.dialects.get(dialect).spec(cls, dim=dim, kernel_size=3)
        assert "\n" not in str(error.value)
