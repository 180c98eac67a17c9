"""The report that ``compare`` returns: the data, printable, and written to a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nlblocks.errors import file_path
from nlblocks.parity.findings import ReportData
from nlblocks.parity.rendering.html import page
from nlblocks.parity.rendering.text import text
from nlblocks.weights.files.atomic import check_file, replacing, write_json

ENDINGS = (".html", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabReport(ReportData):
    """The result of :func:`nlblocks.parity.compare`: true where the two models are the same."""

    def __str__(self) -> str:
        return text(self)

    def save(self, path: str | Path) -> None:
        """Write ``.html`` (one self-contained page) or ``.json``, whole or not at all."""
        target = file_path(path)
        check_file(target, *ENDINGS)
        if target.suffix.lower() == ".html":
            content = page(self.to_dict(), str(self))
            with replacing(target) as file:
                file.write(content.encode(errors="backslashreplace"))
        else:
            write_json(target, self.to_dict())
