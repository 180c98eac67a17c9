"""The README: one screen, whose counts, commands and figures are those of the project."""

from __future__ import annotations

import re

import pytest

from parity_tests.helpers.checkout import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md")))
}
NAMED = re.compile(r"(?:^(?:    )*(?:\$ )?|`)nlblocks ([a-z]+)\b", re.MULTILINE)
MADE = re.compile(r"(?:^    (?:\$ )?|`)make ([a-z]+)\b", re.MULTILINE)


def test_it_is_one_screen() -> None:
    assert len(README.split()) <= 1000


def test_the_commands_named_in_the_documents_are_those_that_exist() -> None:
    import click

    from nlblocks.cli import main

    commands = set(main.list_commands(click.Context(main)))
    named = {page: set(NAMED.findall(text)) for page, text in PAGES.items()}
    assert {page: unknown for page, found in named.items() if (unknown := found - commands)} == {}
    assert commands - set().union(*named.values()) == set()


def test_the_targets_of_make_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    made = {target for text in PAGES.values() for target in MADE.findall(text)}
    assert {"verify", "test", "docs"} <= made
    assert [target for target in sorted(made) if f"\n{target}:" not in makefile] == []


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_blocks_are_those_of_the_registry(page: str) -> None:
    from nlblocks.specs.base import block_types

    rows = [line.split("|")[1] for line in PAGES[page].splitlines() if line.startswith("| [")]
    assert sorted(re.findall(r"\[(\w+)\]", "".join(rows))) == sorted(block_types())
    (counted,) = re.findall(r"(\d+) (?:attention blocks|个注意力模块)", PAGES[page].replace("\n", " "))
    assert int(counted) == len(block_types())


def test_the_figures_are_those_of_the_pages_that_say_how_they_were_measured() -> None:
    told = [
        (figure, page)
        for line in README.splitlines()
        if line.startswith("|") and (page := re.search(r"\((docs/[\w/]+\.md)\)", line))
        for figure in re.findall(r"\d+ of \d+", line)
    ]
    assert len(told) > 4
    assert [(figure, page[1]) for figure, page in told if figure not in PAGES[page[1]]] == []
