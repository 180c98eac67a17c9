"""Small good models in several files, or in other programs' containers, for benchmarks/fuzz_readers.py to damage."""

from __future__ import annotations

import importlib.util
import io
import json
import pickle
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlblocks.weights.files.pickle_writer import global_, integer, text, tuple_
from nlblocks.weights.files.sink import Sink
from nlblocks.weights.files.zip_writer import ZipWriter

VALUES = np.arange(4, dtype="<f4").tobytes()
Entries = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Scene:
    """Files by name, and the one that is opened; "" opens their folder."""

    files: dict[str, bytes]
    opened: str


def zipped(entries: Entries) -> bytes:
    out = io.BytesIO()
    with Sink(out) as sink:
        archive = ZipWriter(sink, "")
        for name, data in entries.items():
            archive.add(name, data)
        archive.close()
    return out.getvalue()


# Pickles


def pickled_dict(pairs: Mapping[bytes, bytes]) -> bytes:
    return b"}(" + b"".join(key + value for key, value in pairs.items()) + b"u"


def made(module: str, name: str, **attributes: bytes) -> bytes:
    """An object of a class, with a state."""
    state = pickled_dict({text(key): value for key, value in attributes.items()})
    return global_(module, name) + b")\x81" + state + b"b"


def tensor(key: str = "0") -> bytes:
    reference = tuple_([text("storage"), global_("torch", "FloatStorage"), text(key), text("cpu"), integer(4)]) + b"Q"
    shape, strides = tuple_([integer(2), integer(2)]), tuple_([integer(2), integer(1)])
    ordered = global_("collections", "OrderedDict") + b")R"
    arguments = [reference, integer(0), shape, strides, b"\x89", ordered]
    return global_("torch._utils", "_rebuild_tensor_v2") + tuple_(arguments) + b"R"


def saved(value: bytes) -> bytes:
    """What torch.save makes of a value."""
    return zipped({"a/data.pkl": b"\x80\2" + value + b".", "a/byteorder": b"little", "a/data/0": VALUES})


def layer(**children: bytes) -> bytes:
    """A pickled Linear, with modules in it."""
    parts = {"_parameters": {text("weight"): tensor(), text("bias"): b"N"}, "_buffers": {text("b"): tensor()}}
    dicts = {key: pickled_dict(value) for key, value in parts.items()}
    modules = pickled_dict({text(name): child for name, child in children.items()})
    return made("torch.nn.modules.linear", "Linear", training=b"\x89", _modules=modules, **dicts)


def models() -> list[Scene]:
    """A pickled model beside objects, a TorchScript archive, and two of torch.export."""
    beside = made("argparse", "Namespace", lr=integer(1))
    content = pickled_dict({text("model"): layer(fc=layer()), text("args"): beside, tuple_([integer(1)]): b"N"})
    script = made("__torch__.m", "M", w=tensor(), inner=made("__torch__.m", "M", w=tensor()))
    source = b'class M(Module):\n  __parameters__ = ["w", ]\n  __buffers__ = []\n'
    row = {"path_name": "w0", "use_pickle": False, "tensor_meta": {
        "dtype": 7, "sizes": [{"as_int": 2}, {"as_int": 2}], "strides": [{"as_int": 2}, {"as_int": 1}],
        "storage_offset": {"as_int": 0}}}  # fmt: skip
    config = json.dumps({"config": {"w": row}}).encode()
    return [
        Scene({"m.pth": saved(content)}, "m.pth"),
        Scene({"m.pt": zipped({"a/data.pkl": b"\x80\2" + script + b".", "a/code/__torch__/m.py": source,
                               "a/constants.pkl": b"\x80\2).", "a/data/0": VALUES})}, "m.pt"),
        Scene({"m.pt2": zipped({"e/archive_format": b"pt2", "e/data/weights/model_weights_config.json": config,
                                "e/data/weights/w0": VALUES})}, "m.pt2"),
        Scene({"m.pt2": zipped({"serialized_state_dict.pt": saved(pickled_dict({text("w"): tensor()}))})}, "m.pt2"),
    ]  # fmt: skip


def distributed() -> list[Scene]:
    """A tensor in two parts, as torch and as Paddle keep it."""
    torch = "torch.distributed.checkpoint.metadata"
    part, size = saved(tensor()), global_("torch", "Size")

    def extents(*numbers: int) -> bytes:
        return size + tuple_([tuple_(map(integer, numbers))]) + b"R"

    chunks, places = b"", {}
    for index, start in enumerate((0, 2)):
        offset = extents(0, start)
        chunks += made(torch, "ChunkStorageMetadata", offsets=offset, sizes=extents(2, 2))
        key = made(torch, "MetadataIndex", fqn=text("w"), offset=offset, index=integer(index))
        span = {"offset": integer(index * len(part)), "length": integer(len(part))}
        places[key] = made(f"{torch}.filesystem", "_StorageInfo", relative_path=text("__0_0.distcp"), **span)
    row = made(torch, "TensorStorageMetadata", size=extents(2, 4), chunks=b"](" + chunks + b"e")
    paths = pickled_dict({text("w"): tuple_([text("model"), text("w")])})
    metadata = made(torch, "Metadata", state_dict_metadata=pickled_dict({text("w"): row}), planner_data=paths,
                    storage_data=pickled_dict(places))  # fmt: skip
    paddle = "paddle.distributed.flex_checkpoint.dcp.metadata"
    rows, files = b"", {}
    for index, start in enumerate((0, 2)):
        offset, shape = tuple_([integer(0), integer(start)]), tuple_([integer(2), integer(2)])
        rows += made(paddle, "LocalTensorMetadata", global_offset=offset, local_shape=shape)
        files[made(paddle, "LocalTensorIndex", tensor_key=text("w"), global_offset=offset)] = text(f"{index}_0.distcp")
    said = made(paddle, "Metadata", state_dict_metadata=pickled_dict({text("w"): b"](" + rows + b"e"}),
                storage_metadata=pickled_dict(files))  # fmt: skip
    half = pickle.dumps({"w": np.arange(4, dtype="f4").reshape(2, 2)}, 4)
    return [
        Scene({".metadata": b"\x80\2" + metadata + b".", "__0_0.distcp": part * 2}, ""),
        Scene({"0.metadata": b"\x80\2" + said + b".", "0_0.distcp": half, "1_0.distcp": half}, "0_0.distcp"),
    ]


# Paddle's programs


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # a negative one is written as the number of 64 bits that it is
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, *parts: bytes | str) -> bytes:
    data = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return varint(field << 3 | 2) + varint(len(data)) + data


def programs() -> list[Scene]:
    """A product and a sum with two weights, as a program of either kind, and with a file for each variable."""
    described = {"linear_0.b_0": (2,), "linear_0.w_0": (2, 2)}
    streams, variables = {}, b""
    for name, shape in described.items():
        said = number(1, 5) + b"".join(number(2, extent) for extent in shape)
        streams[name] = b"\0" * 16 + struct.pack("<i", len(said)) + said + VALUES[: 4 * int(np.prod(shape))]
        typed = number(1, 7) + message(3, message(1, said))
        variables += message(3, message(1, name.encode()), message(2, typed), number(3, 1))
    slots = [("matmul_v2", "x", "linear_0.w_0"), ("elementwise_add", "y", "linear_0.b_0")]
    operators = b""
    for kind, x, y in slots:
        taken = [message(1, message(1, slot), message(2, name.encode())) for slot, name in ((b"X", x), (b"Y", y))]
        operators += message(4, *taken, message(2, message(1, b"Out"), message(2, b"y")), message(3, kind.encode()))
    program, weights = message(1, variables, operators), b"".join(streams.values())
    rows = [
        {"#": "p", "A": [0, name], "O": {"%": place, "TT": {"D": [{"#": "0.t_f32"}, list(shape)]}}}
        for place, (name, shape) in enumerate(described.items(), 1)
    ]
    rows.append({"#": "1.matmul", "I": [{"%": 3}, {"%": 2}], "O": [{"%": 4}], "A": [
        {"N": "transpose_y", "AT": {"D": False}}]})  # fmt: skip
    blocks = {"regions": [{"blocks": [{"ops": rows}]}]}
    told = json.dumps({"base_code": {"magic": "pir"}, "program": blocks}).encode()
    info = pickle.dumps({name: {"structured_name": f"fc.{name[9]}"} for name in described}, 2)
    return [
        Scene({"m.pdmodel": program, "m.pdiparams": weights, "m.pdiparams.info": info}, "m.pdiparams"),
        Scene({"m.json": told, "m.pdiparams": weights}, "m.json"),
        Scene({"__model__": program, **streams}, ""),
    ]


def gguf() -> Scene:
    def said(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + said("general.architecture") + struct.pack("<I", 8) + said("llama")
    head += said("tokens") + struct.pack("<IIQ", 9, 8, 2) + said("a") + said("b")
    head += said("w") + struct.pack("<IQQIQ", 2, 2, 2, 0, 0)
    return Scene({"m.gguf": head + b"\0" * (-len(head) % 32) + VALUES}, "m.gguf")


def hdf5() -> list[Scene]:
    """A file of Keras's, where h5py is installed."""
    if importlib.util.find_spec("h5py") is None:
        return []
    import h5py

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "m.h5"
        with h5py.File(path, "w") as file:
            file["layers/dense/vars/0"] = np.ones((2, 2), "f4")
            file.create_dataset("layers/dense/vars/1", data=np.ones(2), compression="gzip")
        return [Scene({"m.h5": path.read_bytes()}, "m.h5")]


def scenes() -> list[Scene]:
    """One of every kind."""
    return [*models(), *distributed(), *programs(), gguf(), *hdf5()]
