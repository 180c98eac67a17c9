"""docs/causes.md says every cause that the lab can name, and is what the table says now."""

from __future__ import annotations

import re

import pytest

from docs.causes import PAGE, markdown
from nlblocks.parity import CAUSES


def anchors() -> set[str]:
    return set(re.findall(r'<a id="([^"]+)">', PAGE.read_text(encoding="utf-8")))


def test_the_page_is_not_stale() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run: make docs"


def test_every_cause_that_a_rule_names_is_on_the_page() -> None:
    """What a rule names is in the table: a hypothesis does not register otherwise, and the judges' are tested so."""
    assert set(CAUSES) <= anchors()
    assert set(CAUSES.in_lockstep) <= anchors()


def test_a_cause_from_elsewhere_makes_the_page_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    cause = type(CAUSES["cat.axis"])("a running product for a running sum", "use the same on both", "other values")
    monkeypatch.setitem(CAUSES, "cumsum.kind", cause)
    assert '<a id="cumsum.kind">' in markdown()
    assert PAGE.read_text(encoding="utf-8") != markdown()
