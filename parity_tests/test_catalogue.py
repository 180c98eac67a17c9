"""The catalogue as people see it is made from the code, says something of every field, and is not stale."""

from __future__ import annotations

import pytest

import nlblocks
from nlblocks.catalogue import dialects_markdown, entry, field_list, markdown
from nlblocks.specs import BatchNorm, NonLocal
from parity_tests.helpers.checkout import ROOT
from parity_tests.helpers.command_line import call


def test_the_pages_are_not_stale() -> None:
    assert (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8") == markdown(), "run: make docs"
    assert (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8") == dialects_markdown(), "run: make docs"


@pytest.mark.parametrize("kind", nlblocks.kinds())
def test_every_field_and_source_is_explained(kind: str) -> None:
    found = entry(kind)
    assert found.cites
    assert found.summary
    assert all(item.meaning for item in found.fields), found.fields
    assert found.backends == ("torch", "paddle", "reference")
    assert f"[{found.name}]" in (ROOT / "README.md").read_text(encoding="utf-8"), "the README's table has no such row"


def test_parts_are_explained_too() -> None:
    assert all(item.meaning for item in field_list(BatchNorm))


def test_cost_and_shapes_are_those_of_the_spec_that_is_shown() -> None:
    spec = NonLocal(in_channels=64, mode="dot_product", norm=None)
    found = entry("non_local", spec, (1, 64, 56, 56))
    assert found.attention_shapes == {"attention": (1, 3136, 3136)}
    assert found.weights == 3 * (64 * 32 + 32) + 32 * 64 + 64
    assert found.macs == 3136 * (4 * 64 * 32) + 2 * 3136 * 3136 * 32


def test_list_and_show() -> None:
    listed = call("list")
    assert listed.exit_code == 0
    for kind in nlblocks.kinds():
        assert kind in listed.output
        assert call("show", kind).exit_code == 0
    shown = call("show", "non_local", "--in-channels", 64, "--input", "1,64,56,56")
    for part in ("theta.weight", "[32, 64, 1, 1]", "arXiv:1711.07971", "alexhex7", "[1, 3136, 3136]", "torch, paddle"):
        assert part in shown.output
    for words, message in (
        ("show nonlocal", "kind='nonlocal' is not a block"),
        ("show non_local --in-channels 4 --input 1,5,6,6", "has 5 channels; it must have 4"),
    ):
        wrong = call(*words.split())
        assert wrong.exit_code == 2
        assert message in wrong.output
        assert len(wrong.output.strip().splitlines()) == 1


@pytest.mark.parametrize("kind", ["non_local", "channel_affinity", "channel_gate"])
def test_the_columns_of_a_table_begin_where_its_rules_do(kind: str) -> None:
    lines = entry(kind).text.splitlines()
    rule = next(line for line in lines if line.startswith("==="))
    head, row = lines[lines.index(rule) + 1 : lines.index(rule) + 3]
    second = rule.index(" =") + 1
    assert [line[second - 1] for line in (head, row)] == [" ", " "]
    assert " " not in (head[second], row[second])
