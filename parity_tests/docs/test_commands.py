"""Every command that a document writes as code exists, with its options: those that no test runs too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from parity_tests.helpers.checkout import ROOT
from parity_tests.helpers.pages import unknown_command

PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob(".github/*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def code(text: str) -> Iterator[tuple[int, str]]:
    """A page's code with the numbers of its lines: fenced, indented or within a line; a line may go on in the next."""
    fenced, start, whole = False, 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            start, whole = (start, f"{whole} {line.strip()}") if whole else (number, line.strip())
            if whole.endswith("\\"):
                whole = whole.removesuffix("\\")
                continue
            yield start, whole
        else:
            yield from ((number, words) for words in re.findall(r"`([^`]+)`", line))
        whole = ""


def unknown(text: str) -> list[str]:
    return [f"line {number}: {said}" for number, line in code(text) if (said := unknown_command(line))]


@pytest.mark.parametrize("page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES])
def test_the_commands_of_a_page_exist(page: Path) -> None:
    assert unknown(page.read_text(encoding="utf-8")) == []


def test_a_command_that_does_not_exist_is_found() -> None:
    page = """
    nlblocks compare a:b c:d --input 1,3
    nlblocks compare a:b \\
        c:d --inptu 1,3
    nlblocks verfy    # a slip
    make verify
nlblocks is no command here, and `nlblocks causes` is one, `python -m docs.cuases` none
```text
make verfy
```
"""
    assert unknown(page) == [
        "line 3: nlblocks compare has no option --inptu",
        "line 5: nlblocks has no command verfy",
        "line 7: there is no docs.cuases",
        "line 9: make has no verfy",
    ]
