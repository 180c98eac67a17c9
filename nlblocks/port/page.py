"""The report of a port as one self-contained page: the verdict, the proof, and both sources side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from nlblocks.parity.rendering import elements, lab_cards
from nlblocks.port.aligned import Row, Sources, aligned

PILLS = {"proven": "same", "proven except": "same", "different": "different"}
"""The colour of a verdict; of another, that of what was not compared."""
SHOWN = 3
"""Lines of the original that have none in the port are shown up to here; of more it says how many."""
STYLE = """
.code td{padding:0 8px 0 0;border:0;white-space:pre;font:12px/1.55 ui-monospace,monospace;vertical-align:top}
.code td.l{color:var(--soft);text-align:right;user-select:none;padding-left:4px}
.code td.out{color:var(--soft);white-space:normal}
.code .refused{background:color-mix(in srgb,var(--bad) 18%,transparent)}
.code .unproven{background:color-mix(in srgb,var(--note) 18%,transparent)}
.sources .scroll{max-height:none}summary{cursor:pointer;padding:4px 0;overflow-wrap:anywhere}
.key{padding:0 6px}.key.refused{background:color-mix(in srgb,var(--bad) 18%,transparent)}
.key.unproven{background:color-mix(in srgb,var(--note) 18%,transparent)}
""".strip()


def page(report: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], sources: Sequence[Sources], text: str) -> str:
    """The page for ``PortReport.to_dict()``, the lab's report of each entry, and sources; ``text`` sums it up."""
    verdict = report["verdict"]
    title = ", ".join(one["entry"] for one in entries) or report["out"]
    parts = [elements.head(PILLS.get(verdict, "not-compared"), verdict.upper(), title, _about(report))]
    if len(entries) > 1:
        parts.append(_entries(entries))
    for number, one in enumerate(entries):
        if "lab" in one:
            named = (
                f'<div class="card"><h2>{escape(one["entry"])}</h2>{_verdict(one)}</div>' if len(entries) > 1 else ""
            )
            parts += [named, *lab_cards(one["lab"], prefix=f"e{number}-")]
    parts += [_refused(report), _left_out(report), _sources(report, sources)]
    return elements.document(f"nlblocks port: {title}", parts, text, STYLE)


def _about(report: Mapping[str, Any]) -> str:
    error = "" if report["error"] is None else f"largest relative difference in float64 {report['error']:.1e}, "
    files = f"{len(report['files'])} file{'s' * (len(report['files']) != 1)}"
    told = [f'<div class="soft">{error}{files}, {report["seconds"]:.1f} s</div>']
    if report["accepted"] and PILLS.get(report["verdict"]) == "same":
        told.append(f"<div>except <code>{escape(', '.join(report['accepted']))}</code></div>")
    told += [f"<div>{escape(line)}</div>" for line in report["why"].splitlines()]
    return "".join(told)


def _verdict(one: Mapping[str, Any]) -> str:
    kind = {"same": "good", "different": "bad"}.get(PILLS.get(one["verdict"], ""), "note")
    return f'<span class="{kind}">{escape(one["verdict"])}</span>'


def _entries(entries: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"<code>{escape(one['entry'])}</code>",
            _verdict(one),
            "–" if one.get("error") is None else f"{one['error']:.1e}",
            escape(one.get("why", "")),
        )
        for one in entries
    ]
    return elements.listed("Models", "models", ("model", "verdict", "difference", "why"), rows, "tnnt")


def _refused(report: Mapping[str, Any]) -> str:
    rows = list(map(_place, report["refused"]))
    note = '<p class="soft">The port raises where one of these is reached.</p>' if rows else ""
    return elements.listed("Refused", "refused", ("what", "where", "why"), rows, "ttt", note)


def _left_out(report: Mapping[str, Any]) -> str:
    rows = list(map(_place, report["notes"]))
    return elements.listed("Left out, and why", "notes", ("of", "where", "what"), rows, "ttt")


def _place(one: Mapping[str, Any]) -> tuple[str, str, str]:
    return (
        f"<code>{escape(one['api'])}</code>",
        f"<code>{escape(one['module'])}:{one['line']}</code>",
        escape(one["why"]),
    )


def _sources(report: Mapping[str, Any], sources: Sequence[Sources]) -> str:
    """Both sources of each file, folded; open where a line is marked."""
    if not sources:
        return ""
    legend = (
        '<p class="soft">On the left the original, on the right its port. '
        '<span class="key refused">refused</span> raises there; <span class="key unproven">unproven</span>: '
        "the proof never ran it.</p>"
    )
    found = []
    for source in sources:
        unproven = {n for first, last in report["unproven"].get(source.path, ()) for n in range(first, last + 1)}
        refused = {one["line"] for one in report["refused"] if one["module"] == source.module}
        told = [f"{len(lines)} {word}" for lines, word in ((refused, "refused"), (unproven, "unproven")) if lines]
        summary = f'<code>{escape(source.path)}</code> <span class="soft">{escape(", ".join(told))}</span>'
        table = "".join(_lines(source, refused, unproven))
        body = f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(source.path)}">{table}</div>'
        found.append(f"<details{' open' if told else ''}><summary>{summary}</summary>{body}</details>")
    return f'<div class="card sources"><h2>Sources</h2>{legend}{"".join(found)}</div>'


def _lines(source: Sources, refused: set[int], unproven: set[int]) -> Iterator[str]:
    left, right = source.original.splitlines(), source.ported.splitlines()
    yield '<table class="code"><tbody>'
    for alone, group in groupby(aligned(left, right), key=lambda row: row[1] is None):
        rows = list(group)
        if alone and len(rows) > SHOWN and not any(_line(row[0]) in refused for row in rows):
            said = f"lines {_line(rows[0][0])} to {_line(rows[-1][0])}"
            yield f'<tr><td class="l">…</td><td class="out">{said}</td><td></td><td></td></tr>'
            continue
        for row in rows:
            yield _row(row, left, right, refused, unproven)
    yield "</tbody></table>"


def _row(row: Row, left: Sequence[str], right: Sequence[str], refused: set[int], unproven: set[int]) -> str:
    kinds = ("refused" if _line(row[0]) in refused else "", "unproven" if _line(row[1]) in unproven else "")
    cells = []
    for at, lines, kind in zip(row, (left, right), kinds, strict=True):
        text = "" if at is None else escape(lines[at])
        cells.append(f'<td class="l">{_line(at)}</td><td class="{kind}">{text}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _line(at: int | None) -> int | str:
    """A line's number as people count; "" for none."""
    return "" if at is None else at + 1
