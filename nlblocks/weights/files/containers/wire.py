"""Protobuf's wire format, bounded: the fields of a message, whatever it claims. No schema and no dependency."""

from __future__ import annotations

from collections.abc import Iterator

from nlblocks.errors import InputError
from nlblocks.weights.files.limits import MAX_FIELDS

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Wire:
    """Reads messages out of some bytes; of all of them together at most MAX_FIELDS fields."""

    def __init__(self, where: str) -> None:
        self._where, self._left = where, MAX_FIELDS

    def _count(self) -> None:
        """One field or number more; a file has no more than so many."""
        self._left -= 1
        if self._left < 0:
            raise InputError(f"{self._where}: a message has more than {MAX_FIELDS} fields; the file is refused")

    def fields(self, data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """(number, value) of each field in order: an int of a varint, the bytes of everything else."""
        at = 0
        while at < len(data):
            self._count()
            tag, at = self._varint(data, at)
            kind, number = tag & 7, tag >> 3
            if kind == _VARINT:
                value, at = self._varint(data, at)
                yield number, value
                continue
            if kind == _BYTES:
                size, at = self._varint(data, at)
            elif kind in (_FIXED32, _FIXED64):
                size = 4 if kind == _FIXED32 else 8
            else:
                raise self._damaged()
            if not number or size > len(data) - at:
                raise self._damaged()
            yield number, data[at : at + size]
            at += size

    def messages(self, data: memoryview, number: int) -> Iterator[memoryview]:
        """The messages, bytes or texts in one field."""
        for found, value in self.fields(data):
            if found == number and not isinstance(value, int):
                yield value

    def text(self, data: memoryview, number: int) -> str:
        """The text in one field; "" where there is none."""
        for value in self.messages(data, number):
            try:
                return str(value, "utf-8")
            except UnicodeDecodeError:
                raise self._damaged() from None
        return ""

    def number(self, data: memoryview, number: int, default: int = 0) -> int:
        """The whole number in one field, which may have a sign."""
        return next((signed(value) for found, value in self.fields(data) if found == number and isinstance(value, int)),
                    default)  # fmt: skip

    def numbers(self, data: memoryview, number: int) -> list[int]:
        """The whole numbers in a repeated field, packed or not."""
        result = []
        for found, value in self.fields(data):
            if found != number:
                continue
            if isinstance(value, int):
                result.append(signed(value))
                continue
            at = 0
            while at < len(value):
                self._count()
                one, at = self._varint(value, at)
                result.append(signed(one))
        return result

    def _varint(self, data: memoryview, at: int) -> tuple[int, int]:
        value = 0
        for place in range(10):
            if at + place >= len(data):
                break
            byte = data[at + place]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value, at + place + 1
        raise self._damaged()

    def _damaged(self) -> InputError:
        return InputError(f"{self._where}: no protobuf message of its kind; it is truncated, damaged or something else")


def signed(value: int) -> int:
    """A varint as the 64-bit number with a sign that it stands for."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value
