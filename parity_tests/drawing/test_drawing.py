"""Drawings are made from runs of the blocks: they are today's, the same in every framework, and true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

import nlblocks
from nlblocks import specs
from nlblocks.catalogue import entry
from nlblocks.drawing import draw, draw_example
from nlblocks.drawing.flow import Panel, panels
from nlblocks.drawing.letters import Names
from nlblocks.drawing.seen import Seen, observed, random_point
from nlblocks.drawing.twins import is_network, twins
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Shape, describe
from nlblocks.specs.catalogue import EXAMPLES
from parity_tests.helpers.checkout import ROOT
from parity_tests.helpers.command_line import call

FOLDER = ROOT / "docs" / "drawings"
BLOCKS = [spec for spec in EXAMPLES if not is_network(spec, spec.example_shape())]
example = cache(draw_example)


def test_the_catalogue_has_a_drawing_of_every_kind() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{kind}.svg" for kind in nlblocks.kinds()}, "run: make docs"
    page = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")
    assert all(f"(drawings/{kind}.svg)" in page for kind in nlblocks.kinds())


@pytest.mark.parametrize("kind", nlblocks.kinds())
def test_the_drawings_of_the_catalogue_are_not_stale(kind: str) -> None:
    assert (FOLDER / f"{kind}.svg").read_text(encoding="utf-8") == example(kind, _backend()), "run: make docs"


@pytest.mark.parametrize("kind", nlblocks.kinds())
def test_every_framework_gives_the_same_drawing(kind: str, require) -> None:
    require("torch", "paddle")
    assert example(kind, "torch") == example(kind, "paddle")


@pytest.mark.parametrize("kind", nlblocks.kinds())
def test_no_box_is_cut_off_by_the_edge_of_the_page(kind: str) -> None:
    page = ElementTree.fromstring(example(kind, _backend()))
    assert max(_rights(page, 0.0)) <= float(page.attrib["width"])


def _rights(element: ElementTree.Element, left: float) -> Iterator[float]:
    """Where each rectangle ends."""
    moved = re.match(r"translate\(([-\d.]+)", element.attrib.get("transform", ""))
    left += float(moved[1]) if moved else 0.0
    if element.tag.endswith("rect"):
        yield left + float(element.attrib.get("x", 0)) + float(element.attrib["width"])
    for child in element:
        yield from _rights(child, left)


@pytest.mark.parametrize("spec", [spec for spec in BLOCKS if spec != entry(spec.kind).example], ids=describe)
def test_every_framework_gives_the_same_drawing_of_every_form(spec: BlockSpec, require) -> None:
    require("torch", "paddle")
    assert draw(spec, backend="torch") == draw(spec, backend="paddle")


@pytest.mark.parametrize("spec", BLOCKS, ids=describe)
def test_the_numbers_are_those_of_a_run_of_the_block_itself(spec: BlockSpec) -> None:
    shape = spec.example_shape()
    seen = Seen(spec, shape, _backend())
    trace, _ = observed(spec, seen.backend, random_point(spec, shape))
    for step in seen.steps:
        drawn = [seen.axis(step.output, index).number for index in range(len(seen.shape(step.output)))]
        assert tuple(drawn) == trace.shape(step.output), step


@pytest.mark.parametrize("spec", BLOCKS, ids=describe)
def test_each_extent_is_one_formula_alone(spec: BlockSpec) -> None:
    shape = spec.example_shape()
    found = twins(spec, shape)
    names = Names(spec.kind, [twin.letters for twin in found], spec.letters(shape))
    runs = [observed(twin.spec, _backend(), random_point(twin.spec, twin.shape))[0] for twin in found]
    made = [number for op in runs[0].ops for number in op.outputs]
    seen = {tuple(axes) for number in made for axes in zip(*(run.shape(number) for run in runs), strict=True)}
    several = {axes: [f.text for f in names.fitting(axes)] for axes in seen if len(set(axes)) > 1}
    letters = {tuple(twin.letters[name] for twin in found) for name in found[0].letters}
    assert not {axes: texts for axes, texts in several.items() if len(texts) > 1 and axes not in letters}


@pytest.mark.parametrize("kind", nlblocks.kinds())
def test_every_letter_of_a_drawing_is_in_the_docstring(kind: str) -> None:
    found = entry(kind)
    tensors = [node.tensor for panel in _panels(found.example) for node in panel.nodes if node.tensor is not None]
    for name in {letter for tensor in tensors for extent in tensor.extents for letter in extent.letters}:
        assert re.search(rf"\b{name}\b", found.text), name


def _backend() -> str:
    return next(name for name in nlblocks.installed() if name != "reference")


def _tensors(panel: Panel) -> dict[str, str]:
    """The letters of each tensor that has a name, or that a named layer makes."""
    named = {node.tensor.name or node.title: node.tensor for node in panel.nodes if node.tensor is not None}
    return {name: ", ".join(extent.text for extent in tensor.extents) for name, tensor in named.items()}


def _panels(spec: BlockSpec, shape: Shape | None = None) -> list[Panel]:
    return panels(Seen(spec, shape or spec.example_shape(), _backend()))


def test_letters_are_found_where_the_numbers_are_equal() -> None:
    spec = specs.NonLocal(in_channels=6, inter_channels=6)
    (panel,) = _panels(spec, (6, 6, 6, 6))
    found = _tensors(panel)
    assert found["theta"] == "B, D, H, W"
    assert found["relation"] == found["attention"] == "B, N, N"
    assert found["output"] == "B, C, H, W"


def test_a_letter_that_is_none_is_refused(monkeypatch) -> None:
    def lying(self: specs.NonLocal, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.inner + 1}

    monkeypatch.setattr(specs.NonLocal, "letters", lying)
    with pytest.raises(InputError, match=r"NonLocal: an axis has .* which is no formula of these letters; give it one"):
        _panels(specs.NonLocal(in_channels=6))


def test_another_block_is_another_drawing() -> None:
    spec = specs.NonLocal(in_channels=6)
    for other in (replace(spec, mode="dot_product"), replace(spec, sub_sample="after"), replace(spec, norm=None)):
        assert draw(other) != draw(spec)
    words = [line for node in _panels(replace(spec, mode="dot_product"))[0].nodes for line in node.lines]
    assert "product, Σ over D, ÷ N" in words
    assert not any("softmax" in word for word in words)


def test_words_are_of_the_block_that_is_drawn() -> None:
    def said(spec: BlockSpec) -> list[str]:
        return [" ".join(node.lines) for panel in _panels(spec) for node in panel.nodes]

    assert "linear, × 0.167, + 0.5, clip to [0, 1]" in said(
        specs.SqueezeExcitation(in_channels=32, gate="hard_sigmoid")
    )
    assert "product, Σ over D, ÷ √C" in said(specs.NonLocal(in_channels=8, scale="sqrt_in"))
    for channels, taps in ((54, 3), (256, 5)):
        assert f"conv {taps} along C" in said(specs.ChannelGate(in_channels=channels, mode="conv"))
    spec = specs.NonLocal(in_channels=4, dims=3, sub_sample="after")
    tensors = [node.tensor for node in _panels(spec)[0].nodes if node.lines == ("max pool 1×2×2",)]
    assert {", ".join(extent.text for extent in tensor.extents) for tensor in tensors} == {"B, D, T, ⌊H/2⌋, ⌊W/2⌋"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (specs.SelectiveKernel(in_channels=4, inter_channels=6), "conv 3×3, dilation 2"),  # two branches, told apart
        (specs.ObjectAttention(in_channels=8, key_channels=6), "It is query(i) · key(j)"),  # each a list of two layers
        (
            specs.AsymmetricFusionNonLocal(low_channels=5, high_channels=12, pool_sizes=(1, 3)),
            "It is query(i) · key(j)",
        ),
        (specs.DoubleAttention(in_channels=6, inter_channels=4, descriptors=3), "of channel i to entry j of K"),
    ],
)
def test_what_things_are_called_is_theirs(spec: BlockSpec, said: str) -> None:
    assert said in draw(spec)


def test_a_layer_that_is_used_twice_is_no_part_and_is_marked() -> None:
    (panel,) = _panels(specs.ChannelGate(in_channels=33, mode="conv"))
    assert [node.title for node in panel.nodes if node.look == "learned"] == ["conv", "conv (again)"]


def test_networks_are_drawn_by_their_parts() -> None:
    spec = specs.AttentionResNet(width=8, attention=specs.NonLocal(in_channels=32))
    (panel,) = _panels(spec)
    assert [node.lines for node in panel.nodes if node.title == "extra"] == [("NonLocal",)]
    assert [node.lines for node in panel.nodes if node.title == "stage_2"] == [("2 × Residual",)]
    assert len(panel.nodes) < 12


def test_the_command(tmp_path: Path) -> None:
    out = tmp_path / "x.svg"
    words = ("draw", "non_local", "--in-channels", 64, "--mode", "dot_product", "--input", "1,64,56,56", "--out", out)
    assert call(*words).exit_code == 0
    text = out.read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    assert "1 × 3136 × 3136" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("draw nonlocal --out x.svg", "kind='nonlocal' is not a block"),
        ("draw non_local --out x.png", "x.png must end in .svg"),
        ("draw non_local --out no/such/x.svg", "no/such/x.svg: cannot be written"),
        ("draw non_local --in-channels 4 --input 1,5,6,6 --out x.svg", "has 5 channels; it must have 4"),
        ("draw non_local --in-channels 4 --input 0,4,6,6 --out x.svg", "give extents of at least 1"),
        ("draw non_local --backend reference --out x.svg", "backend 'reference' does not say what its blocks do"),
        ("draw non_local --backend jax --out x.svg", "backend 'jax' is unknown"),
    ],
)
def test_bad_input_is_one_clear_line(words: str, message: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = call(*words.split())
    assert wrong.exit_code == 2
    assert message in wrong.output
    assert len(wrong.output.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
