"""A zip writer: stored entries, data aligned to 64 bytes as torch aligns it, sizes past 4 GiB."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from nlblocks.weights.files.sink import Sink
from nlblocks.weights.files.tensors import Tensor

ALIGNMENT = 64
_FULL32 = 0xFFFFFFFF
_DATE = (1 << 5) | 1  # 1 January 1980: the same tensors give the same bytes
_PADDING = 0x4246  # the id of the extra field that fills up to the alignment


@dataclass(frozen=True, slots=True)
class _Entry:
    name: bytes
    size: int
    start: int
    sums: Callable[[], list[tuple[int, int]]]

    def common(self) -> bytes:
        """What the local header and the directory share: version, flags (UTF-8), method, date, CRC, sizes."""
        from zlib_ng.zlib_ng import crc32_combine

        checksum = reduce(lambda before, piece: crc32_combine(before, piece[1], piece[0]), self.sums(), 0)
        size = min(self.size, _FULL32)
        return struct.pack("<5H3I", 45, 0x0800, 0, 0, _DATE, checksum, size, size)

    def listed(self) -> bytes:
        """The entry in the directory."""
        wide = [value for value in (self.size, self.size, self.start) if value >= _FULL32]
        extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        sizes = struct.pack("<5H2I", len(self.name), len(extra), 0, 0, 0, 0, min(self.start, _FULL32))
        return b"PK\1\2" + struct.pack("<H", 45) + self.common() + sizes + self.name + extra


class ZipWriter:
    """Entries go to the sink as they are added; their headers' checksums, once these are known, when it is closed."""

    def __init__(self, sink: Sink, prefix: str) -> None:
        self._sink, self._prefix = sink, prefix
        self._entries: list[_Entry] = []

    def add(self, name: str, data: bytes | Tensor) -> None:
        from zlib_ng.zlib_ng import crc32  # here, so that reading needs NumPy and safetensors only

        start, path = self._sink.position, (self._prefix + name).encode()
        size = len(data) if isinstance(data, bytes) else data.nbytes
        sizes = struct.pack("<2HQQ", 1, 16, size, size) if size >= _FULL32 else b""
        padding = -(start + 30 + len(path) + len(sizes) + 4) % ALIGNMENT
        extra = sizes + struct.pack("<2H", _PADDING, padding) + b"\0" * padding
        self._sink.write(b"PK\3\4" + b"\0" * 22 + struct.pack("<2H", len(path), len(extra)) + path + extra)
        if isinstance(data, bytes):
            self._sink.write(data)
            self._entries.append(_Entry(path, size, start, lambda: [(size, crc32(data))]))
        else:
            self._entries.append(_Entry(path, size, start, self._sink.tensor(data, crc32)))

    def close(self) -> None:
        """The headers and the directory. The sink itself stays open."""
        for entry in self._entries:
            self._sink.put(entry.start + 4, entry.common())
        directory = b"".join(entry.listed() for entry in self._entries)
        start, size, count = self._sink.position, len(directory), len(self._entries)
        self._sink.write(directory)
        if start >= _FULL32 or size >= _FULL32 or count >= 0xFFFF:
            end = self._sink.position
            self._sink.write(b"PK\6\6" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, count, count, size, start))
            self._sink.write(b"PK\6\7" + struct.pack("<IQI", 0, end, 1))
        few = min(count, 0xFFFF)
        fields = struct.pack("<4H2IH", 0, 0, few, few, min(size, _FULL32), min(start, _FULL32), 0)
        self._sink.write(b"PK\5\6" + fields)
