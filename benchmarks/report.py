"""The results as a table, and as a picture of time and memory against the number of positions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

DRAWN = ("embedded_gaussian", "gaussian", "dot_product", "concatenation", "position_attention", "criss_cross")
COLOURS = ("#1f77b4", "#17becf", "#2ca02c", "#d62728", "#9467bd", "#8c564b")
Row = Mapping[str, Any]


HEADINGS = (
    "block", "framework", "C", "side", "direction", "ms", "public /ours", "ours /convs", "ours /products",
    "growth", "MB", "MB public",
)  # fmt: skip
LEGEND = (
    "ms: median time of ours. The others are ratios from the same interleaved rounds in one process: how many times "
    "longer the public form takes; how many times longer ours takes than its own convolutions, than the two matrix "
    "products, and (growth) than at half the side, a quarter of the positions. MB: peak memory beyond input, weights "
    "and output, ours and public, each in a fresh process. In brackets: what a form that was skipped would need."
)


def table(rows: Sequence[Row], clock: str) -> Table:
    """One line per block, framework, size and direction."""
    result = Table(box=None, padding=(0, 1, 0, 0), caption_justify="left", caption=LEGEND)
    for heading in HEADINGS:
        result.add_column(heading.replace(" ", "\n"), justify="left" if heading == "block" else "right", no_wrap=True)
    for row in rows:
        result.add_row(*_cells(row, clock))
    return result


def markdown(rows: Sequence[Row], clock: str) -> str:
    """The same table for a page."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(_cells(row, clock) for row in rows)]
    return f"{LEGEND}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(row: Row, clock: str) -> list[str]:
    ours, skipped = time_of(row, "ours", clock), row["skipped"]
    public = f"({skipped['public']})" if "public" in skipped else number(ratio(time_of(row, "public", clock), ours))
    return [
        row["case"], row["backend"], str(row["channels"]), str(row["side"]), row["direction"],
        "(killed)" if "ours" in skipped else number(ours and ours * 1e3), public,
        *(number(ratio(ours, time_of(row, form, clock))) for form in ("convolutions", "products", "half")),
        *(number(megabytes(row, form)) for form in ("ours", "public")),
    ]  # fmt: skip


def time_of(row: Row, form: str, clock: str) -> float | None:
    found = row["times"].get(form)
    return None if found is None else float(found[clock])


def ratio(left: float | None, right: float | None) -> float | None:
    return None if left is None or not right else left / right


def megabytes(row: Row, form: str) -> float | None:
    found = row["memory"].get(form)
    return None if found is None else float(found) / 1e6


def number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 1 else f"{value:.1f}"


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """The slope of a line through the points in log-log: 1 is linear, 2 quadratic."""
    logs = [(math.log(n), math.log(value)) for n, value in points if value > 0]
    if len(logs) < 2:
        return None
    mean_x, mean_y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread


def picture(rows: Sequence[Row], clock: str, path: Path) -> None:
    """Time and memory against N, forward and backward, at the smallest C: ours solid, the public form dashed."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from PIL import Image

    backends = sorted({row["backend"] for row in rows}, reverse=True)
    channels = min(row["channels"] for row in rows)
    figure, axes = plt.subplots(len(backends), 2, figsize=(13, 6 * len(backends)), squeeze=False, layout="constrained")
    for line, backend in zip(axes, backends, strict=True):
        for axis, quantity in zip(line, ("time", "memory"), strict=True):
            for name, colour in zip(DRAWN, COLOURS, strict=True):
                for form, style in (("ours", "-o"), ("public", "--^")):
                    points = []
                    for row in rows:
                        wanted = (row["case"], row["backend"], row["channels"]) == (name, backend, channels)
                        if wanted and row["direction"] == "forward+backward":
                            value = time_of(row, form, clock) if quantity == "time" else megabytes(row, form)
                            scale = 1e3 if quantity == "time" else 1.0
                            if value:
                                points.append((float(row["side"] ** 2), value * scale))
                    slope = exponent(points[-3:])
                    if slope is not None:
                        axis.loglog(*zip(*points, strict=True), style, color=colour, markersize=4,
                                    alpha=1.0 if form == "ours" else 0.5,
                                    label=f"{name} {form}: N^{slope:.1f}")  # fmt: skip
            axis.set_title(f"{backend}, forward+backward, C={channels}")
            axis.set_xlabel("positions N")
            axis.set_ylabel("median ms" if quantity == "time" else "peak MB beyond input and output")
            axis.grid(True, which="major", alpha=0.2)
            if axis.has_data():
                axis.legend(
                    fontsize=7, ncols=3, title="exponent fitted to the three largest N", title_fontsize=7,
                    loc="upper center", bbox_to_anchor=(0.5, -0.1),  # below, where it hides no line
                )  # fmt: skip
    figure.savefig(path, dpi=90)
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)  # a third of the size
