"""Fields of a spec and of its parts, set from the command line: ``--epochs 2 --optimiser.rule sgd``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_type_hints

from nlblocks.commands.options import option_meant, value_of
from nlblocks.errors import InputError
from nlblocks.specs.base import Spec, kinds_that_fit

S = TypeVar("S", bound=Spec)
OWN, LISTED, SINGLED = range(3)
"""How near a field is: of the spec and its parts; of all that it lists, at once; of one of these."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A field: its dotted path, how near it is, its annotation, and the mapping that holds it under its name."""

    path: str
    near: int
    annotation: Any
    holder: dict[str, Any]
    name: str

    @property
    def kinds(self) -> list[str]:
        """The kinds of spec that it takes; none where it is a plain value."""
        return kinds_that_fit(self.annotation)


def overridden(spec: S, texts: Mapping[str, str]) -> S:
    """The spec with fields set as typed, all checked together.

    A field is named by its path ("optimiser.rule"), or by the end of it where that is clear. A path through a list of
    specs sets the field in all of them that have it ("variants.model.width"), or in the one that the path names, by
    its own name or its number ("variants.baseline.model.width"). The spec's own fields come before those of the
    specs that it lists.
    """
    data = spec.to_dict()
    places = list(_places(spec, data, "", OWN))
    chosen = set()
    for name, text in texts.items():
        found = _named(name, places)
        path = found[0].path
        chosen.add(path)
        for place in found:
            value = value_of(text, place.annotation)
            if place.kinds and isinstance(value, str):
                parts = [other.path for other in places if other.path.startswith(f"{path}.") and other.near < SINGLED]
                raise InputError(f"{_options([path])} {text}: it holds a spec; its fields are {_options(parts)}")
            place.holder[place.name] = value
    for path in chosen:
        within = next((other for other in chosen if other.startswith(f"{path}.")), None)
        if within:
            raise InputError(f"{_options([path])} holds {_options([within])}; give one of them")
    return type(spec).from_dict(data)


def _places(spec: Spec, data: dict[str, Any], before: str, near: int) -> Iterator[_Place]:
    """Every field of a spec and of what it holds; ``data`` is its mapping."""
    annotations = get_type_hints(type(spec))
    for item in fields(spec):
        path, value, held = f"{before}{item.name}", getattr(spec, item.name), data[item.name]
        yield _Place(path, near, annotations[item.name], data, item.name)
        if isinstance(value, Spec):
            yield from _places(value, held, f"{path}.", near)
        for number, element in enumerate(value if isinstance(value, tuple) else ()):
            if isinstance(element, Spec):
                yield from _places(element, held[number], f"{path}.", max(near, LISTED))
                yield from _places(element, held[number], f"{path}.{getattr(element, 'name', number)}.", SINGLED)


def _named(name: str, places: list[_Place]) -> list[_Place]:
    """The places of one path: of that name, or else of the nearest that ends in it."""
    exact = [place for place in places if place.path == name]
    if exact:
        return exact
    ending = [place for place in places if place.path.endswith(f".{name}")]
    nearest = min((place.near for place in ending), default=OWN)
    found = [place for place in ending if place.near == nearest]
    paths = list(dict.fromkeys(place.path for place in found))
    if len(paths) == 1:
        return found
    if paths:
        raise InputError(f"{_options([name])} may be {_options(paths)}; write the one that you mean")
    raise InputError(f"{_options([name])} is no option and no field; {_meant(name, places)}")


def _meant(name: str, places: list[_Place]) -> str:
    """What somebody may have meant by a name that no field has: what is like it, or all that there is."""
    leaves: dict[str, list[str]] = {}
    for path in dict.fromkeys(place.path for place in places if place.near < SINGLED and not place.kinds):
        leaves.setdefault(path.rpartition(".")[2], []).append(path)
    leaf, option = name.rpartition(".")[2], option_meant(name)
    close = [leaf] if leaf in leaves else difflib.get_close_matches(leaf, leaves, n=3)
    if close:
        more = f", and of the command {option}" if option else ""
        return f"the nearest are {_options(path for leaf in close for path in leaves[leaf])}{more}"
    if option:
        return f"did you mean {option}?"
    return f"there are {_options(path for paths in leaves.values() for path in paths)}"


def _options(paths: Iterable[str]) -> str:
    """Fields as they are typed."""
    return ", ".join(f"--{path.replace('_', '-')}" for path in paths)
