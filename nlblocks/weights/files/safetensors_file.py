"""safetensors: one file, or shards behind an index."""

from __future__ import annotations

import json
import stat
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from nlblocks.conventions import framework_of, safetensors_format
from nlblocks.errors import InputError
from nlblocks.weights.files.contents import UNSAID, Contents
from nlblocks.weights.files.dtypes import BY_SAFETENSORS
from nlblocks.weights.files.limits import MAX_HEADER, MAX_NODES
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.sink import Sink
from nlblocks.weights.files.tensors import Mapped, Stored, Tensor, checked_shape

NOTE = "nlblocks"


def read(file: Mapped) -> Contents:
    """The tensors in the header's order. The format's own library judges the file as well: both must accept it."""
    where = str(file.path)
    length = struct.unpack_from("<Q", file.bytes)[0] if file.size >= 8 else -1
    if not 2 <= length <= file.size - 8 or length > MAX_HEADER:
        raise InputError(f"{where}: a safetensors header of {length} bytes in a file of {file.size}; it is damaged")
    header = parse_json(bytes(file.bytes[8 : 8 + length]), where)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or any(not isinstance(value, str) for value in metadata.values()):
        raise InputError(f"{where}: the safetensors metadata must be strings; the file is refused")
    data, expected = 8 + length, 0
    tensors: dict[str, Stored] = {}
    for name, row in header.items():
        tensors[name] = _tensor(file, name, row, data)
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.nbytes)):
        if tensor.start != data + expected:
            raise InputError(f"{where}: the tensors of the safetensors file overlap or leave gaps; it is refused")
        expected += tensor.nbytes
    if data + expected != file.size:
        raise InputError(f"{where}: the tensors need {data + expected} bytes and the file has {file.size}")
    try:
        with safe_open(file.path, framework="np"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{where}: safetensors refuses the file: {' '.join(str(error).split())}") from None
    said = framework_of(metadata.get("format", ""))
    found: dict[tuple[str, ...], Tensor] = {(name,): tensor for name, tensor in tensors.items()}
    return Contents("safetensors", found, {}, metadata.get(NOTE, ""), said or UNSAID, said is not None)


def _tensor(file: Mapped, name: str, row: Any, data: int) -> Stored:
    where = f"{file.path}: {shown(name)}"
    if not isinstance(row, dict) or set(row) != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"{where}: a safetensors entry must have dtype, shape and data_offsets")
    code, offsets = row["dtype"], row["data_offsets"]
    dtype = BY_SAFETENSORS.get(code) if isinstance(code, str) else None
    if dtype is None:
        raise InputError(f"{where}: dtype {shown(str(code))} is not read")
    shape = checked_shape(row["shape"], where)
    fits = isinstance(offsets, list) and len(offsets) == 2 and all(type(n) is int for n in offsets)
    if not fits or not 0 <= offsets[0] <= offsets[1] <= file.size - data:
        raise InputError(f"{where}: its offsets are not inside the file: it is truncated or damaged")
    tensor = Stored(dtype, shape, file, data + offsets[0])
    if tensor.nbytes != offsets[1] - offsets[0]:
        raise InputError(f"{where}: {dtype.name} {shape} needs {tensor.nbytes} bytes, not {offsets[1] - offsets[0]}")
    return tensor


def parse_json(data: bytes, where: str) -> dict[str, Any]:
    """A JSON object from a file that nobody vouches for; a key that comes twice is an error."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise InputError(f"{where}: its JSON has a key twice; the file is refused")
        return result

    if data.count(b"[") + data.count(b"{") > MAX_NODES:  # a list of a byte or two in the file takes 56 in memory
        raise InputError(f"{where}: its JSON has more than {MAX_NODES} lists and objects; the file is refused")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=unique)
    except InputError:
        raise
    except (ValueError, RecursionError):
        raise InputError(f"{where}: its JSON cannot be parsed; the file is damaged") from None
    if not isinstance(value, dict):
        raise InputError(f"{where}: its JSON is a {type(value).__name__}, not an object")
    return value


def json_file(path: Path) -> dict[str, Any]:
    """The object in a JSON file that nobody vouches for."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe waits for its other end
            raise InputError(f"{path}: cannot be read: it is not a regular file")
        if path.stat().st_size > MAX_HEADER:
            raise InputError(f"{path}: JSON of more than {MAX_HEADER} bytes; it is refused")
        return parse_json(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def read_index(path: Path) -> dict[str, Path]:
    """Tensor name → shard, of an index such as ``model.safetensors.index.json``. Shards lie beside the index."""
    index = json_file(path)
    names = index.get("weight_map")
    if not isinstance(names, dict) or not names:
        raise InputError(f"{path}: an index needs a weight_map of tensor names and files")
    shards = {}
    for name, shard in names.items():
        unsafe = not isinstance(shard, str) or shard in ("", ".", "..") or any(c in shard for c in "/\\:\0")
        if unsafe or len(shard) > 255 or not shard.isprintable():
            raise InputError(f"{path}: the shard {shown(str(shard))} must be a file beside the index; it is refused")
        if shard.endswith(".json"):
            raise InputError(f"{path}: the shard {shown(shard)} is an index again; it is refused")
        shards[name] = path.parent / shard
    return shards


def _header(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> tuple[bytes, list[Tensor]]:
    """(the file's first bytes, the tensors in the order of their data): wide dtypes first, so that all are aligned."""
    order = sorted(tensors, key=lambda name: -tensors[name].dtype.size)
    starts, position = {}, 0
    for name in order:
        if not tensors[name].dtype.safetensors:
            raise InputError(f"{name} is {tensors[name].dtype.name}, which safetensors has not; write a .pth file")
        starts[name] = position
        position += tensors[name].nbytes
    rows: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    for name, tensor in tensors.items():
        if name == "__metadata__":
            raise InputError("a tensor is called '__metadata__', which safetensors keeps for itself; rename it")
        offsets = [starts[name], starts[name] + tensor.nbytes]
        rows[name] = {"dtype": tensor.dtype.safetensors, "shape": list(tensor.shape), "data_offsets": offsets}
    data = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    data += b" " * (-len(data) % 8)
    return struct.pack("<Q", len(data)) + data, [tensors[name] for name in order]


def write(sink: Sink, tensors: Mapping[str, Tensor], metadata: str, layout: str = UNSAID) -> None:
    """``metadata`` goes into the header under "nlblocks", the layout under "format" as the ecosystem writes it."""
    notes = {"format": safetensors_format(layout)}
    write_with(sink, tensors, notes | ({NOTE: metadata} if metadata else {}))


def write_with(sink: Sink, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """A file with metadata of one's own."""
    start, ordered = _header(tensors, metadata)
    sink.write(start)
    for tensor in ordered:
        sink.tensor(tensor)
