"""What the blocks of a model look at, on one picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from nlblocks.backend import Array, Call, backend_of, host_of
from nlblocks.blocks import run
from nlblocks.errors import InputError, known, meant
from nlblocks.maps.images import Picture
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.inputs import joined
from nlblocks.specs.layout import MapLayout, Meaning

MOST = 2**28
"""Entries of one map that are asked for at most: 1 GiB in float32, and the model makes several arrays of that size."""
Observe = Callable[..., list[list[Call]]]
FLAT = 2
"""Spatial extents of a map that can lie over an image."""
REGIONS = 12
"""Of how many regions, at most, each gets its picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One map on one picture: ``values`` of the layout's shape; ``name`` is the block's path and the map's own name."""

    name: str
    layout: MapLayout
    values: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """Where a map is made: by the ``call``-th call, from 0, of the ``block``-th block, under its own name."""

    block: int
    call: int
    own: str
    name: str
    layout: MapLayout


class Viewer:
    """A model whose blocks can be asked. Raises InputError where it holds none.

    A model that is a block of any backend is asked itself; another one of a framework is run, its blocks watched.
    ``backend`` is the name of the one whose blocks they are.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        try:
            self.backend = backend_of(model).name
        except InputError:
            host = host_of(model, "maps")
            self.backend = host.name
            self._blocks = dict(_outermost(host.modules(model), host.owns))
            self._observe: Observe = partial(host.observe, model)
        else:
            self._blocks, self._observe = {"": model}, _itself
        if not self._blocks:
            raise InputError(
                f"{type(model).__name__} holds no block of the library, so it has no maps; nlblocks.insert puts one in"
            )

    def look(self, picture: Picture, wanted: Sequence[str] = ()) -> tuple[list[Layer], list[str]]:
        """The maps of ``wanted`` layers (by name, or the name of their block; none: all), and what was left out."""
        x = picture.values[None]
        sites = list(self._sites(picture, x))
        if not sites:
            paths = [path for path in self._blocks if path]
            more = f": of its blocks, {known(paths)}, none that it calls has one" if paths else ""
            raise InputError(f"{type(self._model).__name__} makes no map on {picture.name}{more}")
        unknown = [name for name in wanted if not any(_names(name, site.name) for site in sites)]
        if unknown:
            names = [site.name for site in sites]
            raise InputError(f"no layer {known(unknown)}; there are {known(names)}{meant(unknown[0], names)}")
        chosen = [site for site in sites if not wanted or any(_names(name, site.name) for name in wanted)]
        flat = [site for site in chosen if not site.layout.spatial or len(site.layout.grid) == FLAT]
        notes = [
            f"{site.name} is left out: its positions have {len(site.layout.grid)} extents, not an image's two"
            for site in chosen
            if site not in flat
        ]
        if not flat:
            raise InputError(notes[0])
        for site in flat:
            entries = math.prod(site.layout.shape)
            if entries > MOST:
                raise InputError(
                    f"{site.name} on {picture.name}: a map of {entries:,} entries, more than the {MOST:,} that are "
                    "asked for; give the image a smaller size"
                )
        notes += [
            f"{site.name}: the first {REGIONS} of its {site.layout.count} regions are shown"
            for site in flat
            if site.layout.meaning == "regions" and site.layout.count > REGIONS
        ]
        return self._values(picture, x, flat), notes

    def _sites(self, picture: Picture, x: Array) -> Iterator[_Site]:
        """Every map that is made on the picture, in order; none of them is kept."""
        calls = self._calls(picture, list(self._blocks.values()), x, attention=False)
        for index, (path, block) in enumerate(self._blocks.items()):
            for number, call in enumerate(calls[index]):
                given = call.inputs[: len(block.spec.inputs)]
                if path and (None in given or len(given) < len(block.spec.inputs)):
                    raise InputError(
                        f"{path}: its input comes by keyword, which is not seen; let the model give it first"
                    )
                for own, layout in _layouts(block.spec, call, picture).items():
                    name = ".".join(part for part in (path, "" if own == "attention" else own) if part) or own
                    more = f" (call {number + 1})" if number else ""
                    yield _Site(block=index, call=number, own=own, name=name + more, layout=layout)

    def _values(self, picture: Picture, x: Array, sites: Sequence[_Site]) -> list[Layer]:
        blocks = list(self._blocks.values())
        used = sorted({site.block for site in sites})
        calls = self._calls(picture, [blocks[index] for index in used], x, attention=True)
        layers = []
        for site in sites:
            maps: Any = calls[used.index(site.block)][site.call].attention
            values = (maps[site.own] if isinstance(maps, Mapping) else maps)[0].reshape(site.layout.shape)
            if not np.isfinite(values).all():
                raise InputError(
                    f"{site.name} on {picture.name}: the map holds NaN or infinity; are the weights whole?"
                )
            values = values.astype(
                np.result_type(values, np.float32), copy=False
            )  # half precision is too coarse to draw
            layers += _pictured(site, values)
        return layers

    def _calls(self, picture: Picture, blocks: Sequence[Any], x: Array, *, attention: bool) -> list[list[Call]]:
        try:
            return self._observe(blocks, x, attention=attention)
        except Exception as error:  # the model is the user's
            raise _refused(self._model, picture, error) from error


def _pictured(site: _Site, values: Array) -> list[Layer]:
    """The layers of a map: of each region one, of each branch one, of masks their mean over the groups of channels."""
    layout = site.layout
    one = {"regions": "region", "choice": "gate", "masks": "mask"}
    if layout.meaning not in one:
        return [Layer(name=site.name, layout=layout, values=values)]
    parts = {"region": np.moveaxis(values, -1, 0)[:REGIONS], "gate": values, "mask": values.mean(0, keepdims=True)}
    meaning = one[layout.meaning]
    single = MapLayout(meaning=cast(Meaning, meaning), grid=layout.grid)
    names = {"region": "region {}", "gate": "branch {}", "mask": f"mean of {layout.count}"}
    return [
        Layer(name=f"{site.name} ({names[meaning].format(index + 1)})", layout=single, values=part)
        for index, part in enumerate(parts[meaning])
    ]


def _itself(blocks: Sequence[Any], x: Array, *, attention: bool) -> list[list[Call]]:
    """The one call of a model that is a block itself."""
    (block,) = blocks
    maps = run(block, x, return_attention=True).attention if attention else None
    return [[Call(inputs=(x.shape,), output=None, attention=maps)]]


def _outermost(modules: Mapping[str, Any], owns: Any) -> Iterator[tuple[str, Any]]:
    """The blocks that lie in no other block, each under its first path."""
    found: dict[str, Any] = {}
    for path, module in modules.items():
        inside = any(path.startswith(f"{above}.") for above in found)
        if owns(module) and not inside and not any(module is other for other in found.values()):
            found[path] = module
            yield path, module


def _layouts(spec: BlockSpec, call: Call, picture: Picture) -> dict[str, MapLayout]:
    try:
        return spec.map_layouts(joined(call.inputs[: len(spec.inputs)]))
    except InputError as error:
        raise _refused(spec, picture, error) from None


def _refused(what: Any, picture: Picture, error: Exception) -> InputError:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    extents = "×".join(map(str, picture.values.shape))
    return InputError(f"{type(what).__name__} does not take {picture.name} of {extents} (C×H×W): {said}")


def _names(text: str, layer: str) -> bool:
    """Whether what the user wrote is a layer, or a block or module that it lies in."""
    base = layer.partition(" (call ")[0]
    return text in (layer, base) or base.startswith(f"{text}.")
