"""Zip archives that are neither torch's checkpoints nor NumPy's: read by what lies in them, or refused by name."""

from __future__ import annotations

from collections.abc import Mapping

from nlblocks.errors import InputError
from nlblocks.weights.files.containers.exported import EXPORTED, read_exported
from nlblocks.weights.files.containers.scripts import read_script
from nlblocks.weights.files.contents import Contents
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Mapped
from nlblocks.weights.files.zip_reader import Entry

CHECKPOINTS = (
    ".safetensors",
    ".pth",
    ".pt",
    ".ckpt",
    ".bin",
    ".pdparams",
    ".pdiparams",
    ".onnx",
    ".h5",
    ".npz",
    ".pkl",
)


def archive(file: Mapped, entries: Mapping[str, Entry]) -> Contents:
    """What is in a zip archive. Raises InputError for one that holds no weights of its own."""
    names = list(entries)
    leaves = {name.split("/")[-1] for name in names}
    if "constants.pkl" in leaves:
        return read_script(file, entries)
    if leaves & EXPORTED:
        return read_exported(file, entries)
    if not names:
        raise InputError(f"{file.path}: an empty zip archive; there is no tensor in it")
    inside = [name for name in names if name.endswith(CHECKPOINTS)]
    if inside:
        what = f"{shown(inside[0])}{_more(inside)}"
        raise InputError(f"{file.path}: a zip archive that holds {what}; unpack it and give that file")
    raise InputError(f"{file.path}: a zip archive of {shown(names[0])}{_more(names)}, and no weights in it")


def _more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""
