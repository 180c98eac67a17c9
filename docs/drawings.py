"""The drawings of docs/catalogue.md, one for each kind of block.

python -m docs.drawings    # writes docs/drawings/*.svg
"""

from __future__ import annotations

from pathlib import Path

from docs.rooms import ROOT
from nlblocks.drawing import draw_example
from nlblocks.specs.base import kinds

FOLDER = ROOT / "docs" / "drawings"


def main(folder: Path = FOLDER) -> None:
    """Write a drawing of every kind."""
    folder.mkdir(exist_ok=True)
    for kind in kinds():
        (folder / f"{kind}.svg").write_text(draw_example(kind), encoding="utf-8")


if __name__ == "__main__":
    main()
