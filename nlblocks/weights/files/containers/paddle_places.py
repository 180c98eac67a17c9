"""Which files belong to one inference model: the program, the weights, and what the layers call them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nlblocks.errors import InputError, known
from nlblocks.weights.files.containers.lod_tensors import is_stream
from nlblocks.weights.files.limits import MAX_FILES
from nlblocks.weights.files.tensors import Mapped

WEIGHTS, INFO = ".pdiparams", ".pdiparams.info"
OLD_PROGRAM, OLD_WEIGHTS = "__model__", ("__params__", "params")
_PIR = re.compile(rb'\s*\{\s*"base_code"\s*:\s*\{[^}]{0,200}"pir"')


@dataclass(frozen=True, slots=True)
class Places:
    """``weights`` is a file, or a folder with one for each variable."""

    program: Path | None
    weights: Path
    info: Path | None


def is_program(path: Path) -> bool:
    """Whether a .json file is a program of Paddle's."""
    if path.suffix != ".json" or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return _PIR.match(file.read(512)) is not None
    except OSError:
        return False


def places_of(path: Path) -> Places:
    """The model that a file is part of, or that lies in a folder. Raises InputError where its weights are not there."""
    if path.is_dir():
        return _in_folder(path)
    if path.name.endswith(INFO):
        path = path.with_name(path.name.removesuffix(".info"))
    if path.name == OLD_PROGRAM:
        weights = next((path.with_name(name) for name in OLD_WEIGHTS if path.with_name(name).is_file()), path.parent)
        return Places(path, weights, None)
    if path.suffix == ".pdmodel" or is_program(path):
        weights = path.with_suffix(WEIGHTS)
        if not weights.is_file():
            raise InputError(f"{path}: a program of Paddle's without its weights; put {weights.name} beside it")
        return Places(path, weights, _if_there(weights))
    programs = (path.with_suffix(".pdmodel"), path.with_suffix(".json"), path.with_name(OLD_PROGRAM))
    program = next((one for one in programs if one.is_file() and (one.suffix != ".json" or is_program(one))), None)
    if program is not None and program.name == OLD_PROGRAM and path.name not in OLD_WEIGHTS and path.suffix != WEIGHTS:
        return Places(program, path.parent, None)  # the file of one variable: the model is the folder
    return Places(program, path, _if_there(path))


def _if_there(weights: Path) -> Path | None:
    info = weights.with_name(weights.name + ".info")
    return info if info.is_file() else None


def _in_folder(folder: Path) -> Places:
    try:
        files = [
            path for path, _ in zip(sorted(folder.iterdir()), range(MAX_FILES + 1), strict=False) if path.is_file()
        ]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}") from None
    if len(files) > MAX_FILES:
        raise InputError(f"{folder}: more than {MAX_FILES} files; give the one that is meant")
    programs = [path for path in files if path.name == OLD_PROGRAM or path.suffix == ".pdmodel" or is_program(path)]
    if len(programs) > 1:
        raise InputError(
            f"{folder}: several programs of Paddle's; give one: {known(path.name for path in programs[:9])}"
        )
    if programs:
        return places_of(programs[0])
    if not files or not all(path.stat().st_size and is_stream(Mapped(path)) for path in files):
        raise InputError(f"{folder}: a folder, and no model that is kept in one is in it; give the file of the weights")
    return Places(None, folder, None)
