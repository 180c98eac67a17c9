"""The parity report as one self-contained HTML page: the finding, a picture of the error, searchable tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nlblocks.parity.rendering.cause_card import explained, linked
from nlblocks.parity.rendering.elements import document, head, listed, table
from nlblocks.parity.rendering.error_plot import COLOURS, kind, number, picture, value
from nlblocks.parity.rendering.text import said

VERDICTS = {"same": "THE SAME", "different": "DIFFERENT", "not compared": "NOT COMPARED"}


def page(report: Mapping[str, Any], summary: str) -> str:
    """The page for ``LabReport.to_dict()``."""
    title = f"{report['left']} against {report['right']}"
    verdict = report["verdict"]
    shapes = ", ".join("×".join(map(str, shape)) or "a number" for shape in report["inputs"])
    about = (
        f'<div class="soft">input {escape(shapes)}, '
        f"seed {report['seed']}, {len(report['pairs'])} tensors paired, {len(report['comparisons'])} compared, "
        f"{report['seconds']:.1f} s</div>{_not_compared(report)}"
    )
    first = head(verdict.replace(" ", "-"), VERDICTS[verdict], title, about)
    parts = [first, *lab_cards(report), _comparisons(report["comparisons"], report["accept"])]
    return document(title, parts, summary)


def lab_cards(report: Mapping[str, Any], prefix: str = "") -> list[str]:
    """What ``LabReport.to_dict()`` says, card by card; ``prefix`` tells the tables of several reports apart."""
    return [
        _finding(report["finding"], _under(report["findings"], report["finding"]), prefix),
        picture(report["layers"], report["finding"]),
        _phases(report, prefix),
        _others(report["findings"], report["finding"], prefix),
        explained(report["findings"], prefix),
        _pairs(report, prefix),
        _initialisers(report["initialisation"], prefix),
        _layers(report["layers"], prefix),
    ]


def _not_compared(report: Mapping[str, Any]) -> str:
    texts = [*report["undecided"], *report["not_compared"]]
    return "".join(f'<div class="note">not compared: {escape(text)}</div>' for text in texts)


Finding = Mapping[str, Any]


def _under(findings: Sequence[Finding], root: Finding | None) -> list[Finding]:
    """The findings that stand under a root: the same in other places."""
    place = next((i for i, f in enumerate(findings) if root is not None and {**root, "root": None} == f), None)
    return [f for f in findings if place is not None and f["root"] == place]


def _finding(finding: Finding | None, under: Sequence[Finding], prefix: str) -> str:
    if finding is None:
        return ""
    change = ""
    if finding["error"] is not None:
        change = f"the outputs differ by <b>{number(finding['error'])}</b> of their largest value"
    cause = linked(finding["cause"], prefix) if finding["cause"] else "no known cause"
    return (
        f'<div class="card finding"><h2>What went wrong, and where</h2>'
        f'<div class="where">{escape(_where(finding))}</div>{_at(finding)}'
        f"<p>{cause}</p><p>{escape(finding['explanation'])}</p>{_mend(finding)}"
        f'<p class="soft">{escape(finding["phase"])}{"; " + change if change else ""}</p>{_also(under)}</div>'
    )


def _at(finding: Finding) -> str:
    """The lines of both sides' code."""
    if not any(finding["lines"]):
        return ""
    left, right = (f"<code>{escape(line or '?')}</code>" for line in finding["lines"])
    return f'<div class="soft">called at {left} on the left, {right} on the right</div>'


def _mend(finding: Finding) -> str:
    return f'<p class="mend"><b>Mend:</b> {escape(finding["mend"])}</p>' if finding["mend"] else ""


def _also(under: Sequence[Finding]) -> str:
    """Where the same fault shows besides."""
    if not under:
        return ""
    rows = "".join(f"<li>{escape(f['phase'])}, {escape(_where(f))}: {escape(f['explanation'])}</li>" for f in under)
    return f"<details><summary>{_count(len(under))}</summary><ul>{rows}</ul></details>"


def _count(places: int) -> str:
    return f"and in {places} more place{'s' * (places != 1)}"


def _where(finding: Mapping[str, Any]) -> str:
    def both(pair: Sequence[str], root: str) -> str:
        left, right = pair[0] or root, pair[1] or root
        return left if left == right else f"{left} / {right}"

    layer = both((finding["layer_left"], finding["layer_right"]), "the model itself")
    if finding["place"] == "between":
        return f"between {both(finding['after'], 'the input')} and {both(finding['before'], 'the output')}"
    return f"layer {layer}" if finding["place"] == "layer" else f"{finding['place']} of {layer}"


def _phases(report: Mapping[str, Any], prefix: str) -> str:
    rows = []
    for phase in dict.fromkeys(c["phase"] for c in report["comparisons"]):
        found = [c for c in report["comparisons"] if c["phase"] == phase]
        states = [_state(c, report["accept"]) for c in found]
        counts = Counter((kind, word) for kind, word in states if kind != "good")
        state = ", ".join(
            f'<span class="{kind}">{count} {escape(word)}</span>' for (kind, word), count in counts.items()
        )
        ratio = max(c["ratio"] for c in found)
        problem = next((c["problem"] for c in found if c["problem"]), "")
        worst = escape(problem) or number(max(c["relative"] for c in found))
        state = state or '<span class="good">agree</span>'
        if phase == "train forward" and report["helped"]:
            state += f'<div class="soft">with the right given what the left has at {escape(report["helped"])}</div>'
        rows.append((escape(phase), str(len(found)), worst, f"{ratio:.3g}" if ratio else "–", state))
    if report["steps"]:
        steps, rules = report["steps"], " / ".join(dict.fromkeys(report["optimisers"]))
        found = [f for f in report["findings"] if f["phase"] == "training"]
        accepted = dict.fromkeys(f["cause"] for f in found if f["severity"] == "note" and f["error"] is not None)
        state = '<span class="good">agree</span>'
        if any(f["severity"] == "fault" for f in found):
            state = '<span class="bad">differ</span>'
        elif accepted:
            state = f'<span class="note">{escape(said(list(accepted), report["accept"]))}</span>'
        worst = f"{number(max(step['error'] for step in steps))} of a weight's way"
        rows.append((f"training, {len(steps)} step{'s' * (len(steps) > 1)}: {escape(rules)}", "", worst, "–", state))
    heads = ("phase", "tensors", "worst difference", "in noise floors", "")
    return f'<div class="card"><h2>Phases</h2>{table(f"{prefix}phases", heads, rows, "tnnnt")}</div>'


def _others(findings: Sequence[Finding], first: Finding | None, prefix: str) -> str:
    rest = [f for f in findings if f["root"] is None and (first is None or {**first, "root": None} != f)]
    rows = [
        (
            f'<span class="{"note" if f["severity"] == "note" else "bad"}">{f["severity"]}</span>',
            escape(f["phase"]),
            f"<code>{escape(_where(f))}</code>{_at(f)}",
            linked(f["cause"], prefix) if f["cause"] else "–",
            f"{escape(f['explanation'])}{_mend(f)}{_also(_under(findings, f))}",
        )
        for f in rest
    ]
    return listed("Also found", f"{prefix}others", ("", "phase", "where", "cause", "what"), rows, "nntnt")


def _pairs(report: Mapping[str, Any], prefix: str) -> str:
    rows = [
        (
            f"<code>{escape(p['left'])}</code>",
            f"<code>{escape(p['right'])}</code>",
            escape(p["role"]),
            "×".join(map(str, p["left_shape"])),
            p["move"],
            f"{p['by']}, a guess" if p["ambiguous"] else p["by"],
        )
        for p in report["pairs"]
    ]
    rows += [
        (f"<code>{escape(name)}</code>", '<span class="bad">no partner</span>', "", "", "", "")
        for name in report["left_only"]
    ]
    rows += [
        ('<span class="bad">no partner</span>', f"<code>{escape(name)}</code>", "", "", "", "")
        for name in report["right_only"]
    ]
    notes = "".join(f'<p class="note">{escape(text)}</p>' for text in report["ambiguous"])
    heads = (report["left"], report["right"], "role", "shape", "layout", "by")
    return listed("Pairing", f"{prefix}pairs", heads, rows, "ttnnnn", notes)


def _initialisers(rows: Sequence[Mapping[str, Any]], prefix: str) -> str:
    cells = [
        (
            f"<code>{escape(row['left'])}</code>",
            escape(row["words"][0]),
            f"<code>{escape(row['right'])}</code>",
            escape(row["words"][1]),
            f'<span class="{"bad" if row["differs"] else "good"}">{"differ" if row["differs"] else "alike"}</span>',
        )
        for row in rows
    ]
    return listed("Initialisers", f"{prefix}initialisers", ("left", "", "right", "", ""), cells, "ttttn")


def _layers(layers: Sequence[Mapping[str, Any]], prefix: str) -> str:
    rows = [
        (
            str(index + 1),
            escape(row["op"]),
            f"<code>{escape(row['left'] or 'the model itself')}</code>",
            "" if row["right"] is None else f"<code>{escape(row['right'] or 'the model itself')}</code>",
            f'<span class="{COLOURS[kind(row)]}">{escape(value(row))}</span>',
        )
        for index, row in enumerate(layers)
    ]
    heads = ("", "operation", "left", "right", "difference")
    return listed("Operation by operation", f"{prefix}layers", heads, rows, "nnttn")


def _comparisons(comparisons: Sequence[Mapping[str, Any]], accept: Sequence[str]) -> str:
    rows = [
        (
            escape(c["phase"]),
            escape(c["group"]),
            f"<code>{escape(c['name'] or 'output')}</code>",
            escape(c["dtype"]),
            escape(c["problem"]) or number(c["relative"]),
            f"{c['ratio']:.3g}" if c["ratio"] else "–",
            ""
            if c["passed"] or c["problem"]
            else f"{c['index']}: {_value(c['values'][0])} and {_value(c['values'][1])}",
            _judged(c, accept),
        )
        for c in comparisons
    ]
    heads = ("phase", "group", "tensor", "dtype", "difference", "noise floors", "worst at", "")
    return listed("Every tensor", "tensors", heads, rows, "nntnnntn")


def _judged(comparison: Mapping[str, Any], accept: Sequence[str]) -> str:
    kind, word = _state(comparison, accept)
    why = f": {comparison['undecided']}" if comparison["undecided"] else ""
    return f'<span class="{kind}">{escape(word + why)}</span>'


def _state(comparison: Mapping[str, Any], accept: Sequence[str]) -> tuple[str, str]:
    """The class and the words for how a tensor was judged."""
    if comparison["passed"]:
        return "good", "agrees"
    if comparison["undecided"]:
        return "note", "not compared"
    if comparison["explained"]:
        return "note", said(comparison["explained"], accept)
    return "bad", "differ"


def _value(value: Any) -> str:
    """A number, or the two parts of a complex one."""
    return f"{complex(*value) if isinstance(value, list) else value:.9g}"
