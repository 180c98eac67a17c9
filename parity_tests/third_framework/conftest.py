"""A framework that the core has never heard of, and its backend, which is registered through the entry point."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from nlblocks import backend


@pytest.fixture
def numtape(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The framework; its backend is "toy"."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    found = backend.entry_points
    toy = EntryPoint("toy", "nlblocks_toy", "nlblocks.backends")
    monkeypatch.setattr(backend, "entry_points", lambda group: [*found(group=group), toy])
    backend.rows.cache_clear()
    import numtape

    yield numtape
    backend.rows.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] in ("numtape", "nlblocks_toy")]:
        del sys.modules[name]
