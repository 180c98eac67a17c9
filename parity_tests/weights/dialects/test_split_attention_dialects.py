"""ResNeSt's block in three codebases: the forms that were published are found, and what a class ignores is refused."""

from __future__ import annotations

from typing import Any

import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.weights.recognise import recognise

PUBLISHED = ((1, 1), (2, 1), (1, 4), (4, 1), (4, 2), (2, 2))
"""Radix and cardinality: ResNeSt-50 1s1x64d, 2s1x64d, 1s4x24d, 4s1x64d, 4s2x40d, and 2s2x40d."""
CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "resnest": ("SplAtConv2d", {"channels": 96, "kernel_size": 3, "padding": 1, "bias": False, "norm": True}),
    "timm": ("SplitAttn", {"norm": True}),
    "paddleclas": ("SplatConv", {"channels": 96, "kernel_size": 3, "padding": 1}),
}


@pytest.mark.parametrize(("radix", "groups"), PUBLISHED)
@pytest.mark.parametrize("dialect", CLASSES)
def test_a_published_form_is_found_in_a_checkpoint(dialect: str, radix: int, groups: int) -> None:
    codebase, (cls, options) = nlblocks.dialects.get(dialect), CLASSES[dialect]
    spec = codebase.spec(cls, in_channels=96, radix=radix, groups=groups, **options)
    shapes = {f"layer1.0.conv2.{name}": shape for name, shape in codebase.rows(spec).values()}
    found = next(block.spec for block in recognise(shapes, among=[dialect]))
    assert (found.in_channels, found.outer, found.inner) == (spec.in_channels, spec.outer, spec.inner)
    assert (found.radix, found.groups, found.kernel_size) == (radix, groups, 3)


def test_what_a_class_ignores_or_cannot_do_is_one_line() -> None:
    for dialect, wrong, message in (
        ("paddleclas", {"padding": 2}, "ignores padding=2"),
        ("paddleclas", {"dilation": 2, "padding": 2}, "ignores"),
        ("resnest", {"rectify": True}, "rectify=True needs"),
        ("resnest", {"dropblock_prob": 0.1}, "dropblock_prob=0.1 raises"),
        ("resnest", {"stride": (1, 2)}, "an extent for each axis is not covered"),
        ("timm", {"act_layer": "GELU"}, "act_layer ReLU"),
    ):
        cls, options = CLASSES[dialect]
        with pytest.raises(InputError, match=message) as error:
            nlblocks.dialects.get(dialect).spec(cls, in_channels=96, **{**options, **wrong})
        assert "\n" not in str(error.value)
