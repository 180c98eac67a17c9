"""Single files that other programs write, known by their first bytes."""

from __future__ import annotations

from nlblocks.weights.files.containers import gguf_file, hdf5_file
from nlblocks.weights.files.contents import Contents
from nlblocks.weights.files.tensors import Mapped


def by_magic(file: Mapped) -> Contents | None:
    """What is in a file of GGUF or HDF5; None for any other."""
    for reader in (gguf_file, hdf5_file):
        if bytes(file.bytes[: len(reader.MAGIC)]) == reader.MAGIC:
            return reader.read(file)
    return None
