"""A self-contained page: its style, its script, and the parts that reports are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

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
.finding{border-left:5px solid var(--bad)}.cause{font:600 12.5px ui-monospace,monospace;color:var(--bad)}
.finding .cause{font-size:14px}h3{font-size:14px;margin:14px 0 4px}h3:target{background:var(--page)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:0;font-size:13.5px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.finding p{margin:6px 0}.mend{margin:6px 0}details{margin-top:6px}summary{cursor:pointer;color:var(--soft)}
ul{margin:6px 0;padding-left:20px}.where{font-size:17px;font-weight:600}
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
@media(max-width:600px){main{padding:12px 10px 40px}.card{padding:14px}
.stack thead{display:none}.stack tr{display:flex;flex-wrap:wrap;gap:0 14px;padding:6px 0;
border-bottom:1px solid var(--line)}
.stack tr[hidden],.stack td:empty{display:none}.stack td{border:0;padding:1px 0;min-width:0;white-space:normal}
.stack td.t{flex-basis:100%}.stack td[data-head]::before{content:attr(data-head) " ";color:var(--soft);font-weight:400}}
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


def document(title: str, parts: Iterable[str], summary: str = "", style: str = "") -> str:
    """A whole page of cards; empty parts are left out. ``summary`` stands in the source, as text for who greps."""
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head><body><main>\n{body}\n"
        f"<!-- {escape(summary).replace('--', '- -')} --></main><script>{SCRIPT}</script></body></html>\n"
    )


def head(kind: str, verdict: str, title: str, about: str) -> str:
    """The first card: the verdict in the colour of its ``kind``, what it is of, and markup that says more."""
    return (
        f'<div class="card verdict"><span class="pill {kind}">{escape(verdict)}</span>'
        f"<div><h1>{escape(title)}</h1>{about}</div></div>"
    )


def listed(
    heading: str, name: str, heads: Iterable[str], rows: Sequence[Sequence[str]], kinds: str, notes: str = ""
) -> str:
    """A card with a table of markup that can be searched; "" where there is nothing to say.

    ``kinds`` has a letter a column: n does not wrap, t does.
    """
    if not rows and not notes:
        return ""
    body = f"{notes}{_search(name, len(rows))}{table(name, heads, rows, kinds)}"
    return f'<div class="card"><h2>{escape(heading)}</h2>{body}</div>'


def _search(name: str, rows: int) -> str:
    """A box that filters a table; nothing for a table that is seen at a glance."""
    if rows <= 8:
        return ""
    box = f'<input type="search" placeholder="search" aria-label="search {name}" data-for="{name}">'
    return f'<div class="find">{box}<output aria-live="polite">{rows} of {rows}</output></div>'


def table(name: str, heads: Iterable[str], rows: Iterable[Sequence[str]], kinds: str) -> str:
    """A table that can be scrolled by keyboard; ``kinds`` has a letter a column: n does not wrap, t does.

    One with text is stacked on a narrow screen: each row in a few lines, each cell behind its heading.
    """
    heads = list(heads)
    said = [f' data-head="{escape(text)}"' if text and "t" in kinds else "" for text in heads]
    head = "".join(
        f'<th scope="col" class="{letter}">{escape(text)}</th>' for letter, text in zip(kinds, heads, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{letter}"{about}>{cell}</td>' for letter, about, cell in zip(kinds, said, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    stack = ' class="stack"' if "t" in kinds else ""
    found = f'<table id="{name}"{stack}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">{found}</div>'
