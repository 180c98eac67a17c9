"""The report of a study as one self-contained page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from html import escape
from typing import Any

from nlblocks.parity.rendering import elements
from nlblocks.specs.base import BlockSpec
from nlblocks.training.reporting import curves, pictures, tables
from nlblocks.training.reporting.results import Result, Results, duration

STYLE = """
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:12px}
.panels figure{margin:0;background:#fff;border-radius:6px;padding:4px}.panels svg{width:100%;height:auto}
.panels svg text{fill:#1c2127;font-size:inherit}
.key{display:flex;gap:6px 20px;flex-wrap:wrap;font-size:13px;margin:0 0 10px}
.key svg{display:inline;vertical-align:-3px;background:#fff;border-radius:4px}
summary{cursor:pointer;color:var(--soft);margin-top:10px}pre{font:12.5px ui-monospace,monospace;overflow:auto}
td.r,th.r{text-align:right}th.r{min-width:9ch}td.r{font-variant-numeric:tabular-nums;white-space:nowrap}a{color:inherit}
h2+p{margin-top:-6px}
""".strip()
"""What the house's style does not have."""


def page(results: Results) -> str:
    """The page."""
    name = results.recipe.name
    parts = [
        _head(results), _curves(results), *map(_table, tables.grids(results)), pictures.card(results), _recipe(results),
        _environment(results), _runs(results),
    ]  # fmt: skip
    return elements.document(name, parts, tables.texts(results), STYLE + pictures.STYLE)


def _head(results: Results) -> str:
    done = sum(result.done for result in results.runs)
    whole = done == len(results.runs)
    counts = [(len(results.variants), "model"), (len(results.seeds), "seed")]
    said = [f"{count} {name}{'s' * (count != 1)}" for count, name in counts]
    what = ", ".join([*said, " and ".join(results.backends)])
    hours = sum(epoch.seconds for result in results.runs for epoch in result.epochs)
    about = f'<div class="soft">{escape(what)}; {duration(hours)} of training</div>'
    for report in results.lockstep:
        kind = {"same": "good", "different": "bad"}.get(report["verdict"], "note")
        verdict = f"{report['model']} in lockstep, {report['precision']}: {report['verdict']}"
        about += f'<div class="{kind}">{escape(verdict)}</div>'
    verdict = f"{done} runs done" if whole else f"{done} of {len(results.runs)} runs done"
    return elements.head("same" if whole else "not-compared", verdict, f"Study {results.recipe.name}", about)


def _curves(results: Results) -> str:
    """The panels, as many side by side as there is room for; the losses as well, where they are asked for."""
    return (
        f'<div class="card"><h2>Curves</h2><p class="soft">{escape(curves.caption(results)).capitalize()}.</p>'
        f"{_key(results)}{_panels(results, curves.TOP1)}"
        f"<details><summary>{escape(curves.LOSS.axis)}</summary>{_panels(results, curves.LOSS)}</details></div>"
    )


def _panels(results: Results, quantity: curves.Quantity) -> str:
    found = (
        f'<figure role="img" aria-label="{escape(quantity.axis)}: {escape(title)}">{svg}</figure>'
        for title, svg in curves.drawings(results, quantity)
    )
    return f'<div class="panels">{"".join(found)}</div>'


def _key(results: Results) -> str:
    """What colours and lines mean."""
    found = "".join(f"<span>{svg} {escape(label)}</span>" for label, svg in curves.key(results))
    return f'<div class="key">{found}</div>'


def _table(grid: tables.Grid) -> str:
    rows = [[escape(cell) for cell in row] for row in grid.rows]
    kinds = "n" + "r" * (len(grid.heads) - 1)
    found = elements.table(grid.name, grid.heads, rows, kinds)
    return f'<div class="card"><h2>{escape(grid.title)}</h2><p class="soft">{escape(grid.about)}</p>{found}</div>'


def _recipe(results: Results) -> str:
    """The recipe: its parts in a line each, and all of it as JSON to train from."""
    data = results.recipe.to_dict()
    del data["variants"]
    models = {variant.name: _kinds(variant.model) for variant in results.recipe.variants}
    own = {name: value for name, value in data.items() if not isinstance(value, dict | list)}
    parts = {"recipe": own} | {name: value for name, value in data.items() if name not in own} | {"models": models}
    rows = [[escape(name), escape(_said(value))] for name, value in parts.items() if value]
    whole = json.dumps(results.recipe.to_dict(), indent=2)
    found = elements.table("recipe-parts", ("part", "fields"), rows, "nt")
    return (
        f'<div class="card"><h2>Recipe</h2>{found}<details><summary>as JSON, for nlblocks train recipe.json</summary>'
        f'<pre tabindex="0">{escape(whole)}</pre></details></div>'
    )


def _kinds(model: BlockSpec) -> str:
    """The kind of a network, and of the blocks in it."""
    inside = (getattr(model, field.name) for field in fields(model))
    return " with ".join([model.kind, *(block.kind for block in inside if isinstance(block, BlockSpec))])


def _said(value: Any) -> str:
    """A part of a recipe in a line: field value, field value."""
    if isinstance(value, list):
        return "; ".join(map(_said, value))
    hidden = ("kind", "schema")
    return ", ".join(f"{name} {_plain(part)}" for name, part in value.items() if name not in hidden)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_plain, value))
    return {"True": "yes", "False": "no", "None": "none"}.get(str(value), str(value))


def _environment(results: Results) -> str:
    """Where the runs were trained: a row for each environment that differs."""
    seen = Counter(_place(session) for result in results.runs for session in result.run.sessions)
    rows = [(str(count), escape(place)) for place, count in seen.items()]
    found = elements.table("environment", ("runs", "trained with"), rows, "nt")
    return f'<div class="card"><h2>Environment</h2>{found}</div>'


def _place(session: Mapping[str, Any]) -> str:
    """The environment of a process, in a line."""
    said = [f"{name} {version}" for name, version in session["versions"].items()]
    said += [str(session["platform"]), f"{session['cores']} cores", f"device {session['device']}"]
    if session["OMP_NUM_THREADS"]:
        said.append(f"OMP_NUM_THREADS={session['OMP_NUM_THREADS']}")
    if session["processes"] != 1:
        said.append(f"{session['processes']} processes")
    return ", ".join([*said, *(["compiled"] if session["compiled"] else [])])


def _runs(results: Results) -> str:
    """Every run, and a link to its folder."""
    heads = ("run", "seed", "epochs", "top-1 %", "top-5 %", "test loss", "best top-1 %", "s / epoch")
    rows = [list(_run(results, result)) for result in results.runs]
    return elements.listed("Runs", "runs", heads, rows, "nrrrrrrr")


def _run(results: Results, result: Result) -> Iterator[str]:
    folder = result.run.path.relative_to(results.path).as_posix()
    yield f'<a href="{escape(folder)}/">{escape(result.run.variant)}, {escape(result.run.backend)}</a>'
    yield str(result.seed)
    count = len(result.epochs)
    yield str(count) if result.done else f'<span class="note">{count} of {result.run.recipe.epochs}</span>'
    if not result.epochs:
        yield from ["–"] * 5
        return
    last, best = result.epochs[-1], max(result.epochs, key=lambda epoch: epoch.top1)
    yield from (f"{100 * last.top1:.1f}", f"{100 * last.top5:.1f}", f"{last.test_loss:.4f}")
    yield f"{100 * best.top1:.1f} in epoch {best.epoch + 1}"
    yield f"{last.seconds:#.3g}".rstrip(".")
