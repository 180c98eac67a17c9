"""Port real models, and write the table of docs/port.md.

python -m benchmarks.port DIR [NAME ...]     # DIR holds the packages, and gets them if it does not
python -m benchmarks.port DIR --rows benchmarks/port/unseen.json     # other rows: their table is printed
python -m benchmarks.port DIR --processes 2     # so many models at a time
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks.port import corpus
from benchmarks.port.style import style

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
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    rows = [row for row in corpus.rows(given.rows) if not given.names or row["name"] in given.names]
    given.folder.mkdir(parents=True, exist_ok=True)
    wheels = dict.fromkeys(w for row in rows for w in [row["wheel"], *corpus.NEEDS.get(row["wheel"], [])])
    corpus.fetch(given.folder, list(wheels))
    corpus.fetch_extra(given.folder)
    results = given.folder / "results.json"
    found: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {}
    with ThreadPoolExecutor(given.processes) as pool:
        running = {pool.submit(ported, given.folder.resolve(), row): _key(row) for row in rows}
        for done in as_completed(running):
            key = running[done]
            found[key] = done.result()
            results.write_text(json.dumps(found, indent=1))
            print(f"{found[key]['verdict']:14} {key}  {found[key]['why'][:160]}", flush=True)
    found = {_key(row): found[_key(row)] for row in corpus.rows(given.rows) if _key(row) in found}
    print(summary(found))
    if not given.rows.samefile(MODELS):
        print(table(found))
        return
    page = ROOT / "docs" / "port.md"
    page.write_text(written(page.read_text(encoding="utf-8"), found), encoding="utf-8")


def _key(row: Mapping[str, Any]) -> str:
    return f"{row['module']}:{row['name']}"


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
        found = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(folder / corpus.SITE)]))
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=TIMEOUT, cwd=ROOT, check=False,
                env={**os.environ, "PYTHONPATH": found},
            )  # fmt: skip
            said = (done.stderr.strip().splitlines() or [""])[-1]
        except subprocess.TimeoutExpired:
            said = f"it took more than {TIMEOUT:.0f} s"
        result = work / "port.json"
        data: dict[str, Any] = json.loads(result.read_text()) if result.exists() else {}
        lines = sum(len(file.read_text().splitlines()) for file in (work / "out").rglob("*.py"))
        read = style(work / "out", paths[1:])
    return {
        "verdict": data.get("verdict", "not run"), "why": data.get("why", said), "error": data.get("error"),
        "lines": lines, "style": read, "translation": data.get("translation"),
        "refused": sorted({one["api"] for one in data.get("refused", [])}), "family": row["family"],
        "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip


def written(page: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with the table in it."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{summary(found)}\n\n{table(found)}\n\n{END}{rest.partition(END)[2]}"


def summary(found: Mapping[str, Mapping[str, Any]]) -> str:
    """How many are proven, how the ports read, and how long the translation takes, in a few lines."""
    proven = sum(one["verdict"].startswith("proven") for one in found.values())
    written = [one for one in found.values() if one.get("style", {}).get("lines", (0, 0))[1]]
    if not written:
        return f"{proven} of {len(found)} proven, or proven except for named causes."
    clean = sum(not one["style"]["ruff"] for one in written)
    kept, comments = (sum(one["style"]["comments"][n] for one in written) for n in (0, 1))
    length = statistics.median(one["style"]["lines"][0] / one["style"]["lines"][1] for one in written)
    speed = statistics.median(1000 * one["translation"] / one["lines"] for one in written if one["translation"])
    return (
        f"{proven} of {len(found)} proven, or proven except for named causes. Of {len(written)} that were written, "
        f"{clean} have nothing that ruff's default rules find and do not find in the original; {kept} of {comments} "
        f"comments of the same definitions are kept; the median port has {length:.3f} times their lines; the median "
        f"translation takes {speed:.1f} s per 1,000 lines."
    )


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """A row a model. Its error is the worst in float64; its seconds of translation are a processor's."""
    heads = ("model", "verdict", "error", "lines", "refused", "seconds", "translation")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for key, one in found.items():
        error = "" if one["error"] is None else f"{one['error']:.0e}"
        spent = "" if one.get("translation") is None else f"{one['translation']:.1f}"
        cells: Sequence[Any] = (
            key, one["verdict"], error, one["lines"], len(one["refused"]), one["seconds"], spent,
        )  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
