"""The parity report as one self-contained HTML page: the finding, a picture of the error, searchable tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from nlblocks.parity.rendering.error_plot import COLOURS, kind, number, picture, value
from nlblocks.parity.rendering.text import said

VERDICTS = {"same": "THE SAME", "different": "DIFFERENT", "not compared": "NOT COMPARED"}
STYLE = """
:root{--ink:#1c2127;--soft:#5c6670;--line:#dfe3e8;--card:#fff;--page:#f5f6f8;--good:#1f7a4d;--bad:#b3261e;--note:#8a6100}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a2abb5;--line:#343b43;--card:#1d2126;--page:#14171a;
--good:#5fcf98;--bad:#ff8a80;--note:#e3b341}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}h1{font-size:21px;margin:0}h2{font-size:16px;margin:0 0 12px}
h1,p,.where{overflow-wrap:anywhere}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin-top:16px}
.verdict{display:flex;gap:8px 16px;align-items:center;flex-wrap:wrap}.verdict>div{flex:1 1 240px;min-width:0}
.pill{font-weight:700;padding:5px 14px;border-radius:99px;
color:#fff}.same{background:#1f7a4d}.different{background:#b3261e}.not-compared{background:#8a6100}.soft{color:var(--soft)}
.finding{border-left:5px solid var(--bad)}.finding .cause{font:600 14px ui-monospace,monospace;color:var(--bad)}
.finding p{margin:6px 0}.where{font-size:17px;font-weight:600}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th{text-align:left;color:var(--soft);font-weight:600;position:sticky;top:0;background:var(--card)}
th,td{padding:5px 12px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n{font-variant-numeric:tabular-nums;white-space:nowrap}td.t{overflow-wrap:anywhere;min-width:24ch}
code{font:12.5px ui-monospace,monospace;overflow-wrap:anywhere}.good{color:var(--good)}
.bad{color:var(--bad);font-weight:600}.note{color:var(--note)}.scroll{overflow:auto;max-height:460px}
.find{display:flex;gap:12px;align-items:center;margin-bottom:10px}.find output{color:var(--soft);font-size:13px}
input{flex:1;min-width:0;padding:8px 11px;border:1px solid var(--line);border-radius:7px;background:var(--page);
color:var(--ink);font:inherit}:focus-visible{outline:2px solid var(--ink);outline-offset:2px}
svg{display:block}svg text{fill:var(--soft);font-size:11px}
.grid{stroke:var(--line)}.dot{fill:var(--good)}.dot.off{fill:var(--bad)}
.dot.shape{fill:var(--card);stroke:var(--note);stroke-width:2}
.mark{stroke:var(--bad);stroke-dasharray:4 3}circle:hover{stroke:var(--ink);stroke-width:2}
.legend{display:flex;gap:4px 18px;font-size:12.5px;color:var(--soft);margin-top:6px;flex-wrap:wrap}
""".strip()

SCRIPT = """
document.querySelectorAll('input[data-for]').forEach(function(box){
var rows=document.querySelectorAll('#'+box.dataset.for+' tbody tr'),said=box.parentNode.querySelector('output');
box.addEventListener('input',function(){var words=box.value.toLowerCase().split(/\\s+/),shown=0;
rows.forEach(function(row){var text=row.textContent.toLowerCase();
row.hidden=!words.every(function(w){return text.indexOf(w)>=0});if(!row.hidden)shown++});
said.textContent=shown+' of '+rows.length})});
document.querySelectorAll('.picture').forEach(function(box){var mark=box.querySelector('.mark');
if(mark)box.scrollLeft=mark.getAttribute('x1')-box.clientWidth/2})
""".strip()


def page(report: Mapping[str, Any], summary: str) -> str:
    """The page for ``LabReport.to_dict()``."""
    title = f"{report['left']} against {report['right']}"
    verdict = report["verdict"]
    shapes = ", ".join("×".join(map(str, shape)) or "a number" for shape in report["inputs"])
    parts = [
        f'<div class="card verdict"><span class="pill {verdict.replace(" ", "-")}">'
        f"{VERDICTS[verdict]}</span><div><h1>{escape(title)}</h1>"
        f'<div class="soft">input {escape(shapes)}, '
        f"seed {report['seed']}, {len(report['pairs'])} tensors paired, {len(report['comparisons'])} compared, "
        f"{report['seconds']:.1f} s</div>{_not_compared(report)}</div></div>",
        _finding(report["finding"]),
        picture(report["layers"], report["finding"]),
        _phases(report),
        _others(report["findings"], report["finding"]),
        _pairs(report),
        _layers(report["layers"]),
        _comparisons(report["comparisons"], report["accept"]),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>\n{body}\n"
        f"<!-- {escape(summary).replace('--', '- -')} --></main><script>{SCRIPT}</script></body></html>\n"
    )


def _not_compared(report: Mapping[str, Any]) -> str:
    texts = [*report["undecided"], *report["not_compared"]]
    return "".join(f'<div class="note">not compared: {escape(text)}</div>' for text in texts)


def _finding(finding: Mapping[str, Any] | None) -> str:
    if finding is None:
        return ""
    change = ""
    if finding["error"] is not None:
        change = f"the outputs differ by <b>{number(finding['error'])}</b> of their largest value"
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


def _phases(report: Mapping[str, Any]) -> str:
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
    return f'<div class="card"><h2>Phases</h2>{_table("phases", heads, rows, "tnnnn")}</div>'


def _others(findings: Sequence[Mapping[str, Any]], first: Mapping[str, Any] | None) -> str:
    rest = [finding for finding in findings if finding is not first and finding != first]
    rows = [
        (
            f'<span class="{"note" if f["severity"] == "note" else "bad"}">{f["severity"]}</span>',
            escape(f["phase"]),
            f"<code>{escape(_where(f))}</code>",
            f"<code>{escape(f['cause'] or '–')}</code>",
            escape(f["explanation"]),
        )
        for f in rest
    ]
    if not rows:
        return ""
    table = _table("others", ("", "phase", "where", "cause", "what"), rows, "nntnt")
    return f'<div class="card"><h2>Also found</h2>{_search("others", len(rows))}{table}</div>'


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
    table = _table("pairs", (report["left"], report["right"], "role", "shape", "layout"), rows, "ttnnn")
    return f'<div class="card"><h2>Pairing</h2>{notes}{_search("pairs", len(rows))}{table}</div>'


def _layers(layers: Sequence[Mapping[str, Any]]) -> str:
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
    if not rows:
        return ""
    table = _table("layers", ("", "operation", "left", "right", "difference"), rows, "nnttn")
    return f'<div class="card"><h2>Operation by operation</h2>{_search("layers", len(rows))}{table}</div>'


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
    table = _table("tensors", heads, rows, "nntnnntn")
    return f'<div class="card"><h2>Every tensor</h2>{_search("tensors", len(rows))}{table}</div>'


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


def _search(name: str, rows: int) -> str:
    """A box that filters a table; nothing for a table that is seen at a glance."""
    if rows <= 8:
        return ""
    box = f'<input type="search" placeholder="search" aria-label="search {name}" data-for="{name}">'
    return f'<div class="find">{box}<output aria-live="polite">{rows} of {rows}</output></div>'


def _table(name: str, heads: Iterable[str], rows: Iterable[Sequence[str]], kinds: str) -> str:
    """A table that can be scrolled by keyboard; ``kinds`` has a letter a column: n does not wrap, t does."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>" + "".join(f'<td class="{letter}">{cell}</td>' for letter, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    table = f'<table id="{name}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">{table}</div>'
