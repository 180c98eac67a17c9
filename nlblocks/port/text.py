"""One text of Paddle source that runs as it stands, such as a snippet: run under watch, and ported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nlblocks.port.live import SOURCE, porting
from nlblocks.port.observe import Watcher
from nlblocks.port.resolve import Module, Program
from nlblocks.port.rewrite import ported
from nlblocks.port.table import row_of


@dataclass(frozen=True, slots=True)
class PortedText:
    """The torch text; the rows of the table that it took; what was refused, with reasons; what of it has no row."""

    text: str
    rows: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    lacking: tuple[str, ...]


class WatchedText:
    """A Paddle text on its way: :meth:`run` it, then :meth:`port` it by what was seen."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._naming = porting(SOURCE)
        self._watcher = Watcher(self._naming)

    def run(self, names: Sequence[str], seed: int = 0) -> list[Any]:
        """Run it, and return what these of its variables hold. What it raises is raised."""
        self._naming.seed(seed)
        space: dict[str, Any] = {"__name__": "snippet"}
        self._watcher.run(self.source, "snippet", "snippet.py", space)
        return [space[name] for name in names]

    def port(self) -> PortedText:
        """Its port, by what was seen so far."""
        module = Module("snippet", "snippet.py", self.source)
        found = ported(module, Program({"snippet": module}), self._watcher.record)
        refused = sorted({(one.api, one.why) for one in found.refused})
        lacking = sorted({name for api, _ in refused for name in api.split(", ") if row_of(name) is None})
        return PortedText(found.text, tuple(sorted(found.rows)), tuple(refused), tuple(lacking))
