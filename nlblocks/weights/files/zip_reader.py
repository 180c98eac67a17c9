"""A zip reader for checkpoints: every number in the directory is checked, nothing is extracted anywhere."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from nlblocks.errors import InputError
from nlblocks.weights.files.limits import MAX_HEADER, MAX_INFLATION, MIN_INFLATED
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Mapped

_END, _END64, _LOCATOR, _ENTRY, _LOCAL = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2", b"PK\3\4"
NOT_ALONE = (
    "is not alone in it: others lie before it, as in one rank's file of a distributed checkpoint; give the folder, "
    "with its .metadata"
)
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive: its bytes are [start, start + packed), deflated or as they are."""

    name: str
    start: int
    packed: int
    size: int
    deflated: bool


def is_zip(file: Mapped) -> bool:
    """Whether the file starts as a zip archive does."""
    return bytes(file.bytes[:4]) in (_LOCAL, _END)


def read_directory(file: Mapped) -> dict[str, Entry]:
    """The entries by name. Duplicate, overlapping, encrypted and out-of-range ones, and unsafe names, are refused."""
    count, size, offset, end = _end_record(file)
    if size > MAX_HEADER:
        raise _bad(file, f"has a directory of {size} bytes, more than {MAX_HEADER}")
    if offset + size > file.size or count * 46 > size:
        raise _bad(file, "has a directory outside the file: it is truncated or damaged")
    if offset + size != end:
        raise _bad(file, NOT_ALONE)
    entries: dict[str, Entry] = {}
    position, stop = offset, offset + size
    for _ in range(count):
        position, entry = _entry(file, position, stop, offset)
        if entry.name in entries:
            raise _bad(file, f"has the name {shown(entry.name)} twice")
        entries[entry.name] = entry
    taken = 0
    for entry in sorted(entries.values(), key=lambda entry: entry.start):
        if entry.start < taken:
            raise _bad(file, f"has entries that overlap, at {shown(entry.name)}")
        taken = entry.start + entry.packed
    return entries


def inflate(file: Mapped, entry: Entry, limit: int | None = None) -> bytes:
    """The bytes of an entry, or its first ``limit``: never more than the directory declares."""
    if not entry.deflated:
        stop = entry.size if limit is None else min(entry.size, limit)
        return bytes(file.bytes[entry.start : entry.start + stop])
    wanted = entry.size if limit is None else min(entry.size, limit)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(file.bytes[entry.start : entry.start + entry.packed], wanted + 1)
    except zlib.error:
        raise _bad(file, f"has damaged deflated data in {shown(entry.name)}") from None
    if limit is None and len(data) != entry.size:
        raise _bad(file, f"says that {shown(entry.name)} has {entry.size} bytes, which it has not")
    return data[:wanted]


def _end_record(file: Mapped) -> tuple[int, int, int, int]:
    """(entries, directory size, directory offset, where the end records begin)."""
    tail = max(0, file.size - 22 - _FULL16)
    found = bytes(file.bytes[tail:]).rfind(_END)
    at = tail + found
    if found < 0 or at + 22 > file.size:
        raise _bad(file, "has no end record: it is truncated or damaged")
    disk, start_disk, here, count, size, offset, comment = struct.unpack_from("<4H2IH", file.bytes, at + 4)
    if at + 22 + comment != file.size:
        raise _bad(file, "has bytes after its end record, or is truncated")
    if at >= 76 and bytes(file.bytes[at - 20 : at - 16]) == _LOCATOR:
        wide, said = at - 76, struct.unpack_from("<Q", file.bytes, at - 12)[0]
        if bytes(file.bytes[wide : wide + 4]) != _END64:
            raise _bad(file, "has no zip64 end record: it is damaged")
        if said != wide:
            raise _bad(file, NOT_ALONE)
        disk, start_disk, here, count, size, offset = struct.unpack_from("<2I4Q", file.bytes, wide + 16)
        at = wide
    elif _FULL16 in (here, count) or _FULL32 in (size, offset):
        raise _bad(file, "has no zip64 locator: it is damaged")
    if disk or start_disk or here != count:
        raise _bad(file, "is split over several disks")
    return count, size, offset, at


def _entry(file: Mapped, position: int, stop: int, directory: int) -> tuple[int, Entry]:
    if position + 46 > stop or bytes(file.bytes[position : position + 4]) != _ENTRY:
        raise _bad(file, "has a damaged directory")
    flags, method = struct.unpack_from("<2H", file.bytes, position + 8)
    packed, size, name_length, extra_length, comment, disk = struct.unpack_from("<2I4H", file.bytes, position + 20)
    offset = struct.unpack_from("<I", file.bytes, position + 42)[0]
    after = position + 46 + name_length + extra_length + comment
    if after > stop:
        raise _bad(file, "has a damaged directory")
    raw = bytes(file.bytes[position + 46 : position + 46 + name_length])
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad(file, "has a name that is not UTF-8") from None
    extra = bytes(file.bytes[position + 46 + name_length : position + 46 + name_length + extra_length])
    size, packed, offset = _zip64(file, extra, (size, packed, offset))
    if disk not in (0, _FULL16):
        raise _bad(file, "is split over several disks")
    if not name or name.startswith("/") or "\\" in name or ":" in name or "\0" in name or ".." in name.split("/"):
        raise _bad(file, f"has the unsafe name {shown(name)}")
    if flags & 0x2041:
        raise _bad(file, f"has the encrypted entry {shown(name)}")
    if method not in (0, 8):
        raise _bad(file, f"compresses {shown(name)} by method {method}; only stored and deflated entries are read")
    if offset + 30 > directory or bytes(file.bytes[offset : offset + 4]) != _LOCAL:
        raise _bad(file, f"says that {shown(name)} is where no entry is")
    local_name, local_extra = struct.unpack_from("<2H", file.bytes, offset + 26)
    start = offset + 30 + local_name + local_extra
    if bytes(file.bytes[offset + 30 : offset + 30 + local_name]) != raw:
        raise _bad(file, f"calls {shown(name)} by another name in the entry itself")
    if start + packed > directory:
        raise _bad(file, f"says that {shown(name)} reaches past the data: it is truncated or damaged")
    if method == 0 and packed != size:
        raise _bad(file, f"gives two sizes for the stored entry {shown(name)}")
    if size > max(MIN_INFLATED, MAX_INFLATION * packed):
        raise _bad(
            file,
            f"inflates {shown(name)} from {packed} to {size} bytes, more than {MAX_INFLATION} times: a zip bomb; "
            "save it without compression if it is yours",
        )
    return after, Entry(name, start, packed, size, method == 8)


def _zip64(file: Mapped, extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
    """The sizes and the offset, those that are full replaced by the zip64 extra field's."""
    if _FULL32 not in values:
        return values
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1 and position + 4 + length <= len(extra):
            count = values.count(_FULL32)
            if length < 8 * count:
                break
            wide = iter(struct.unpack_from(f"<{count}Q", extra, position + 4))
            size, packed, offset = (next(wide) if value == _FULL32 else value for value in values)
            return size, packed, offset
        position += 4 + length
    raise _bad(file, "has a damaged zip64 field")


def _bad(file: Mapped, what: str) -> InputError:
    return InputError(f"{file.path}: the zip archive {what}; the file is refused")
