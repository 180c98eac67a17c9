"""The table of docs/onnx.md, written from what ``nlblocks verify --onnx`` found.

    nlblocks verify --onnx --json onnx.json
    python -m docs.onnx onnx.json    # writes what stands between the marks of docs/onnx.md

The text around the marks is written by hand, and holds no figure of it.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from docs.marks import filled
from nlblocks.commands.witness import COLUMNS
from nlblocks.specs.base import BlockSpec, describe, spec_from_dict

PAGE = Path(__file__).parent / "onnx.md"
MARKS = ("<!-- table: made by python -m docs.onnx -->", "<!-- end of table -->")
EXACT = {"torch": 1e-13, "paddle": 1e-12}
"""What a float64 file is called exact by."""


def table(found: dict[str, Any]) -> str:
    """What stands between the page's marks: how many files are exact, and every file's errors."""
    rows: dict[str, dict[tuple[str, str], dict[str, Any]]] = defaultdict(dict)
    for file in found["files"]:
        spec: BlockSpec = spec_from_dict(file["spec"], BlockSpec)
        rows[describe(spec)][file["framework"], file["dtype"]] = file
    frameworks = list(dict.fromkeys(file["framework"] for file in found["files"]))
    heads = [f"{framework} {heading.replace(chr(10), ' ')}" for framework in frameworks for heading in COLUMNS]
    lines = [_counted(framework, rows) for framework in frameworks]
    lines += ["", f"| spec | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for name, files in rows.items():
        cells = [
            _cell(files[framework, dtype], runners) for framework in frameworks for dtype, runners in COLUMNS.values()
        ]
        lines.append(f"| {name.replace('|', '/')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _counted(framework: str, rows: dict[str, dict[tuple[str, str], dict[str, Any]]]) -> str:
    """How many float64 files of a framework are exact, and the worst of the others."""
    worst = {
        name: max((value for *_, value in files[framework, "float64"]["worst"]), default=float("inf"))
        for name, files in rows.items()
    }
    limit = EXACT[framework]
    others = {name: value for name, value in worst.items() if not value <= limit}
    said = f"- {framework}: {len(worst) - len(others)} of {len(worst)} float64 files within {limit:.0e}"
    return said + "".join(f"; {name}: {value:.0e}" for name, value in others.items())


def _cell(file: dict[str, Any], runners: list[tuple[str, str]]) -> str:
    known = [value for runner, dtype, value in file["worst"] if (runner, dtype) in runners]
    return f"{max(known):.0e}" if known else "?"


def main(file: Path) -> None:
    """Write the page's table."""
    part = table(json.loads(file.read_text(encoding="utf-8")))
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), MARKS, part), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("python -m docs.onnx FILE: what nlblocks verify --onnx --json FILE wrote")
    main(Path(sys.argv[1]))
