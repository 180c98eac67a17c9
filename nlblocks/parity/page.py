"""The parity report as one self-contained HTML page: the finding, a picture of the error, searchable tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

FLOOR, TOP = -18.0, 2.0
HEIGHT, LEFT, RIGHT, HEAD, FOOT = 300, 64, 16, 16, 34
GOOD = 1e-11

STYLE = """
:root{--ink:#1c2127;--soft:#5c6670;--line:#dfe3e8;--card:#fff;--page:#f5f6f8;--good:#1f7a4d;--bad:#b3261e;--note:#8a6100}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a2abb5;--line:#343b43;--card:#1d2126;--page:#14171a;
--good:#5fcf98;--bad:#ff8a80;--note:#e3b341}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}h1{font-size:21px;margin:0}h2{font-size:16px;margin:0 0 12px}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin-top:16px}
.verdict{display:flex;gap:16px;align-items:center;flex-wrap:wrap}
.pill{font-weight:700;padding:5px 14px;border-radius:99px;
color:#fff}.same{background:#1f7a4d}.different{background:#b3261e}.soft{color:var(--soft)}
.finding{border-left:5px solid var(--bad)}.finding .cause{font:600 14px ui-monospace,monospace;color:var(--bad)}
.finding p{margin:6px 0}.where{font-size:17px;font-weight:600}
table{border-collapse:collapse;width:100%;font-size:13.5px}th{text-align:left;color:var(--soft);font-weight:600}
th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n{font-variant-numeric:tabular-nums;
white-space:nowrap}code{font:12.5px ui-monospace,monospace;overflow-wrap:anywhere}.good{color:var(--good)}
.bad{color:var(--bad);font-weight:600}.note{color:var(--note)}.scroll{overflow:auto;max-height:460px}
input{width:100%;padding:8px 11px;margin-bottom:10px;border:1px solid var(--line);border-radius:7px;
background:var(--page);
color:var(--ink);font:inherit}svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font-size:11px}
.grid{stroke:var(--line)}.dot{fill:var(--good)}.dot.off{fill:var(--bad)}.dot.shape{fill:var(--note)}.mark{stroke:var(--bad);
stroke-dasharray:4 3}circle:hover{stroke:var(--ink);stroke-width:2}
.legend{display:flex;gap:18px;font-size:12.5px;color:var(--soft);margin-top:6px;flex-wrap:wrap}
""".strip()

SCRIPT = """
document.querySelectorAll('input[data-for]').forEach(function(box){box.addEventListener('input',function(){
var words=box.value.toLowerCase().split(/\\s+/);
document.querySelectorAll('#'+box.dataset.for+' tbody tr').forEach(function(row){
var text=row.textContent.toLowerCase();row.hidden=!words.every(function(w){return text.indexOf(w)>=0})})})})
""".strip()


def page(report: Mapping[str, Any], summary: str) -> str:
    """The page for ``LabReport.to_dict()``."""
    title = f"{report['left']} against {report['right']}"
    same = bool(report["same"])
    shapes = ", ".join("×".join(map(str, shape)) or "a number" for shape in report["inputs"])
    parts = [
        f'<div class="card verdict"><span class="pill {"same" if same else "different"}">'
        f"{'THE SAME' if same else 'DIFFERENT'}</span><div><h1>{escape(title)}</h1>"
        f'<div class="soft">input {escape(shapes)}, '
        f"seed {report['seed']}, {len(report['pairs'])} tensors paired, {len(report['comparisons'])} compared, "
        f"{report['seconds']:.1f} s</div></div></div>",
        _finding(report["finding"]),
        _picture(report["layers"], report["finding"]),
        _phases(report["comparisons"]),
        _others(report["findings"], report["finding"]),
        _pairs(report),
        _comparisons(report["comparisons"]),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>\n{body}\n"
        f"<!-- {escape(summary).replace('--', '- -')} --></main><script>{SCRIPT}</script></body></html>\n"
    )


def _finding(finding: Mapping[str, Any] | None) -> str:
    if finding is None:
        return ""
    change = ""
    if finding["error"] is not None:
        change = f"the outputs differ by <b>{_number(finding['error'])}</b> of their largest value"
    cause = f'<span class="cause">{escape(finding["cause"])}</span>' if finding["cause"] else "no known cause"
    return (
        f'<div class="card finding"><h2>What went wrong, and where</h2>'
        f'<div class="where">{escape(_where(finding))}</div>'
        f'<p>{cause}</p><p>{escape(finding["explanation"])}</p><p class="soft">{escape(finding["phase"])}'
        f"{'; ' + change if change else ''}</p></div>"
    )


def _where(finding: Mapping[str, Any]) -> str:
    def both(pair: Sequence[str], root: str) -> str:
        left, right = pair[0] or root, pair[1] or root
        return left if left == right else f"{left} / {right}"

    layer = both((finding["layer_left"], finding["layer_right"]), "the model itself")
    if finding["place"] == "between":
        return f"between {both(finding['after'], 'the input')} and {both(finding['before'], 'the output')}"
    return f"layer {layer}" if finding["place"] == "layer" else f"{finding['place']} of {layer}"


def _picture(layers: Sequence[Mapping[str, Any]], finding: Mapping[str, Any] | None) -> str:
    if not layers:
        return ""
    width = min(max(1080, 12 * len(layers)), 4000)
    inner = width - LEFT - RIGHT

    def x(index: int) -> float:
        return LEFT + inner * (index + 0.5) / len(layers)

    def y(error: float) -> float:
        level = FLOOR if error <= 0 else min(max(math.log10(error), FLOOR), TOP)
        return HEAD + (HEIGHT - HEAD - FOOT) * (TOP - level) / (TOP - FLOOR)

    items = []
    for power in range(int(FLOOR), int(TOP) + 1, 4):
        height = y(10.0**power) if power > FLOOR else y(0.0)
        label = f"1e{power}" if power > FLOOR else "0"
        items.append(f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{height:.1f}" y2="{height:.1f}"/>')
        items.append(f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{label}</text>')
    marked = False
    for index, row in enumerate(layers):
        error = row["error"]
        name = row["left"] or "the model itself"
        if row["right"] is not None and row["right"] != row["left"]:
            name += f" / {row['right'] or 'the model itself'}"
        kind = "shape" if error is None else "off" if error > GOOD else "on"
        value = (
            "no partner"
            if error is None and "shapes" not in row
            else "other shapes"
            if error is None
            else _number(error)
        )
        height = y(1e2 if error is None else error)
        text = f"{index + 1}. {row['op']}, {name}: {value}"
        items.append(
            f'<circle class="dot {kind}" cx="{x(index):.1f}" cy="{height:.1f}" r="4">'
            f"<title>{escape(text)}</title></circle>"
        )
        if finding and not marked and kind != "on":
            items.append(
                f'<line class="mark" x1="{x(index):.1f}" x2="{x(index):.1f}" y1="{HEAD}" y2="{HEIGHT - FOOT}"/>'
            )
            anchor = "start" if index < len(layers) * 0.7 else "end"
            shift = 8 if anchor == "start" else -8
            items.append(
                f'<text x="{x(index) + shift:.1f}" y="{HEAD + 10}" text-anchor="{anchor}">'
                f"{escape(name)} ({row['op']})</text>"
            )
            marked = True
    items.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">operations in execution order →</text>')
    picture = (
        f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="error of each operation">{"".join(items)}</svg>'
    )
    legend = (
        '<div class="legend"><span><b class="good">●</b> agrees</span><span><b class="bad">●</b> differs</span>'
        '<span><b class="note">●</b> no partner of this shape</span>'
        "<span>evaluation in float64; the difference in units of the largest value, on a log scale</span></div>"
    )
    return f'<div class="card"><h2>Where the error arises</h2>{picture}{legend}</div>'


def _phases(comparisons: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for phase in dict.fromkeys(c["phase"] for c in comparisons):
        found = [c for c in comparisons if c["phase"] == phase]
        failed = sum(not c["passed"] for c in found)
        zero = [0.0 if c["passed"] and c["noise"] * 32 >= c["scale"] else c["relative"] for c in found]
        state = '<span class="good">agree</span>' if not failed else f'<span class="bad">{failed} differ</span>'
        ratio = max(c["ratio"] for c in found)
        rows.append((escape(phase), str(len(found)), _number(max(zero)), f"{ratio:.3g}" if ratio else "–", state))
    heads = ("phase", "tensors", "worst difference", "in noise floors", "")
    return f'<div class="card"><h2>Phases</h2>{_table("phases", heads, rows)}</div>'


def _others(findings: Sequence[Mapping[str, Any]], first: Mapping[str, Any] | None) -> str:
    rest = [finding for finding in findings if finding is not first and finding != first]
    rows = [
        (
            f'<span class="{"note" if f["severity"] == "note" else "bad"}">{f["severity"]}</span>',
            escape(f["phase"]),
            f"<code>{escape(_where(f))}</code>",
            escape(f["cause"] or "–"),
            escape(f["explanation"]),
        )
        for f in rest
    ]
    if not rows:
        return ""
    return (
        f'<div class="card"><h2>Also found</h2>{_table("others", ("", "phase", "where", "cause", "what"), rows)}</div>'
    )


def _pairs(report: Mapping[str, Any]) -> str:
    rows = [
        (
            f"<code>{escape(p['left'])}</code>",
            f"<code>{escape(p['right'])}</code>",
            escape(p["role"]),
            "×".join(map(str, p["shape"])),
            "transposed" if p["transposed"] else "",
        )
        for p in report["pairs"]
    ]
    rows += [
        (f"<code>{escape(name)}</code>", '<span class="bad">no partner</span>', "", "", "")
        for name in report["left_only"]
    ]
    rows += [
        ('<span class="bad">no partner</span>', f"<code>{escape(name)}</code>", "", "", "")
        for name in report["right_only"]
    ]
    notes = "".join(f'<p class="note">{escape(text)}</p>' for text in report["ambiguous"])
    table = _table("pairs", (report["left"], report["right"], "role", "shape", "layout"), rows)
    return f'<div class="card"><h2>Pairing</h2>{notes}{_search("pairs")}<div class="scroll">{table}</div></div>'


def _comparisons(comparisons: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            escape(c["phase"]),
            escape(c["group"]),
            f"<code>{escape(c['name'] or 'output')}</code>",
            escape(c["dtype"]),
            escape(c["problem"]) or _number(c["relative"]),
            f"{c['ratio']:.3g}" if c["ratio"] else "–",
            f'<span class="{"good" if c["passed"] else "bad"}">{"agrees" if c["passed"] else "differs"}</span>',
        )
        for c in comparisons
    ]
    heads = ("phase", "group", "tensor", "dtype", "difference", "noise floors", "")
    table = _table("tensors", heads, rows)
    return f'<div class="card"><h2>Every tensor</h2>{_search("tensors")}<div class="scroll">{table}</div></div>'


def _search(name: str) -> str:
    return f'<input type="search" placeholder="search" aria-label="search" data-for="{name}">'


def _table(name: str, heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>"
        + "".join(f'<td class="n">{cell}</td>' if "<" not in cell else f"<td>{cell}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f'<table id="{name}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}"
