"""Every kind of layer in every format: what is written computes the same, or what may not is asked or said by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parity_tests.weights.census import KINDS, PADDLE, TORCH, outcome

# torch's warnings of the hooks that the census has on purpose
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_silently_wrong(tmp_path: Path, require: Any, name: str) -> None:
    require("torch", "paddle")
    found = {}
    for framework, forms in (("torch", TORCH), ("paddle", PADDLE)):
        for form in forms:
            folder = tmp_path / f"{framework} {form}"
            folder.mkdir()
            found[framework, form] = outcome(KINDS[name], framework, form, folder)
    assert {case: message for case, (verdict, message) in found.items() if verdict == "wrong"} == {}


def test_the_census_is_large_enough() -> None:
    assert len(KINDS) * (len(TORCH) + len(PADDLE)) >= 60
