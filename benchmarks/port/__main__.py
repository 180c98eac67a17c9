"""Port real models one by one, and write the table of docs/port.md.

python -m benchmarks.port DIR [NAME ...]     # DIR holds the packages, and gets them if it does not
python -m benchmarks.port DIR --rows benchmarks/port/unseen.json     # other rows: their table is printed
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.port import corpus

ROOT = Path(__file__).parents[2]
MODELS = corpus.HERE / "models.json"
TIMEOUT = 600.0
BEGIN, END = "<!-- models: made by make port -->", "<!-- end of models -->"
ENTRY = "from {module} import {name}\n{imports}\n\ndef net():\n    return {name}({kwargs})\n"
SETUP = "from benchmarks.port import corpus\n\ncorpus.install({folder!r}, {wheel!r})\n"
INPUTS = "from benchmarks.port import corpus\n\n\ndef inputs():\n    return corpus.arrays({row!r})\n"


def main() -> None:
    """Port the rows that are named, or all; results go to DIR/results.json as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rows", type=Path, default=MODELS)
    given = parser.parse_args()
    rows = [row for row in corpus.rows(given.rows) if not given.names or row["name"] in given.names]
    given.folder.mkdir(parents=True, exist_ok=True)
    wheels = dict.fromkeys(w for row in rows for w in [row["wheel"], *corpus.NEEDS.get(row["wheel"], [])])
    corpus.fetch(given.folder, list(wheels))
    results = given.folder / "results.json"
    found: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {}
    for row in rows:
        key = f"{row['module']}:{row['name']}"
        found[key] = ported(given.folder.resolve(), row)
        results.write_text(json.dumps(found, indent=1))
        print(f"{found[key]['verdict']:14} {key}  {found[key]['why'][:160]}", flush=True)
    if not given.rows.samefile(MODELS):
        print(table({key: found[key] for key in (f"{row['module']}:{row['name']}" for row in rows)}))
        return
    page = ROOT / "docs" / "port.md"
    page.write_text(written(page.read_text(encoding="utf-8"), found), encoding="utf-8")


def ported(folder: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    """One model, as a user would port it, in a process of its own."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        modules: dict[str, str] = {}

        def named(match: re.Match[str]) -> str:
            return modules.setdefault(str(match[1]), "_" + str(match[1]).replace(".", "_"))

        kwargs = re.sub(r'M\("([\w.]+)"\)', named, row["kwargs"])
        imports = "".join(f"import {module} as {name}\n" for module, name in modules.items())
        (work / "entry.py").write_text(ENTRY.format(**{**dict(row), "kwargs": kwargs}, imports=imports))
        (work / "setup.py").write_text(SETUP.format(folder=str(folder), wheel=row["wheel"]))
        (work / "inputs.py").write_text(INPUTS.format(row=dict(row)))
        wheels = [row["wheel"], *corpus.NEEDS.get(row["wheel"], [])]
        paths = [work, *(folder / w / corpus.ROOTS.get(w.partition("==")[0], "") for w in wheels)]
        command = [sys.executable, "-m", "nlblocks", "port", "entry:net", str(work / "out")]
        command += ["--setup", str(work / "setup.py"), "--input", "inputs:inputs", "--json", str(work / "port.json")]
        command += [part for path in paths for part in ("--path", str(path))]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, cwd=ROOT, check=False)
            said = (done.stderr.strip().splitlines() or [""])[-1]
        except subprocess.TimeoutExpired:
            said = f"it took more than {TIMEOUT:.0f} s"
        result = work / "port.json"
        data: dict[str, Any] = json.loads(result.read_text()) if result.exists() else {}
        lines = sum(len(file.read_text().splitlines()) for file in (work / "out").rglob("*.py"))
    return {
        "verdict": data.get("verdict", "not run"), "why": data.get("why", said), "error": data.get("error"),
        "lines": lines,
        "refused": sorted({one["api"] for one in data.get("refused", [])}), "family": row["family"],
        "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip


def written(page: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with the table in it."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table(found)}\n\n{END}{rest.partition(END)[2]}"


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """A row a model: verdict, worst error in float64, lines, refused APIs, seconds."""
    lines: list[str] = ["| model | verdict | error | lines | refused | seconds |", "|---|---|---|---|---|---|"]
    for key, one in found.items():
        error = "" if one["error"] is None else f"{one['error']:.0e}"
        cells: Sequence[Any] = (key, one["verdict"], error, one["lines"], len(one["refused"]), one["seconds"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
