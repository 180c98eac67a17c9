"""A streaming zip writer: stored entries, data aligned to 64 bytes as torch aligns it, sizes past 4 GiB."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from nlblocks.errors import InputError

ALIGNMENT = 64
_FULL32 = 0xFFFFFFFF
_DATE = (1 << 5) | 1  # 1 January 1980: the same tensors give the same bytes
_PADDING = 0x4246  # the id of the extra field that fills up to the alignment


class ZipWriter:
    """``begin``, ``feed``... and ``end`` write one entry whose size is known; ``add`` writes a small one at once.

    A thread takes the checksum of what is being written.
    """

    def __init__(self, file: BinaryIO, prefix: str) -> None:
        self._file, self._prefix, self._directory = file, prefix, b""
        self._worker = ThreadPoolExecutor(1)
        self._count = 0

    def add(self, name: str, parts: Iterable[bytes]) -> None:
        data = b"".join(parts)
        self.begin(name, len(data))
        self.feed(data)
        self.end()

    def begin(self, name: str, size: int) -> None:
        self._name, self._size = (self._prefix + name).encode(), size
        self._start, self._crc, self._fed = self._file.tell(), 0, 0
        sizes = struct.pack("<2HQQ", 1, 16, size, size) if size >= _FULL32 else b""
        head = self._start + 30 + len(self._name) + len(sizes) + 4
        padding = -head % ALIGNMENT
        extra = sizes + struct.pack("<2H", _PADDING, padding) + b"\0" * padding
        self._file.write(b"PK\3\4" + self._common() + struct.pack("<2H", len(self._name), len(extra)))
        self._file.write(self._name + extra)

    def feed(self, data: bytes | memoryview) -> None:
        checksum = self._worker.submit(zlib.crc32, data, self._crc)
        self._fed += len(data)
        self._file.write(data)
        self._crc = checksum.result()

    def end(self) -> None:
        if self._fed != self._size:
            raise InputError(f"a tensor declared {self._size} bytes and gave {self._fed}; nothing was written")
        after = self._file.tell()
        self._file.seek(self._start + 4)
        self._file.write(self._common())
        self._file.seek(after)
        wide = [value for value in (self._size, self._size, self._start) if value >= _FULL32]
        extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        self._directory += b"PK\1\2" + struct.pack("<H", 45) + self._common()
        self._directory += struct.pack("<5H2I", len(self._name), len(extra), 0, 0, 0, 0, min(self._start, _FULL32))
        self._directory += self._name + extra
        self._count += 1

    def close(self) -> None:
        """The directory. The file itself stays open."""
        self._worker.shutdown()
        start, size, count = self._file.tell(), len(self._directory), self._count
        self._file.write(self._directory)
        if start >= _FULL32 or size >= _FULL32 or count >= 0xFFFF:
            end = self._file.tell()
            self._file.write(b"PK\6\6" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, count, count, size, start))
            self._file.write(b"PK\6\7" + struct.pack("<IQI", 0, end, 1))
        few = min(count, 0xFFFF)
        self._file.write(b"PK\5\6" + struct.pack("<4H2IH", 0, 0, few, few, min(size, _FULL32), min(start, _FULL32), 0))

    def _common(self) -> bytes:
        """What the local header and the directory share: version, flags (UTF-8), method, date, CRC, sizes."""
        size = min(self._size, _FULL32)
        return struct.pack("<5H3I", 45, 0x0800, 0, 0, _DATE, self._crc, size, size)
