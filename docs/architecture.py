"""The picture and the table of docs/architecture.md, drawn from the code's imports.

    python -m docs.architecture    # writes docs/architecture.svg, and the table between the page's two marks

One row is one part of the product, from the ground (bottom) up. The rows' numbers stand in a diagonal; a dot in the row
of one part and the column of another is an import, and the lines lead from the one through the dot down to the other.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from docs.imports import read
from docs.marks import filled
from docs.rooms import BACKEND_FLOORS, FLOORS, ROOT, House

PICTURE = ROOT / "docs" / "architecture.svg"
PAGE = ROOT / "docs" / "architecture.md"
MARKS = ("<!-- rooms: made by make docs -->", "<!-- end of rooms -->")

# From the ground up: what a band of rows is called, its first part, and its colours (of lines, and behind the names).
BANDS = (
    ("ground", "errors.py", "#5c5f66", "#f1f3f5"),
    ("own blocks", "blocks.py", "#2b8a3e", "#ebfbee"),
    ("two models: parity/", "parity/tracing", "#1864ab", "#e7f5ff"),
    ("front doors", "nlblocks", "#862e9c", "#f8f0fc"),
    ("backends/*", "kernels", "#a65200", "#fff4e6"),
)
BLOCKS = "The native blocks, a file for each kind, behind the core's Backend protocol"
WRONG = "#e03131"

# Lengths in pixels; CHARACTER is what one takes at most on average, in the wide fonts that may be all there is.
CELL, ROW, TOP, BAND, NAME, SAYS = 14, 30, 10, 22, 156, 400
LEFT = BAND + NAME + SAYS  # where the diagonal begins
FONT, CHARACTER = 11, 6.3
LEGEND = (
    "A dot is an import: the part of its row imports the part",
    "below it, where its line meets the diagonal.",
    "",
    "Every line goes right and down. An import that went up",
    "would stand in this corner, in red.",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One part as it is drawn; ``key`` is its name among the arrows."""

    key: str
    says: str
    band: str
    line: str
    fill: str

    @property
    def name(self) -> str:
        return self.key.removeprefix("parity/")


def rows(house: House) -> list[Row]:
    """The parts that are there, from the top down; the backends' floors once for all backends."""
    parts = [
        (part.name, house.modules[part.modules[0]].sentence) for part in FLOORS if part.modules[0] in house.modules
    ]
    for floor in BACKEND_FLOORS:
        packages = [f"{backend}.{floor}" for backend in house.backends]
        says = next((house.modules[name].sentence for name in packages if name in house.modules), BLOCKS)
        parts.append((floor, says))
    found, band = [], BANDS[0]
    for key, says in parts:
        band = next((new for new in BANDS if new[1] == key), band)
        found.append(Row(key, says, band[0], *band[2:]))
    return found[::-1]


def arrows(house: House) -> list[tuple[str, str]]:
    """Which part imports which; a backend's floors by their own names, whatever the backend."""
    return sorted({(_drawn(house, source), _drawn(house, target)) for source, target in house.arrows})


def _drawn(house: House, part: str) -> str:
    top, _, floor = part.partition("/")
    return floor if top in house.backends else part


def svg(house: House) -> str:
    """The picture."""
    parts = rows(house)
    place = {row.key: number for number, row in enumerate(parts)}
    width, height = LEFT + CELL * len(parts) + 12, TOP + ROW * len(parts) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="{FONT}">',
        "<title>The parts of nlblocks from the ground up, and which imports which</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_bands(parts),
        *_labels(parts),
        *_arrows(parts, [(place[source], place[target]) for source, target in arrows(house)]),
        *_diagonal(parts),
        *_legend(len(parts)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _bands(parts: list[Row]) -> Iterator[str]:
    """The name of each band, upright at the left of its rows."""
    for name, _, line, _ in BANDS:
        numbers = [number for number, row in enumerate(parts) if row.band == name]
        y, height = TOP + ROW * numbers[0], ROW * len(numbers)
        middle = y + height // 2
        yield f'<rect y="{y}" width="{BAND - 4}" height="{height - 4}" rx="3" fill="{line}"/>'
        yield (
            f'<text transform="translate({BAND // 2 + 2} {middle - 2}) rotate(-90)" text-anchor="middle" '
            f'fill="#ffffff" font-weight="bold">{escape(name)}</text>'
        )


def _labels(parts: list[Row]) -> Iterator[str]:
    """A box for each part: its number, its name, and what it does in one line or two."""
    for number, row in enumerate(parts):
        y = TOP + ROW * number
        said = textwrap.wrap(row.says, int(SAYS / CHARACTER))
        if not 1 <= len(said) <= 2:
            raise ValueError(
                f"{row.key}: its docstring's first sentence must fit two lines of the picture: {row.says!r}"
            )
        yield (
            f'<rect x="{BAND}" y="{y}" width="{LEFT - BAND - 8}" height="{ROW - 4}" rx="3" fill="{row.fill}" '
            f'stroke="{row.line}" stroke-width="0.5"/>'
            f'<path d="M{LEFT} {_y(number)}H{_x(number)}" stroke="#ced4da" stroke-width="0.5" stroke-dasharray="1 3"/>'
            f'<text x="{BAND + 24}" y="{y + 17}" text-anchor="end" fill="{row.line}">{len(parts) - number}</text>'
            f'<text x="{BAND + 32}" y="{y + 17}" font-size="{FONT + 2}" font-weight="bold">{escape(row.name)}</text>'
        )
        first = y + (17 if len(said) == 1 else 11)
        for extra, line in enumerate(said):
            yield f'<text x="{BAND + NAME}" y="{first + 12 * extra}" fill="#343a40">{escape(line)}</text>'


def _arrows(parts: list[Row], found: list[tuple[int, int]]) -> Iterator[str]:
    """A line for all imports of a part, a line down to each that is imported, and a dot for each import."""
    down = [(source, target) for source, target in found if source < target]
    up = [arrow for arrow in found if arrow not in down]
    for number, row in enumerate(parts):
        targets = [target for source, target in down if source == number]
        if targets:
            yield _path(f"M{_x(number)} {_y(number)}H{_x(max(targets))}", row.line)
        sources = [source for source, target in down if target == number]
        if sources:
            tip = _y(number) - ROW // 2 + 4
            yield _path(f"M{_x(number)} {_y(min(sources))}V{tip}", row.line)
            yield f'<path d="M{_x(number) - 3} {tip - 5}h6l-3 5z" fill="{row.line}"/>'
    for source, target in up:
        yield _path(f"M{_x(source)} {_y(source)}H{_x(target)}V{_y(target)}", WRONG)
    for source, target in found:
        colour = WRONG if (source, target) in up else parts[source].line
        said = f"<title>{escape(parts[source].name)} imports {escape(parts[target].name)}</title>"
        yield f'<circle cx="{_x(target)}" cy="{_y(source)}" r="3.5" fill="{colour}">{said}</circle>'


def _diagonal(parts: list[Row]) -> Iterator[str]:
    for number, row in enumerate(parts):
        x, y = _x(number), _y(number)
        yield (
            f'<rect x="{x - CELL // 2}" y="{y - ROW // 2 + 4}" width="{CELL}" height="{ROW - 8}" fill="{row.line}"/>'
            f'<text x="{x}" y="{y + 4}" text-anchor="middle" fill="#ffffff" font-size="9">{len(parts) - number}</text>'
        )


def _legend(count: int) -> Iterator[str]:
    y = TOP + ROW * count - 15 * len(LEGEND) + 5
    yield f'<rect x="{LEFT + 6}" y="{y - 14}" width="330" height="{15 * len(LEGEND) + 4}" fill="#ffffff"/>'
    for number, line in enumerate(LEGEND):
        yield f'<text x="{LEFT + 12}" y="{y + 15 * number}" fill="#495057">{escape(line)}</text>'


def _path(path: str, colour: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1" stroke-opacity="0.45"/>'


def _x(number: int) -> int:
    return LEFT + CELL * number + CELL // 2


def _y(number: int) -> int:
    return TOP + ROW * number + ROW // 2 - 2


def table(house: House) -> str:
    """The rooms with a face, from the ground up, as rows of Markdown."""
    lines = ["| room | what it does | what it shows |", "|---|---|---|"]
    for part in FLOORS:
        package = part.modules[0]
        if package in house.faces:
            names = ", ".join(f"`{name}`" for name in house.faces[package])
            path = house.modules[package].path.removesuffix("/__init__.py")
            lines.append(f"| [{part.name}](../{path}) | {house.modules[package].sentence} | {names} |")
    return "\n".join(lines)


def page(house: House, text: str) -> str:
    """The page's text with the table of today between its marks."""
    return filled(text, MARKS, table(house))


def main(root: Path = ROOT) -> None:
    """Write the picture and the page."""
    house = House(read(root))
    PICTURE.write_text(svg(house), encoding="utf-8")
    PAGE.write_text(page(house, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
