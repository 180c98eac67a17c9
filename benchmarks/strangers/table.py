"""What came of the pairs: each row judged by the truth, totals, and the table of docs/strangers.md."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BEGIN, END = "<!-- strangers -->", "<!-- /strangers -->"
HEADS = ("pair", "truth", "verdict", "paired", "first finding", "place", "cause", "times", "MiB", "at first sight")
Row = Mapping[str, Any]
Pair = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """A row beside the truth: what is right of it. ``place`` and ``cause`` are None where there is nothing to find."""

    verdict: bool
    whole: bool | None
    place: bool | None
    cause: bool | None


def judged(pair: Pair, row: Row) -> Judged:
    """Whether the verdict is right, a pair that corresponds is paired whole, and the finding to read first is true."""
    truth = pair["truth"]
    if "error" in row:
        wrong = None if truth["same"] else False
        return Judged(False, False if truth["same"] else None, wrong, wrong)
    verdict = row["verdict"] == ("same" if truth["same"] else "different")
    if truth["same"]:
        return Judged(verdict, not any(row["alone"]) and not row["ambiguous"], None, None)
    first = row["first"] or {"where": "", "cause": None}
    there = [one for one in truth["differences"] if row["first"] and re.search(one["at"], first["where"])]
    return Judged(verdict, None, bool(there), any(first["cause"] in one["causes"] for one in there))


def totals(pairs: Sequence[Pair], rows: Mapping[str, Row]) -> dict[str, str]:
    """The figures of the pairs that have a row: how many of how many, the median and the worst."""
    there = [(pair, rows[pair["name"]]) for pair in pairs if pair["name"] in rows]
    all_judged = [judged(pair, row) for pair, row in there]
    ran = [row for _, row in there if "error" not in row]

    def share(what: str) -> str:
        known = [getattr(one, what) for one in all_judged if getattr(one, what) is not None]
        return f"{sum(known)} of {len(known)}"

    def spread(values: Sequence[float]) -> str:
        return f"median {statistics.median(values):.3g}, worst {max(values):.3g}" if values else "–"

    return {
        "pairs run": f"{len(there)} of {len(pairs)}",
        "right verdicts": share("verdict"),
        "no end (an exception, or past the limits)": str(sum("error" in row for _, row in there)),
        "pairs that correspond, paired whole": share("whole"),
        "true differences, right place": share("place"),
        "true differences, right cause": share("cause"),
        "times the models' own passes": spread([row["times"] for row in ran]),
        "peak MiB": spread([row["mib"] for row in ran]),
        "peak in units of the larger model's own": spread([row["mib"] / row["own_mib"] for row in ran]),
    }


def written(page: str, pairs: Sequence[Pair], first: Mapping[str, Row], now: Mapping[str, Row]) -> str:
    """The page with the totals, the table and the truths in it."""
    head, rest = page.split(BEGIN)
    parts = [_totals(pairs, first, now), _table(pairs, first, now), _truths(pairs)]
    return f"{head}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{rest.split(END)[1]}"


def _totals(pairs: Sequence[Pair], first: Mapping[str, Row], now: Mapping[str, Row]) -> str:
    """At first sight, and now. A pair with no row now is counted in neither."""
    again = [pair for pair in pairs if pair["name"] in now]
    columns = totals(pairs, first), totals(again, first), totals(pairs, now)
    lines = ["| figure | at first sight | at first sight, of those run again | now |", "|---|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {' | '.join(one[name] for one in columns)} |" for name in columns[0]])


def _table(pairs: Sequence[Pair], first: Mapping[str, Row], now: Mapping[str, Row]) -> str:
    lines = [f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    for pair in pairs:
        row, seen = now.get(pair["name"]), first.get(pair["name"])
        truth = "same" if pair["truth"]["same"] else "differs"
        cells = [pair["name"], truth, *_cells(pair, row), _at_first(pair, seen)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(pair: Pair, row: Row | None) -> list[str]:
    """What came of a pair now: from its verdict to its memory."""
    if row is None:
        return ["not run again", *[""] * 6]
    found = judged(pair, row)
    if "error" in row:
        return [f"**{row['error']}**", "", "", _tick(found.place), _tick(found.cause), "", ""]
    first = row["first"]
    alone = [len(names) for names in row["alone"]]
    return [
        row["verdict"] if found.verdict else f"**{row['verdict']}**",
        f"{row['paired']}" + (f"; {alone[0]} and {alone[1]} alone" if any(alone) else ""),
        f"{first['cause'] or 'no known cause'}, {first['where']}" if first else "",
        _tick(found.place), _tick(found.cause), f"{row['times']:.0f}", f"{row['mib']}, {row['own_mib']}",
    ]  # fmt: skip


def _at_first(pair: Pair, row: Row | None) -> str:
    """The same in few words: verdict, place and cause, times, memory."""
    if row is None:
        return "not run"
    if "error" in row:
        return f"**{row['error']}**"
    found = judged(pair, row)
    words = row["verdict"] if found.verdict else f"**{row['verdict']}**"
    if found.whole is False:
        words += ", not whole"
    if found.place is not None:
        words += f", place {_tick(found.place)}, cause {_tick(found.cause)}"
    return f"{words}; {row['times']:.0f} times; {row['mib']} MiB"


def _truths(pairs: Sequence[Pair]) -> str:
    """What is so, pair by pair."""
    lines = ["| pair | left | right | px | truth |", "|---|---|---|---|---|"]
    for pair in pairs:
        sides = [_call(pair[side], pair[f"{side}_arguments"]) for side in ("left", "right")]
        lines.append(f"| {pair['name']} | {' | '.join(sides)} | {pair['size']} | {pair['truth']['why']} |")
    return "\n".join(lines)


def _call(reference: str, arguments: Mapping[str, Any]) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"`{reference.removeprefix('ppcls.arch.backbone.')}({given})`"


def _tick(right: bool | None) -> str:
    return "" if right is None else "✓" if right else "✗"
