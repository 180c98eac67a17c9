"""Protobuf messages by hand, for files that no library would write."""

from __future__ import annotations

import struct

from benchmarks.fuzz_scenes import message, number, varint

__all__ = ["lod_tensor", "message", "number", "operator", "program", "variable", "varint"]


def lod_tensor(shape: tuple[int, ...], data: bytes, dtype: int = 5, levels: bytes = struct.pack("<Q", 0)) -> bytes:
    """A tensor of Paddle's: version, levels, version, description, values."""
    described = number(1, dtype) + b"".join(number(2, extent) for extent in shape)
    return b"\0" * 4 + levels + b"\0" * 4 + struct.pack("<i", len(described)) + described + data


def variable(name: str, shape: tuple[int, ...] = (2,), dtype: int = 5, kind: int = 7) -> bytes:
    """A variable of a Paddle program that is kept."""
    described = number(1, dtype) + b"".join(number(2, extent) for extent in shape)
    typed = number(1, kind) + message(3, message(1, described))
    return message(3, message(1, name), message(2, typed), number(3, 1))


def operator(kind: str, **inputs: str) -> bytes:
    slots = [message(1, message(1, slot), message(2, name)) for slot, name in inputs.items()]
    return message(4, *slots, message(3, kind))


def program(*parts: bytes) -> bytes:
    """A Paddle program of one block."""
    return message(1, *parts)
