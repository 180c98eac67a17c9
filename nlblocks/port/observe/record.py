"""What was seen at each place while a model ran: callees, receivers, arguments and results, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nlblocks.port.observe.instrument import Site

MOST = 6
"""Different values that are kept of one argument; more say only what kinds they are."""


@dataclass(slots=True)
class Seen:
    """All that one expression was: the kinds, the values where they are few and plain, and the ranks of tensors."""

    kinds: set[str] = field(default_factory=set)
    values: list[Any] | None = field(default_factory=list)
    ranks: set[int] = field(default_factory=set)

    def add(self, kind: str, value: Any = None, *, plain: bool = False) -> None:
        self.kinds.add(kind)
        if self.values is None:
            return
        if not plain:
            self.values = None
        elif not any(type(known) is type(value) and known == value for known in self.values):
            self.values.append(value)
            if len(self.values) > MOST:
                self.values = None

    def to_dict(self) -> dict[str, Any]:
        values = None if self.values is None else [repr(v) for v in self.values]
        return {"kinds": sorted(self.kinds), "values": values, "ranks": sorted(self.ranks)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Seen:
        import ast

        values = data["values"]
        known = None if values is None else [ast.literal_eval(v) for v in values]
        return cls(set(data["kinds"]), known, set(data["ranks"]))


@dataclass(slots=True)
class Place:
    """What was seen at one call or attribute.

    ``receiver`` is what an attribute was looked up on. Of a call: the ``callees`` by name, the arguments by position
    ("0") or keyword, and the ``result``. ``same`` says of a call with one argument that it returned just that,
    ``beforehand`` whether functools.partial had given it arguments before, call by call. ``ranks`` are the ranks of the
    tensors that a layer built here was called with, or an initialiser filled; ``names`` the APIs that were looked up
    here by text.
    """

    receiver: Seen = field(default_factory=Seen)
    callees: set[str] = field(default_factory=set)
    arguments: dict[str, Seen] = field(default_factory=dict)
    result: Seen = field(default_factory=Seen)
    same: bool | None = None
    beforehand: set[bool] = field(default_factory=set)
    ranks: set[int] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "receiver": self.receiver.to_dict(),
            "callees": sorted(self.callees),
            "arguments": {name: seen.to_dict() for name, seen in self.arguments.items()},
            "result": self.result.to_dict(),
            "same": self.same,
            "beforehand": sorted(self.beforehand),
            "ranks": sorted(self.ranks),
            "names": self.names,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Place:
        return cls(
            Seen.from_dict(data["receiver"]),
            set(data["callees"]),
            {name: Seen.from_dict(seen) for name, seen in data["arguments"].items()},
            Seen.from_dict(data["result"]),
            data["same"],
            set(data["beforehand"]),
            set(data["ranks"]),
            dict(data["names"]),
        )


@dataclass(slots=True)
class FileRecord:
    """What was seen in one file: places by their site, and the loggers that its variables held in the end, by name.

    ``own_loggers`` are variables that held an object of the packages' own with a logger in it, by the logger's name;
    ``entered`` are the lines of the functions that ran, each that of its "def".
    """

    places: dict[Site, Place] = field(default_factory=dict)
    loggers: dict[str, str] = field(default_factory=dict)
    own_loggers: dict[str, str] = field(default_factory=dict)
    entered: set[int] = field(default_factory=set)

    def place(self, site: Site) -> Place | None:
        return self.places.get(site)

    def to_dict(self) -> dict[str, Any]:
        places = [[*site, place.to_dict()] for site, place in self.places.items()]
        loggers = {"loggers": self.loggers, "own_loggers": self.own_loggers}
        return {"places": places, **loggers, "entered": sorted(self.entered)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FileRecord:
        places = {tuple(row[:4]): Place.from_dict(row[4]) for row in data["places"]}
        return cls(places, dict(data["loggers"]), dict(data["own_loggers"]), set(data["entered"]))


@dataclass(slots=True)
class Record:
    """What one run showed, by module; ``files`` are the paths of the modules that were watched.

    ``put`` are the framework's names under which they had put something of their own: "module:name". ``whole`` says
    that every model was built and ran on an input: what never ran is not what the models need.
    """

    modules: dict[str, FileRecord] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    put: dict[str, str] = field(default_factory=dict)
    whole: bool = False

    def of(self, module: str) -> FileRecord:
        return self.modules.setdefault(module, FileRecord())

    def to_dict(self) -> dict[str, Any]:
        modules = {name: found.to_dict() for name, found in self.modules.items()}
        return {"modules": modules, "files": self.files, "put": self.put, "whole": self.whole}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Record:
        modules = {name: FileRecord.from_dict(found) for name, found in data["modules"].items()}
        return cls(modules, dict(data["files"]), dict(data["put"]), data["whole"])


def merged(kinds: Iterable[str]) -> str:
    """Kinds in words."""
    return ", ".join(sorted(kinds)) or "nothing"
