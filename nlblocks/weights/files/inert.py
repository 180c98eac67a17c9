"""What a pickle may name, with nothing imported or run: names, and placeholders for objects that nobody here knows."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RUNS = frozenset({
    "_io", "_pickle", "_posixsubprocess", "cffi", "code", "codeop", "commands",
    "ctypes", "dill", "ftplib", "http", "httplib", "idlelib", "importlib", "io", "joblib", "linecache",
    "marshal", "multiprocessing", "nt", "numpy.f2py", "os", "pdb", "pickle", "pip", "pkgutil", "popen2", "posix",
    "profile", "pty", "requests", "runpy", "shutil", "site", "socket", "ssl", "subprocess", "sys", "tempfile",
    "timeit", "urllib", "urllib2", "venv", "webbrowser", "zipimport",
})  # fmt: skip
"""Modules that no checkpoint needs and that can run or reach something: a file that names one means harm."""
PLAIN = frozenset({
    "Ellipsis", "NotImplemented", "bool", "bytearray", "bytes", "classmethod", "complex", "dict", "enumerate", "filter",
    "float", "frozenset", "getattr", "int", "iter", "list", "long", "map", "max", "min", "object", "print", "property",
    "range", "reversed", "set", "slice", "staticmethod", "str", "sum", "super", "tuple", "type", "unicode", "xrange",
    "zip",
})  # fmt: skip
"""What of Python's own names objects beside weights are made of. Errors are as well."""
_HIDDEN = re.compile(r"(^|\.)__\w+__(\.|$)")
_TENSOR = re.compile(
    r"torch\.(.*\.)?(\w*_rebuild_\w+|storage\._load_from_bytes|ShardedTensor|(cuda\.)?\w*Tensor|Parameter|Buffer"
    r"|Variable)|.*_fa_rebuild\w+"
)
LAYERS = {
    "Linear": "linear", "NonDynamicallyQuantizableLinear": "linear", "Embedding": "embedding",
    "EmbeddingBag": "embedding", "InstanceNorm": "instance_norm", "PReLU": "prelu", "LayerNorm": "layer_norm",
    "GroupNorm": "group_norm", "BatchNorm": "batch_norm", "SyncBatchNorm": "batch_norm", "RMSNorm": "rms_norm",
    "Bilinear": "bilinear",
}  # fmt: skip
"""torch's layers whose weights names and shapes do not always tell apart, and what they are."""
INSTEAD = {
    "torch._utils._rebuild_sparse_tensor": "Save the tensor after to_dense()",
    "torch._utils._rebuild_qtensor": "Save the tensor after dequantize()",
    "torch._utils._rebuild_meta_tensor_no_storage": "Save tensors that have values, not those of the meta device",
    "torch._utils._rebuild_wrapper_subclass": "Save the tensor after full_tensor() or dequantize()",
    "torch.storage._load_from_bytes": "It was written by pickle.dump: load it, and write it by torch.save",
    "torch.distributed._shard.sharded_tensor.api.ShardedTensor": "Save it by torch.distributed.checkpoint",
}


@dataclass(frozen=True, slots=True)
class Name:
    """A global: a name, not the thing."""

    name: str


class Kept:
    """A value that stands for itself: as a dict's key it is compared by identity."""

    unread = ""
    """What it is, where nothing reads it."""


class Built(Kept, ABC):
    """A value that a later BUILD opcode may complete."""

    @abstractmethod
    def build(self, state: Any) -> None: ...


class Placeholder(Built):
    """An object of a class that is not known here: what it is called, and what it was made of. Nothing else is in it.

    ``entries`` are the items of a dict or a list that the class derives from, ``state`` its attributes.
    """

    __slots__ = ("arguments", "entries", "state", "unread")

    def __init__(self, name: str, arguments: tuple[Any, ...] = ()) -> None:
        self.unread, self.arguments = name, arguments
        self.state: Any = None
        self.entries: dict[Any, Any] | list[Any] | None = None

    def build(self, state: Any) -> None:
        self.state = state

    def attributes(self) -> Mapping[Any, Any]:
        """Its attributes by name, whether or not it has slots."""
        state = self.state
        if isinstance(state, tuple) and len(state) == 2:  # (__dict__, what is in slots)
            state = {key: value for part in state if isinstance(part, dict) for key, value in part.items()}
        return state if isinstance(state, dict) else {}


def module_members(found: Placeholder) -> dict[str, Any] | None:
    """The parameters, buffers and children of a pickled torch module; None where it is none.

    Buffers that its state dict would leave out are left out.
    """
    attributes = found.attributes()
    parts = [attributes.get(part) for part in ("_parameters", "_buffers", "_modules")]
    if not (isinstance(parts[0], dict) and isinstance(parts[2], dict)):
        return None
    left_out = attributes.get("_non_persistent_buffers_set")
    hidden = {name for name in left_out if isinstance(name, str)} if isinstance(left_out, list) else set()
    members: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items() if isinstance(part, dict) else ():
            if value is not None and not (part is parts[1] and name in hidden):
                members.setdefault(str(name), value)
    return members


def layer_kind(cls: str) -> str:
    """What a layer of torch's own has for its weight, by its class: "linear"; "" for what needs no word."""
    package, _, name = cls.rpartition(".")
    package = re.sub(r"\.___torch_mangle_\d+$", "", package.removeprefix("__torch__."))
    return LAYERS.get(re.sub(r"[123]d$", "", name), "") if package.startswith("torch.nn.modules") else ""


def forbidden(module: str, attribute: str) -> str:
    """Why a pickle that names this is refused whole; "" where a placeholder can stand for it."""
    name = f"{module}.{attribute}"
    if module in ("builtins", "__builtin__"):
        harmless = attribute in PLAIN or attribute.endswith(("Error", "Exception", "Warning", "Exit", "Iteration"))
    else:
        parts = module.split(".")
        harmless = not any(".".join(parts[:depth]) in RUNS for depth in range(1, len(parts) + 1))
    if not harmless or _HIDDEN.search(attribute):
        return "which runs or reaches what no weights need: the file means harm, or holds more than weights"
    if _TENSOR.fullmatch(name):
        return (
            f"a tensor of a kind that is not read here. {INSTEAD.get(name, 'Save plain tensors: tensor.data.clone()')}"
        )
    return ""
