"""Paddle's inference models, as jit.save and save_inference_model write them: a program, its weights, their names.

The weights are a stream of tensors in the sorted order of the names that the program keeps, or a file for each. The
names are those of variables (linear_0.w_0); .pdiparams.info, where it is there, says how the layers call them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from nlblocks.errors import InputError, known
from nlblocks.weights.files.constructors import constructors
from nlblocks.weights.files.containers.lod_tensors import is_stream, read_stream
from nlblocks.weights.files.containers.paddle_kinds import kinds_of
from nlblocks.weights.files.containers.paddle_places import INFO, OLD_PROGRAM, Places, is_program, places_of
from nlblocks.weights.files.containers.paddle_programs import Kept, Program, read_json, read_protobuf
from nlblocks.weights.files.contents import Contents
from nlblocks.weights.files.pickle_vm import Unpickler, shown
from nlblocks.weights.files.safetensors_file import json_file
from nlblocks.weights.files.tensors import Made, Mapped, Tensor

_FOLDED = re.compile(r"fuse_conv_bn/.*|.*conv\w*_bn\w*_eltwise_y_in.*")
_SHIFT = re.compile(r"(batch_norm\w*?_\d+)\.b_0")


def is_inference(path: Path) -> bool:
    """Whether a file belongs to an inference model, by its name or its first bytes."""
    if path.name == OLD_PROGRAM or path.name.endswith((".pdmodel", ".pdiparams", INFO)) or is_program(path):
        return True
    return path.is_file() and path.stat().st_size > 0 and is_stream(Mapped(path))


def inference_model(path: Path) -> Contents:
    """The weights of the model that a file belongs to, or of a folder with one, by the names of its layers."""
    places = places_of(path)
    program = None if places.program is None else _program(places.program)
    structured = _structured(places.info) if places.info is not None else {}
    tensors = _separate(places, program) if places.weights.is_dir() else _combined(places, program, structured)
    if program is not None:
        _check(tensors, program.kept, str(places.weights))
    names = {name: structured.get(name, name) for name in tensors}
    if len(set(names.values())) != len(names):
        names = {name: name for name in tensors}  # two layers share one: what the variables are called is as good
    kinds = kinds_of(program, tensors) if program is not None else {}
    notes = tuple(_folded(tensors, names))
    lines = tuple(program.lines(names)) if program is not None else ("no program lies beside the weights",)
    return Contents(
        "Paddle inference model" if program is not None else "Paddle variables",
        {(names[name],): tensor for name, tensor in tensors.items()}, layout="paddle",
        lines=(*lines, *notes), notes=notes,
        names={layer: name for name, layer in names.items()},
        kinds={(names[name],): kind for name, kind in kinds.items()},
    )  # fmt: skip


def _program(path: Path) -> Program:
    return read_json(json_file(path), str(path)) if path.suffix == ".json" else read_protobuf(Mapped(path))


def _structured(path: Path) -> dict[str, str]:
    """How the layers call each variable."""
    file = Mapped(path)
    found = Unpickler(file, 0, file.size, constructors(file)).load()
    rows = found.items() if isinstance(found, dict) else ()
    said = {name: row.get("structured_name") for name, row in rows if isinstance(row, dict)}
    return {name: layer for name, layer in said.items() if isinstance(name, str) and isinstance(layer, str) and layer}


def _combined(places: Places, program: Program | None, structured: Mapping[str, str]) -> dict[str, Tensor]:
    file = Mapped(places.weights)
    tensors = read_stream(file)
    names = sorted(program.kept if program is not None else structured)
    if not names and len(tensors) == 1:
        names = [places.weights.name]  # the file of one variable
    if not names:
        raise InputError(
            f"{file.path}: {len(tensors)} tensors without names, which are in the program; put {places.weights.stem}"
            ".pdmodel or .json beside it"
        )
    if len(names) != len(tensors):
        said = f"{len(tensors)} tensors, and the program beside it names {len(names)}"
        raise InputError(f"{file.path}: {said}; they do not belong together: copy both again")
    return dict(zip(names, tensors, strict=True))


def _separate(places: Places, program: Program | None) -> dict[str, Tensor]:
    """A file for each variable, opened only while it is read: there may be thousands."""
    folder = places.weights
    if program is None:
        files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    else:
        files = {name: folder / name for name in program.kept}
    inside = folder.resolve()
    tensors: dict[str, Tensor] = {}
    for name, path in files.items():
        if not path.resolve().is_relative_to(inside) or "\0" in name:
            raise InputError(f"{folder}: the program keeps {shown(name)}, outside of the folder; it is refused")
        tensors[name] = _variable(path)
    return tensors


def _variable(path: Path) -> Tensor:
    def tensor() -> Tensor:
        file = Mapped(path)
        found = read_stream(file) if is_stream(file) else []
        if len(found) != 1:
            raise InputError(f"{path}: not the file of one variable of Paddle's; it holds {len(found)}")
        return found[0]

    first = tensor()
    return Made(first.dtype, first.shape, lambda: tensor().raw())


def _check(tensors: Mapping[str, Tensor], kept: Mapping[str, Kept], where: str) -> None:
    """Whether each tensor is what the program says: otherwise the names belong to others."""
    for name, tensor in tensors.items():
        said = kept[name]
        same = min(said.shape, default=0) < 0 or said.shape == tensor.shape
        if said.dtype not in ("", tensor.dtype.name) or not same:
            found = f"{tensor.dtype.name} {tensor.shape}, and {said.dtype} {said.shape} in the program"
            raise InputError(f"{where}: {shown(name)} is {found}; they do not belong together: copy both again")


def _folded(tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> Iterator[str]:
    shifts = {name: match[1] for name in tensors if (match := _SHIFT.fullmatch(name))}
    found = [names[name] for name in tensors if _FOLDED.fullmatch(name)]
    found += [names[name] for name, norm in shifts.items() if not {f"{norm}.w_1", f"{norm}.w_2"} & tensors.keys()]
    if found:
        held = f"{known(found[:3])}{' …' if len(found) > 3 else ''}"
        yield (
            f"batch norms are folded into the convolutions before them, {len(found)} in all, with shifts in {held}: "
            "a model for these weights has biases there, and no norms"
        )
