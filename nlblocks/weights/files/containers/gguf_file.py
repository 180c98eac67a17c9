"""GGUF, llama.cpp's format: tensors of floats and whole numbers; what is quantised is refused by name."""

from __future__ import annotations

import struct
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files.contents import Contents
from nlblocks.weights.files.contents import Path as Keys
from nlblocks.weights.files.dtypes import DTYPES
from nlblocks.weights.files.limits import MAX_NODES, MAX_TEXT
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Mapped, Stored, Tensor, checked_shape

MAGIC = b"GGUF"
_PLAIN = {
    0: "float32", 1: "float16", 24: "int8", 25: "int16", 26: "int32", 27: "int64", 28: "float64", 30: "bfloat16",
}  # fmt: skip
_QUANTISED = {
    2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K",
    14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S",
    22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT, _ARRAY = 8, 9
_ROTATED = frozenset({"llama", "mistral", "mixtral"})
"""Architectures of which llama.cpp's converter reorders the rows of queries and keys."""


def read(file: Mapped) -> Contents:
    """The tensors by their names, and what the file says of itself, arrays by their length."""
    return _Reader(file).contents()


class _Reader:
    """Reads one after another what a file says; nothing past its end, and at most MAX_NODES values."""

    def __init__(self, file: Mapped) -> None:
        self._file, self._at, self._left = file, len(MAGIC), MAX_NODES

    def contents(self) -> Contents:
        version, count, pairs = (self._number(code) for code in ("<I", "<Q", "<Q"))
        if version not in (2, 3):
            raise InputError(f"{self._file.path}: GGUF of version {version}, or big-endian; versions 2 and 3 are read")
        others: dict[Keys, Any] = {}
        for _ in self._counted(pairs):
            name = self._text()
            others[name,] = self._value(self._number("<I"))
        rows = [self._row() for _ in self._counted(count)]
        alignment = others.get(("general.alignment",), 32)
        if not isinstance(alignment, int) or not 0 < alignment <= MAX_TEXT:
            raise self._damaged("an impossible alignment")
        start = -(-self._at // alignment) * alignment
        tensors: dict[Keys, Tensor] = {}
        for name, kind, shape, offset in rows:
            if (name,) in tensors:
                raise InputError(f"{self._file.path}: two tensors are called {shown(name)}; the file is refused")
            tensors[name,] = self._tensor(name, kind, shape, start + offset)
        architecture = others.get(("general.architecture",))
        notes = [
            f"llama.cpp reorders the rows of queries and keys of {architecture} (attn_q, attn_k) for its own rotary "
            "embedding; put them back before they go into another model"
        ] if architecture in _ROTATED else []  # fmt: skip
        return Contents("GGUF", tensors, others, lines=tuple(notes), notes=tuple(notes))

    def _row(self) -> tuple[str, int, tuple[int, ...], int]:
        """(name, type, shape, offset); the file has the axis that runs fastest first."""
        name, axes = self._text(), self._number("<I")
        if axes > 8:
            raise self._damaged(f"{axes} axes for {shown(name)}")
        shape = tuple(self._number("<Q") for _ in range(axes))[::-1]
        return name, self._number("<I"), shape, self._number("<Q")

    def _tensor(self, name: str, kind: int, shape: tuple[int, ...], start: int) -> Tensor:
        where = f"{self._file.path}: {shown(name)}"
        if kind in _QUANTISED:
            raise InputError(
                f"{where}: is quantised as {_QUANTISED[kind]}; give the file in F16 or F32 that it was made from, or "
                "llama-quantize --allow-requantize it to F32"
            )
        if kind not in _PLAIN:
            raise InputError(f"{where}: has the type {kind}, which is not read; F32, F16, BF16, F64 and integers are")
        tensor = Stored(DTYPES[_PLAIN[kind]], checked_shape(shape, where), self._file, start)
        if start + tensor.nbytes > self._file.size:
            raise InputError(f"{where}: ends past the end of the file: it is truncated; copy it again")
        return tensor

    def _value(self, kind: int) -> Any:
        if kind in _NUMBERS:
            return self._number(_NUMBERS[kind])
        if kind == _TEXT:
            return self._text()
        if kind != _ARRAY:
            raise self._damaged(f"a value of the type {kind}")
        of, count = self._number("<I"), self._number("<Q")
        if of in _NUMBERS:
            self._skip(count * struct.calcsize(_NUMBERS[of]))
        elif of == _TEXT:
            for _ in self._counted(count):
                self._skip(self._number("<Q"))
        else:
            raise self._damaged(f"an array of the type {of}")
        return f"{count} values"

    def _counted(self, count: int) -> range:
        self._left -= count
        if self._left < 0:
            raise InputError(f"{self._file.path}: has more than {MAX_NODES} values; the file is refused")
        return range(count)

    def _number(self, code: str) -> Any:
        start = self._at
        self._skip(struct.calcsize(code))
        return struct.unpack_from(code, self._file.bytes, start)[0]

    def _text(self) -> str:
        size = self._number("<Q")
        if size > MAX_TEXT:
            raise self._damaged(f"a text of {size} bytes")
        start = self._at
        self._skip(size)
        return str(self._file.bytes[start : self._at], "utf-8", "replace")

    def _skip(self, size: int) -> None:
        if size > self._file.size - self._at:
            raise InputError(f"{self._file.path}: ends in the middle of its header: it is truncated; copy it again")
        self._at += size

    def _damaged(self, what: str) -> InputError:
        return InputError(f"{self._file.path}: has {what}; the file is damaged")
