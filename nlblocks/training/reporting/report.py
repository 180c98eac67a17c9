"""What a study's folder is given at the end: report.html, curves.png, table.txt. They are made from it alone."""

from __future__ import annotations

from pathlib import Path

from nlblocks.training.reporting import curves, tables
from nlblocks.training.reporting.page import page
from nlblocks.training.reporting.results import Results
from nlblocks.weights.files.atomic import replacing


def write_report(folder: Path) -> list[Path]:
    """Write the report of a study into its folder; the files that were written.

    No framework is needed. Raises InputError for a folder of no study, where no epoch is done yet, and without
    matplotlib.
    """
    results = Results.read(folder)
    made = {
        "table.txt": f"{tables.texts(results)}\n".encode(errors="backslashreplace"),
        "curves.png": curves.picture(results),
        "report.html": page(results).encode(errors="backslashreplace"),
    }
    for name, content in made.items():
        with replacing(folder / name) as file:
            file.write(content)
    return [folder / name for name in made]
