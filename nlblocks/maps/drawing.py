"""From a model and pictures to a folder: look, draw, then write everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlblocks.errors import InputError, file_path
from nlblocks.maps.heat import Pixel, standing_out
from nlblocks.maps.images import Picture, check_installed, free_name
from nlblocks.maps.looking import Viewer
from nlblocks.maps.page import Page
from nlblocks.maps.panels import panel
from nlblocks.specs.layout import MapLayout
from nlblocks.weights.files.atomic import replacing

PAGE = "maps.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What was written: the page, the panels, the layers' layouts by name, and what is to be known about them.

    ``backend`` is the name of the one that the model's blocks are of.
    """

    backend: str
    page: Path
    panels: tuple[Path, ...]
    layers: dict[str, MapLayout]
    notes: tuple[str, ...]


def draw(
    model: Any,
    pictures: Sequence[Picture],
    folder: str | Path,
    *,
    layers: Sequence[str] = (),
    queries: Sequence[Pixel] = (),
    title: str = "",
    progress: Callable[[str], None] = lambda text: None,
) -> Drawing:
    """Draw where the blocks of a model look on pictures: PNG panels and one page, maps.html, in ``folder``.

    ``model`` is a block of any backend, or any torch or Paddle model that holds some; it is run in eval mode, on one
    picture at a time, and left as it was. ``layers`` names the maps to draw, by the paths of their blocks or of what
    they lie in; none is all. ``queries`` are pixels (y, x) of the pictures, as the model gets them, that the panels
    look from; none is a few that stand out.

    Raises InputError, before anything is written, for a model without blocks, an unknown layer, a pixel outside a
    picture, and a picture that the model does not take.
    """
    target = file_path(folder)
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file; give a folder")
    check_installed()
    if not pictures:
        raise InputError("no image; give at least one")
    _check(queries, pictures)
    viewer, page = Viewer(model), Page(title or type(model).__name__, len(pictures))
    files: dict[str, bytes] = {}
    found: dict[str, MapLayout] = {}
    notes: list[str] = []
    taken: set[str] = set()
    for picture in pictures:
        progress(f"looking at {picture.name}")
        seen, left_out = viewer.look(picture, layers)
        notes += left_out
        points = list(queries) or standing_out(picture)
        page.add(picture, seen, points[0])
        for layer in seen:
            progress(f"drawing {layer.name} on {picture.name}")
            found.setdefault(layer.name, layer.layout)
            files[free_name(f"{picture.name}.{layer.name}", taken) + ".png"] = panel(layer, picture, points)
    progress("writing")
    written = [_write(target / name, content) for name, content in files.items()]
    whole = _write(target / PAGE, page.html().encode(errors="backslashreplace"))
    return Drawing(
        backend=viewer.backend, page=whole, panels=tuple(written), layers=found,
        notes=(*dict.fromkeys(notes), *page.notes),
    )  # fmt: skip


def _check(queries: Sequence[Pixel], pictures: Sequence[Picture]) -> None:
    for y, x in queries:
        for picture in pictures:
            height, width = picture.size
            if not (0 <= y < height and 0 <= x < width):
                raise InputError(
                    f"query {y},{x} lies outside {picture.name}: y is 0 to {height - 1}, x 0 to {width - 1}"
                )


def _write(path: Path, content: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be made: {error.strerror}") from None
    with replacing(path) as file:
        file.write(content)
    return path
