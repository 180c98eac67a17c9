"""Compare models that nobody here wrote, a pair a process, and write the table: ``python -m benchmarks.strangers``."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from benchmarks.strangers.models import fetch
from benchmarks.strangers.table import judged, totals, written
from benchmarks.strangers.work import child

HERE = Path(__file__).parent
SECONDS = 300
"""So much of a processor's time may a pair take."""
MIB = 6144
"""So much memory may its process hold."""


def main() -> None:
    """Run the pairs, or those that are named, one at a time; the rows are kept after each, and the page is written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds the packages, and gets them if it does not")
    parser.add_argument("names", nargs="*", default=["*"], help="patterns of names of pairs")
    parser.add_argument("--rows", type=Path, default=HERE / "now.json", help="the file of rows, updated in place")
    parser.add_argument("--missing", action="store_true", help="only the pairs that have no row yet")
    parser.add_argument("--docs", type=Path, help="write the table into this Markdown file")
    given = parser.parse_args()
    fetch(given.folder)
    pairs = _read(HERE / "pairs.json")
    rows: dict[str, Any] = _read(given.rows) if given.rows.exists() else {}
    for pair in pairs:
        name = pair["name"]
        if not any(fnmatch(name, pattern) for pattern in given.names) or (given.missing and name in rows):
            continue
        rows[name] = run(pair, given.folder)
        print(name, line(rows[name]), flush=True)
        given.rows.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for figure, value in totals(pairs, rows).items():
        print(f"{figure}: {value}")
    if given.docs:
        page = given.docs.read_text(encoding="utf-8")
        given.docs.write_text(written(page, pairs, _read(HERE / "first_sight.json"), rows), encoding="utf-8")
    there = [pair for pair in pairs if pair["name"] in rows]
    sys.exit(0 if all(judged(pair, rows[pair["name"]]).verdict for pair in there) else 1)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def line(row: dict[str, Any]) -> str:
    """A row in a line."""
    if "error" in row:
        return str(row["error"])
    first = row["first"] or {"cause": "", "where": ""}
    return (
        f"{row['verdict']}, {row['paired']} paired, {[len(names) for names in row['alone']]} alone, "
        f"{len(row['ambiguous'])} ambiguous, {row['times']} times, {row['seconds']} s, {row['mib']} MiB beside "
        f"{row['own_mib']}; {first['cause'] or ''} {first['where']}"
    )


def run(pair: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The row of a pair, from a process of its own that is ended where it takes too much."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "paddle", "nlblocks.parity"])
    queue = context.Queue()
    process = context.Process(target=child, args=(queue, pair, folder, SECONDS))
    process.start()
    found: dict[str, Any] | None = None
    peak = 0
    while found is None and process.is_alive():
        time.sleep(0.2)
        peak = max(peak, _resident(process.pid))
        if peak > MIB:
            process.kill()
            found = {"verdict": "error", "error": f"more than {MIB} MiB", "text": ""}
        elif not queue.empty():
            found = queue.get()
    process.join()
    if found is None and not queue.empty():
        found = queue.get()
    return found or {"verdict": "error", "error": f"exit status {process.exitcode}, {peak} MiB at most", "text": ""}


def _resident(process: int | None) -> int:
    """A process's memory in MiB."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text(encoding="utf-8").split()[1]) * 4 // 1024
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main()
