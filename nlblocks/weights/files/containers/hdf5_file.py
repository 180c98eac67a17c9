"""HDF5, as Keras and others write it: read by h5py, an extra, and nothing outside of the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.weights.files.contents import Contents
from nlblocks.weights.files.contents import Path as Keys
from nlblocks.weights.files.dtypes import BY_BITS
from nlblocks.weights.files.limits import MAX_DEPTH, MAX_NODES
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Made, Mapped, Tensor, checked_shape

MAGIC = b"\x89HDF\r\n\x1a\n"
FILTERS = frozenset({1, 2, 3, 32000})
"""Deflate, shuffle, Fletcher's checksum and LZF, which need no library from elsewhere."""
KERAS = (
    "Keras lays a Dense out as [in, out] and convolutions as [height, width, in, out]: they are taken as they lie, by "
    "Keras's names; turn them where the model is built"
)


def read(file: Mapped) -> Contents:
    """The datasets of plain numbers by their paths; links and values elsewhere are refused."""
    try:
        import h5py
    except ImportError:
        raise InputError(f"{file.path}: HDF5, which needs h5py: pip install 'nlblocks[hdf5]'") from None
    with _opened(file.path, h5py) as opened:
        keras = any(key in opened.attrs for key in ("keras_version", "layer_names")) or "layers" in opened
        found = dict(_walk(opened, h5py, file.path))
    tensors: dict[Keys, Tensor] = {(name,): item for name, item in found.items() if isinstance(item, Tensor)}
    others: dict[Keys, Any] = {(name,): item for name, item in found.items() if not isinstance(item, Tensor)}
    notes = (KERAS,) if keras else ()
    kind = "Keras HDF5" if keras else "HDF5"
    return Contents(kind, tensors, others, told=False, lines=notes, notes=notes)


@contextmanager
def _opened(path: Path, h5py: Any) -> Iterator[Any]:
    """The file; whatever h5py finds wrong with it, then or later, is an InputError."""
    try:
        with h5py.File(path, "r") as opened:
            yield opened
    except InputError:
        raise
    except Exception as error:  # of any kind: its own code and HDF5's have many
        raise InputError(f"{path}: HDF5 that h5py cannot read ({shown(' '.join(str(error).split()))})") from None


def _walk(root: Any, h5py: Any, path: Path) -> Iterator[tuple[str, Tensor | str]]:
    """The datasets in order, without recursion: groups may link to each other."""
    stack: list[tuple[str, Any, int]] = [("", root, 0)]
    for _ in range(MAX_NODES):
        if not stack:
            return
        name, group, depth = stack.pop()
        if isinstance(group, h5py.Dataset):
            yield name.replace("/", "."), _tensor(name, group, path)
            continue
        if depth > MAX_DEPTH:
            raise InputError(f"{path}: groups are nested more than {MAX_DEPTH} deep; the file is refused")
        below = []
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise InputError(f"{path}: {shown(key)} is a link to elsewhere; it is refused")
            item = group[key]
            if isinstance(item, h5py.Group | h5py.Dataset):
                below.append((f"{name}/{key}".lstrip("/"), item, depth + 1))
        stack.extend(reversed(below))
    raise InputError(f"{path}: has more than {MAX_NODES} entries; the file is refused")


def _tensor(name: str, found: Any, path: Path) -> Tensor | str:
    where = f"{path}: {shown(name)}"
    if found.external or found.is_virtual:
        raise InputError(f"{where}: keeps its values in another file; it is refused")
    plan = found.id.get_create_plist()
    if any(plan.get_filter(index)[0] not in FILTERS for index in range(plan.get_nfilters())):
        raise InputError(f"{where}: is packed by a filter from elsewhere; save it with gzip, or without")
    row = BY_BITS.get(np.dtype(found.dtype).newbyteorder("<"))
    if row is None or found.shape is None:
        return f"values of {shown(str(found.dtype))}"
    shape = checked_shape(found.shape, where)

    def make() -> Array:
        import h5py

        with _opened(path, h5py) as opened:
            return np.asarray(opened[name][()], row.bits).reshape(shape)

    return Made(row, shape, make)
