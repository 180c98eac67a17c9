"""What came of the peer's snippets, in figures and by API, for a page of the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- peer -->", "<!-- /peer -->"
OUTCOMES: Mapping[str, str] = {
    "same": "the port computes what the original computes",
    "refused": "the port refuses, by name",
    "different": "the Paddle text computes what the original computes, and the port does not",
    "error": "the Paddle text computes what the original computes, and the port fails",
    "random": "left out: the result is drawn at random (the port has its shape and dtype)",
    "peer": "left out: PaConvert refuses or fails",
    "theirs": "left out: PaConvert's Paddle text fails, or computes something else than the original",
    "original": "left out: the original does not run here, or gives no tensor, number or text",
}
"""Every outcome of a snippet, and what it says."""
JUDGED = ("same", "refused", "different", "error")
Row = dict[str, Any]


def counted(rows: Iterable[Row]) -> tuple[Counter[str], Counter[str]]:
    """Snippets by outcome: all of them, and the judged ones whose APIs the table has."""
    every = list(rows)
    known = Counter(row["outcome"] for row in every if row["outcome"] in JUDGED and not row.get("lacking"))
    return Counter(row["outcome"] for row in every), known


def summary(rows: Sequence[Row]) -> str:
    """The figures in a line."""
    _, known = counted(rows)
    total = sum(known.values())
    share = f"{known['same'] / total:.1%}" if total else "none"
    counts = ", ".join(f"{known[name]} {name}" for name in JUDGED)
    return f"{len(rows)} snippets; {total} whose APIs the table has: {counts}; {share} the same"


def markdown(rows: Sequence[Row]) -> str:
    """The figures, a table by row of the port's table, and the APIs that it lacks."""
    every, known = counted(rows)
    lines = [summary(rows) + ".", "", "| outcome | all snippets | APIs in the table | |", "|---|---|---|---|"]
    lines += [f"| {name} | {every[name]} | {known[name] or ''} | {said} |" for name, said in OUTCOMES.items()]
    lines += ["", "| API | same | refused | different | error |", "|---|---|---|---|---|"]
    lines += [
        f"| `{api}` | " + " | ".join(str(found[name] or "") for name in JUDGED) + " |"
        for api, found in sorted(by_api(rows).items())
    ]
    lacking = Counter(api for row in rows if row.get("lacking") for api in {api for api, _ in row["refused"]})
    texts = [f"`{api}` ({count})" for api, count in sorted(lacking.items(), key=lambda item: (-item[1], item[0]))]
    if texts:
        lines += ["", "Refused because the table has no row, with the snippets: " + ", ".join(texts) + "."]
    return "\n".join(lines)


def by_api(rows: Iterable[Row]) -> dict[str, Counter[str]]:
    """Outcomes by API: a snippet counts at each row that it uses, a refused one at what was refused of it."""
    found: dict[str, Counter[str]] = {}
    for row in rows:
        if row["outcome"] not in JUDGED or row.get("lacking"):
            continue
        refused = {name for api, _ in row.get("refused", ()) for name in api.split(", ")}
        for api in refused or row.get("rows", ()):
            found.setdefault(api, Counter())[row["outcome"]] += 1
    return found


def into(path: Path, rows: Sequence[Row]) -> None:
    """Replace what lies between the marks in a Markdown file."""
    head, rest = path.read_text(encoding="utf-8").split(BEGIN)
    tail = rest.split(END)[1]
    path.write_text(f"{head}{BEGIN}\n{markdown(rows)}\n{END}{tail}", encoding="utf-8")
