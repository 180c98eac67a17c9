"""What is to be ported, checked: the entries, where sources lie, and what the model is run on."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from nlblocks.errors import InputError

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of ``nlblocks port``. Paths are absolute text; ``inputs`` are shapes, .npz files or MODULE:FUNCTION."""

    entries: tuple[str, ...]
    out: str
    paths: tuple[str, ...]
    kwargs: str = ""
    inputs: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    setup: str = ""
    seed: int = 0

    @classmethod
    def of(
        cls, entries: Sequence[str], out: Any, *, path: Sequence[Any], kwargs: str, inputs: Sequence[str],
        weights: Sequence[Any], setup: Any,
    ) -> Job:  # fmt: skip
        """Check everything that can be checked before a framework is imported. Raises InputError."""
        for entry in entries:
            if ".py:" in entry:
                file, _, name = entry.rpartition(".py:")
                dotted = file.strip("./").replace("/", ".")
                raise InputError(f"{entry!r} is a path; write {dotted}:{name}, and --path FOLDER, where it starts")
            if not NAME.fullmatch(entry):
                raise InputError(f"{entry!r} is no entry: write MODULE:NAME, e.g. package.module:Net")
        paths = tuple(str(Path(one).resolve()) for one in path or ["."])
        for given, folder in zip(path, paths, strict=False):
            if not Path(folder).is_dir():
                raise InputError(f"--path {given} is no folder; give the folder that the package lies in")
        for entry in entries if not setup else ():  # which may make modules of its own
            top = entry.partition(":")[0].partition(".")[0]
            if PathFinder.find_spec(top, [*paths, *sys.path]) is None:
                there = ", ".join(map(str, path or ["."]))
                raise InputError(
                    f"cannot import {entry.partition(':')[0]}: ModuleNotFoundError: No module named {top!r} in "
                    f"{there}; say where it lies with --path"
                )
        target = Path(out)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise InputError(f"{out} is not empty; give a folder that is empty or not there yet")
        for noun, files in (("--weights", weights), ("--setup", [setup] if setup else [])):
            for file in files:
                if not Path(file).is_file():
                    raise InputError(f"{noun} {file} is no file")
        _check_kwargs(kwargs)
        return cls(
            entries=tuple(dict.fromkeys(entries)), out=str(target.resolve()), paths=paths, kwargs=kwargs,
            inputs=tuple(inputs), weights=tuple(str(Path(file).resolve()) for file in weights),
            setup=str(Path(setup).resolve()) if setup else "",
        )  # fmt: skip

    def weights_of(self, entry: str) -> tuple[str, ...]:
        """The weight files of an entry: those that are given are the first one's."""
        return self.weights if entry == self.entries[0] else ()

    def stem(self, entry: str) -> str:
        """What an entry's converted weights are called: like its weight file, or like the entry."""
        given = [Path(self.weights[0]).stem] if self.weights else []
        if self.weights_of(entry):
            return given[0]
        name = entry.partition(":")[2]
        taken = given + [other.partition(":")[2] for other in self.entries if other != entry]
        return entry.replace(":", ".") if name in taken else name

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        data: dict[str, Any] = json.loads(text)
        for name, value in data.items():
            data[name] = tuple(value) if isinstance(value, list) else value
        return cls(**data)


def _check_kwargs(kwargs: str) -> None:
    try:
        compile(f"f({kwargs})", "kwargs", "eval")
    except SyntaxError:
        raise InputError(f"--kwargs {kwargs!r} is not what stands in a call's brackets, e.g. depth=18") from None
