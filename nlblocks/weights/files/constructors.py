"""The allow-list: what a checkpoint's pickle may name, and the inert value that each name makes here."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from nlblocks.errors import InputError
from nlblocks.weights.files.dtypes import BY_BITS, BY_STORAGE, DTYPES, FileDType
from nlblocks.weights.files.inert import Built, Kept, Name, Placeholder
from nlblocks.weights.files.pickle_vm import Constructor, Span, is_key, shown
from nlblocks.weights.files.tensors import Made, Mapped, Stored, Tensor, checked_shape, row_major, strided

STORAGES = {f"torch.{name}" for name in BY_STORAGE} | {"torch.storage.UntypedStorage", "torch.UntypedStorage"}
NAMES = {"numpy.ndarray", *STORAGES, *(f"torch.{name}" for name in DTYPES)}
"""Globals that are only passed as arguments: classes and dtypes."""
PLAIN_TENSORS = {"torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"}
_NUMBER = re.compile(r"([biufc])([0-9]{1,2})")


class Storage:
    """``elements`` elements of torch storage: a piece of the file, whose place may be known only later."""

    def __init__(self, dtype: FileDType, elements: int) -> None:
        self.dtype, self.elements = dtype, elements
        self.start = -1


class TorchTensor(Kept):
    """A tensor over a storage, checked and turned into a Tensor by :meth:`resolve` when the storage has its place."""

    def __init__(self, storage: Storage, offset: Any, shape: Any, strides: Any, dtype: FileDType) -> None:
        self.arguments = storage, offset, shape, strides, dtype

    def resolve(self, file: Mapped) -> Tensor:
        storage, offset, shape, strides, dtype = self.arguments
        where = str(file.path)
        elements = storage.elements * storage.dtype.size // dtype.size
        return strided(dtype, shape, strides, file, storage.start, offset, elements, where)


class Budget:
    """Bytes and entries that a pickle's calls may copy: as many as the file has bytes, however often it asks."""

    def __init__(self, file: Mapped) -> None:
        self.where, self.left = str(file.path), file.size

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise InputError(f"{self.where}: the pickle copies the same bytes again and again; the file is refused")


class NumpyDType(Built):
    """numpy.dtype; of other than plain numbers only its code is known."""

    def __init__(self, where: str, arguments: tuple[Any, ...]) -> None:
        code = arguments[0] if arguments else None
        if not isinstance(code, str):
            raise InputError(f"{where}: a NumPy array has dtype {type(code).__name__}; only plain numbers are read")
        self.where, self.code, self.swapped = where, shown(code), False
        self.dtype: np.dtype[Any] | None = None
        if _NUMBER.fullmatch(code):
            with contextlib.suppress(TypeError):
                self.dtype = np.dtype("=" + code)

    @property
    def unread(self) -> str:  # type: ignore[override]
        return f"numpy.dtype {self.code}"

    def build(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 8 or state[1] not in ("<", ">", "|", "="):
            raise InputError(f"{self.where}: a NumPy array has a dtype whose state is not NumPy's")
        if state[2:5] != (None, None, None):
            self.dtype, self.code = None, f"{self.code} (structured)"
        self.swapped = state[1] == ">"

    def file_dtype(self) -> FileDType | None:
        """None for what no tensor has."""
        return None if self.dtype is None else BY_BITS.get(self.dtype.newbyteorder("<"))


class NumpyArray(Built):
    """A numpy.ndarray in the making: ``_reconstruct`` makes it empty, BUILD gives it shape, dtype and place."""

    def __init__(self, file: Mapped, budget: Budget) -> None:
        self.file, self.budget = file, budget
        self.tensor: Tensor | None = None

    def build(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise InputError(f"{self.file.path}: a NumPy array has a state that is not NumPy's")
        self.fill(*state[1:])

    def fill(self, shape: Any, dtype: Any, fortran: Any, data: Any) -> None:
        where = str(self.file.path)
        if not isinstance(dtype, NumpyDType):
            raise InputError(f"{where}: a NumPy array has a dtype that is none")
        shape, row = checked_shape(shape, where), dtype.file_dtype()
        if row is None:
            self.unread = f"numpy.ndarray of dtype {dtype.code}"
            return
        size = int(np.prod(shape, dtype=np.int64)) * row.size
        if isinstance(data, str):
            self.budget.spend(len(data))
            data = _latin(data, where)
        if isinstance(data, Span) and not data.text:
            found = data.stop - data.start
        else:
            found = len(data) if isinstance(data, bytes) else -1
        if isinstance(data, Span) and data.text:
            self.tensor = Made(row, shape, lambda: _bytes_of(data, self.file, size, where, shape, row, bool(fortran)))
            return
        if found != size:
            raise InputError(f"{where}: a NumPy array of {row.name} {shape} needs {size} bytes; it has {found}")
        strides = row_major(shape[::-1])[::-1] if fortran and len(shape) > 1 else None
        if isinstance(data, Span):
            self.tensor = Stored(row, shape, self.file, data.start, strides, dtype.swapped)
        else:
            stored = row.bits.newbyteorder(">") if dtype.swapped else row.bits
            array = np.frombuffer(data, stored).reshape(shape, order="F" if fortran else "C")
            self.tensor = Made(row, shape, lambda: array.astype(row.bits, copy=False))


def _latin(text: str, where: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise InputError(f"{where}: the bytes of a NumPy array are text that is not Latin-1") from None


def _bytes_of(span: Span, file: Mapped, size: int, where: str, shape: Any, row: FileDType, fortran: bool) -> Any:
    """Protocol 2 holds bytes as the UTF-8 of their Latin-1 text: decoded only when the tensor is asked for."""
    try:
        data = str(file.bytes[span.start : span.stop], "utf-8").encode("latin-1")
    except UnicodeError:
        raise InputError(f"{where}: the bytes of a NumPy array are text that is not Latin-1") from None
    if len(data) != size:
        raise InputError(f"{where}: a NumPy array of {row.name} {shape} needs {size} bytes; it has {len(data)}")
    return np.frombuffer(data, row.bits).reshape(shape, order="F" if fortran else "C")


def constructors(file: Mapped) -> dict[str, Constructor | None]:
    """The table for one file. None marks a name that is only ever an argument."""
    return _Constructors(file).table()


class _Constructors:
    """What the names of a pickle make, for one file: data, or an InputError in one line."""

    def __init__(self, file: Mapped) -> None:
        self.file, self.where, self.budget = file, str(file.path), Budget(file)

    def table(self) -> dict[str, Constructor | None]:
        """The constructors by name."""
        table: dict[str, Constructor | None] = dict.fromkeys(NAMES)
        table |= self.tensors()
        table |= {
            "collections.OrderedDict": self.ordered_dict,
            "collections.Counter": self.counter,
            "collections.defaultdict": self.default_dict,
            "collections.deque": self.deque,
            "torch._tensor._rebuild_from_type_v2": self.from_type,
            "torch.Size": self._container("torch.Size", tuple),
            "torch.device": self.device,
            "numpy.dtype": lambda arguments: NumpyDType(self.where, arguments),
            "_codecs.encode": self.encode,
        }
        for module in ("builtins", "__builtin__"):
            table |= {
                f"{module}.tuple": self._container("tuple", tuple),
                f"{module}.list": self._container("list", list),
                f"{module}.set": self._container("set", list),
                f"{module}.frozenset": self._container("frozenset", list),
                f"{module}.bytes": self.no_bytes,
                f"{module}.complex": self.complex_number,
            }
        for module in ("numpy._core", "numpy.core"):
            table |= {
                f"{module}.multiarray._reconstruct": self.numpy_array,
                f"{module}.multiarray.scalar": self.scalar,
                f"{module}.numeric._frombuffer": self.from_buffer,
            }
        return table

    def tensors(self) -> dict[str, Constructor]:
        """Those that make a tensor."""
        return {
            "torch._utils._rebuild_tensor": self.rebuild,
            "torch._utils._rebuild_tensor_v2": self.rebuild,
            "torch._utils._rebuild_tensor_v3": self.rebuild_typed,
            "torch._utils._rebuild_parameter": self.parameter,
            "torch._utils._rebuild_parameter_with_state": self.parameter,
        }

    def _expect(self, name: str, arguments: tuple[Any, ...], *types: Any) -> None:
        fits = len(arguments) >= len(types) and all(
            isinstance(value, cls) and not (cls is int and isinstance(value, bool))
            for value, cls in zip(arguments, types, strict=False)
        )
        if not fits:
            found = ", ".join(type(value).__name__ for value in arguments[:8])
            raise InputError(
                f"{self.where}: the pickle calls {name} with ({found}), which is not how tensors are written"
            )

    def _container(self, name: str, make: Callable[[Any], Any]) -> Constructor:
        def construct(arguments: tuple[Any, ...]) -> Any:
            if not arguments:
                return make(())
            self._expect(name, arguments, list | tuple)
            self.budget.spend(len(arguments[0]))
            return make(arguments[0])

        return construct

    def ordered_dict(self, arguments: tuple[Any, ...]) -> dict[Any, Any]:
        pairs = arguments[0] if arguments else []
        result: dict[Any, Any] = {}
        self._expect("collections.OrderedDict", (pairs,), list | tuple)
        self.budget.spend(len(pairs))
        for pair in pairs:  # how protocol 0 and Python 2 write one
            if not isinstance(pair, list | tuple) or len(pair) != 2 or not is_key(pair[0]):
                raise InputError(f"{self.where}: an OrderedDict is made of something that is not pairs")
            if pair[0] in result:
                raise InputError(f"{self.where}: the pickle has the key {shown(str(pair[0]))} twice in one dict")
            result[pair[0]] = pair[1]
        return result

    def counter(self, arguments: tuple[Any, ...]) -> dict[Any, Any]:
        """What MultiStepLR keeps its milestones in."""
        self._expect("collections.Counter", arguments, dict)
        found: dict[Any, Any] = arguments[0]
        return found

    def default_dict(self, arguments: tuple[Any, ...]) -> dict[Any, Any]:
        """Its items follow; what makes new ones is dropped."""
        return {}

    def deque(self, arguments: tuple[Any, ...]) -> list[Any]:
        """Its items are the argument, or follow; how long it may get is dropped."""
        return self._container("collections.deque", list)(arguments[:1])

    def _plain_bits(self, metadata: tuple[Any, ...]) -> None:
        """A tensor may say that its values are the conjugates or the negatives of what is stored."""
        if metadata and metadata[0]:
            raise InputError(
                f"{self.where}: a tensor is a lazy conjugate or negative of what is stored; save it after "
                "tensor.resolve_conj().resolve_neg()"
            )

    def rebuild(self, arguments: tuple[Any, ...]) -> TorchTensor:
        self._expect("torch._utils._rebuild_tensor", arguments, Storage, int, list | tuple, list | tuple)
        storage: Storage = arguments[0]
        self._plain_bits(arguments[6:7])
        return TorchTensor(storage, arguments[1], arguments[2], arguments[3], storage.dtype)

    def rebuild_typed(self, arguments: tuple[Any, ...]) -> TorchTensor:
        self._expect("torch._utils._rebuild_tensor_v3", arguments, Storage, int, tuple, tuple, object, object, Name)
        name = arguments[6].name.removeprefix("torch.")
        if name not in DTYPES:
            raise InputError(f"{self.where}: a tensor has dtype {arguments[6].name}, which is none")
        self._plain_bits(arguments[7:8])
        return TorchTensor(arguments[0], arguments[1], arguments[2], arguments[3], DTYPES[name])

    def parameter(self, arguments: tuple[Any, ...]) -> Any:
        self._expect("torch._utils._rebuild_parameter", arguments, TorchTensor)
        return arguments[0]

    def from_type(self, arguments: tuple[Any, ...]) -> Any:
        """A tensor with attributes. Of a class that derives from torch's the values may not be what is stored."""
        self._expect("torch._tensor._rebuild_from_type_v2", arguments, Name, Name, tuple)
        function, cls, inner = arguments[:3]
        make = self.tensors().get(function.name)
        if cls.name not in PLAIN_TENSORS or make is None:
            raise InputError(
                f"{self.where}: a tensor is a {shown(cls.name)}, whose values may not be what is stored; save "
                "tensor.as_subclass(torch.Tensor).clone()"
            )
        return make(inner)

    def numpy_array(self, arguments: tuple[Any, ...]) -> NumpyArray:
        self._expect("numpy's _reconstruct", arguments, Name, tuple)
        if arguments[0].name != "numpy.ndarray":
            raise InputError(f"{self.where}: the pickle reconstructs a {arguments[0].name} where only an array may be")
        return NumpyArray(self.file, self.budget)

    def from_buffer(self, arguments: tuple[Any, ...]) -> NumpyArray:
        self._expect("numpy's _frombuffer", arguments, Span, NumpyDType, tuple, str)
        data, dtype, shape, order = arguments[:4]
        result = NumpyArray(self.file, self.budget)
        result.fill(shape, dtype, order == "F", data)
        return result

    def scalar(self, arguments: tuple[Any, ...]) -> Any:
        self._expect("numpy's scalar", arguments, NumpyDType, Span | bytes | str)
        dtype, data = arguments[0], arguments[1]
        if dtype.dtype is None:
            return Placeholder(f"numpy scalar of dtype {dtype.code}")
        if isinstance(data, Span):
            data = bytes(self.file.bytes[data.start : min(data.stop, data.start + 64)])
        data = _latin(data, self.where) if isinstance(data, str) else data
        if len(data) != dtype.dtype.itemsize:
            raise InputError(f"{self.where}: a NumPy number of {dtype.dtype} has {len(data)} bytes")
        return np.frombuffer(data, dtype.dtype.newbyteorder(">" if dtype.swapped else "<"))[0].item()

    def encode(self, arguments: tuple[Any, ...]) -> Any:
        self._expect("_codecs.encode", arguments, str | Span, str)
        text, encoding = arguments[:2]
        if encoding not in ("latin1", "latin-1"):
            raise InputError(
                f"{self.where}: the pickle calls _codecs.encode for {shown(encoding)}; only latin1 is data"
            )
        if isinstance(text, str):
            self.budget.spend(len(text))
            return _latin(text, self.where)
        return text

    def no_bytes(self, arguments: tuple[Any, ...]) -> bytes:
        if arguments:
            raise InputError(
                f"{self.where}: the pickle calls bytes with arguments, which is not how tensors are written"
            )
        return b""

    def complex_number(self, arguments: tuple[Any, ...]) -> complex:
        self._expect("complex", arguments, float | int, float | int)
        return complex(*arguments[:2]) if all(abs(part) < 1e308 for part in arguments[:2]) else complex("nan")

    def device(self, arguments: tuple[Any, ...]) -> str:
        self._expect("torch.device", arguments, str)
        return str(arguments[0])
