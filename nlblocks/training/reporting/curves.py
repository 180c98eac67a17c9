"""The curves of a study: a panel a block, the baseline against it, all backends over one another; then the ends."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from nlblocks.errors import InputError
from nlblocks.training.reporting.results import Results, Value, spread

BASE, BLOCK = "#d4700a", "#0a4f8a"
"""The baseline's colour and a block's: told apart by colour-blind eyes, and in grey by their lightness."""
LINES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)))
"""How the lines of each backend are drawn, in their order: whole, dashed, dotted."""
MARKS = ("o", "s", "^")
WIDTH, HEIGHT, FOOT = 3.6, 2.8, 0.5
"""Inches of a panel, and of what stands above and below all of them."""
COLUMNS = 3
DPI = 160
SIZE = 9.0
"""Points of the text."""
NAMES = re.compile(r'\bid="|href="#|url\(#')
"""Where an SVG gives or uses a name."""

Panel = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is drawn: a value of an epoch, and what its axis says."""

    name: str
    value: Value
    axis: str


TOP1 = Quantity("top1", lambda epoch: 100 * epoch.top1, "test images right (top-1), %")
LOSS = Quantity("loss", lambda epoch: epoch.test_loss, "mean loss of the test images")


def picture(results: Results, quantity: Quantity = TOP1) -> bytes:
    """The PNG of all panels. Raises InputError where matplotlib is not installed."""
    figures = _figures()
    panels = list(_panels(results, quantity))
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = figures.Figure(figsize=(WIDTH * columns, HEIGHT * rows + FOOT), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (_, draw) in zip(axes, panels, strict=False):
        draw(axis)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    handles, labels = _legend(axes[0], results)
    figure.suptitle(f"{results.recipe.name}: {caption(results)}", fontsize=SIZE + 1)
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=SIZE)
    return _bytes(figure, "png", dpi=DPI)


def drawings(results: Results, quantity: Quantity = TOP1) -> list[tuple[str, str]]:
    """The panels one by one, for a page: what each shows, and its SVG."""
    figures = _figures()
    found = []
    for number, (title, draw) in enumerate(_panels(results, quantity)):
        figure = figures.Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        draw(figure.subplots())
        svg = _bytes(figure, "svg", metadata={"Date": None, "Creator": None}).decode()
        own = f"{quantity.name}-{number}-"  # names are the page's, not a drawing's
        found.append((title, NAMES.sub(rf"\g<0>{own}", svg[svg.index("<svg") :])))
    return found


def caption(results: Results) -> str:
    """What lines and bands are."""
    count = len(results.seeds)
    return f"median of {count} seeds, band from the least to the greatest" if count > 1 else "one seed"


def _panels(results: Results, quantity: Quantity) -> Iterator[tuple[str, Panel]]:
    """What each panel shows, and how it is drawn: a block each (the baseline where it is alone), then how they end."""
    names = [name for name in results.variants if name != results.baseline] or results.variants
    for name in names:
        pair = dict.fromkeys([*({results.baseline} & {*results.variants}), name])
        yield f"{' against '.join(reversed(pair))}", partial(_curves, results, quantity, [*pair])
    if any(result.done for result in results.runs) and len(results.variants) > 1:
        yield f"after epoch {results.recipe.epochs}", partial(_ends, results, quantity)


def _curves(results: Results, quantity: Quantity, names: list[str], axis: Any) -> None:
    """The curves of the baseline and of a block."""
    for name in names:
        for number, backend in enumerate(results.backends):
            found = results.curve(name, backend, quantity.value)
            if not found:
                continue
            epochs, style = range(1, len(found) + 1), _style(results, name, number)
            if len(found[0].values) > 1:
                low, high = [one.low for one in found], [one.high for one in found]
                axis.fill_between(epochs, low, high, color=style["color"], alpha=0.14, linewidth=0)
            axis.plot(
                epochs, [one.middle for one in found], linestyle=LINES[number % len(LINES)], linewidth=1.5, **style
            )
    axis.set_xlabel("epoch", fontsize=SIZE)
    axis.set_xlim(0.75, results.recipe.epochs + 0.25)  # the same for runs that have not come so far
    axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    _dress(axis, names[-1], quantity, _limits(results, quantity))


def _ends(results: Results, quantity: Quantity, axis: Any) -> None:
    """What the runs came to, on a scale of their own."""
    for number, backend in enumerate(results.backends):
        shift = 0.24 * (number - (len(results.backends) - 1) / 2)
        for place, name in enumerate(results.variants):
            found = spread(results.last(name, backend, quantity.value).values())
            if found is None:
                continue
            style = _style(results, name, number)
            axis.plot([place + shift] * 2, [found.low, found.high], color=style["color"], linewidth=1.5)
            axis.plot([place + shift], [found.middle], linestyle="", **style)
    axis.set_xlim(-0.6, len(results.variants) - 0.4)
    axis.set_xticks(range(len(results.variants)), results.variants, rotation=30, ha="right", rotation_mode="anchor")
    _dress(axis, f"after epoch {results.recipe.epochs}", quantity, None)


def _style(results: Results, name: str, number: int) -> dict[str, Any]:
    """How the marks of a variant in a backend look: filled for the first backend, hollow for others."""
    colour = BASE if name == results.baseline else BLOCK
    return {
        "color": colour, "marker": MARKS[number % len(MARKS)], "markersize": 4.0,
        "markerfacecolor": "white" if number else colour, "label": f"{name}, {results.backends[number]}",
    }  # fmt: skip


def _dress(axis: Any, title: str, quantity: Quantity, limits: tuple[float, float] | None) -> None:
    axis.set_title(title, fontsize=SIZE + 1)
    axis.set_ylabel(quantity.axis, fontsize=SIZE)
    axis.tick_params(labelsize=SIZE - 1)
    axis.grid(color="#e3e6ea", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    if limits is not None:
        axis.set_ylim(*limits)


def _limits(results: Results, quantity: Quantity) -> tuple[float, float]:
    """One scale for the curves of all panels."""
    values = [quantity.value(epoch) for result in results.runs for epoch in result.epochs]
    low, high = min(values), max(values)
    margin = 0.05 * (high - low or 1.0)
    return low - margin, high + margin


def _legend(axis: Any, results: Results) -> tuple[list[Any], list[str]]:
    """The lines of one panel, for all of them."""
    handles, labels = axis.get_legend_handles_labels()
    kinds = (("baseline" if label.startswith(f"{results.baseline}, ") else "block", label) for label in labels)
    return handles, [f"{kind}, {label.rpartition(', ')[2]}" for kind, label in kinds]


def _figures() -> Any:
    if find_spec("matplotlib") is None:
        raise InputError('matplotlib is not installed; install it with: pip install "nlblocks[train]"')
    import matplotlib.figure

    return matplotlib.figure


def _bytes(figure: Any, kind: str, **how: Any) -> bytes:
    """A figure as the content of a file, its text as text."""
    import matplotlib

    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "nlblocks"}):
        figure.savefig(stream, format=kind, **how)
    return stream.getvalue()


def key(results: Results) -> list[tuple[str, str]]:
    """What each line is, and a drawing of it, for a page."""
    models = [("baseline", BASE)] if results.baseline in results.variants else []
    models += [("block", BLOCK)] if set(results.variants) - {results.baseline} else []
    found = []
    for model, colour in models:
        for number, backend in enumerate(results.backends):
            dashes = LINES[number % len(LINES)]
            dash = "" if dashes == "-" else f' stroke-dasharray="{" ".join(str(1.5 * part) for part in dashes[1])}"'
            shape = SHAPES[MARKS[number % len(MARKS)]]
            drawn = (
                f'<svg width="36" height="12" aria-hidden="true"><g stroke="{colour}" stroke-width="1.5" '
                f'fill="{"white" if number else colour}"><path d="M0 6H36"{dash}/>{shape}</g></svg>'
            )
            found.append((f"{model}, {backend}", drawn))
    return found


SHAPES = {
    "o": '<circle cx="18" cy="6" r="3"/>', "s": '<path d="M15 3h6v6h-6z"/>', "^": '<path d="M18 2.5l3.5 6.5h-7z"/>',
}  # fmt: skip
"""The marks of matplotlib's names, for a page."""
