"""Sees every Paddle function that a model calls: public functions, Tensor methods and bare kernels.

Paddle offers no hook for this. A function that is written in Python is given other code for the time of a run, so that
it is seen wherever it is held: in a module, a layer's attribute, a default argument, a table of activations. Nothing
takes its place, so nothing can be left behind. Kernels and methods that are written in C are replaced where Paddle
looks them up, and put back; what still holds a stand-in then is given the original. Only outermost calls are seen.
"""

from __future__ import annotations

import functools
import gc
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodDescriptorType, ModuleType
from typing import Any

import paddle
import paddle.nn.functional as F

from nlblocks.parity.recording import Observer
from nlblocks_paddle.lab.calls import TABLE
from nlblocks_paddle.lab.held import exact

_BINARY = [
    "add",
    "sub",
    "mul",
    "truediv",
    "div",
    "matmul",
    "pow",
    "mod",
    "floordiv",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
]
OPERATORS = (
    *(f"__{prefix}{name}__" for name in _BINARY for prefix in ("", "r", "i")),
    *(
        f"__{name}__"
        for name in ["getitem", "setitem", "neg", "pos", "abs", "invert", "lt", "le", "gt", "ge", "eq", "ne"]
    ),
    *(f"__{name}__" for name in ["array", "bool", "float", "int", "index", "complex", "dlpack", "deepcopy"]),
)
IGNORED = {
    "backward", "register_hook", "retain_grads", "is_dist", "set_value", "get_tensor", "value", "clear_grad",
    "clear_gradient", "gradient", "dim", "rank", "element_size", "ndimension", "numel", "is_tensor", "in_dynamic_mode",
    "get_default_dtype", "set_default_dtype", "is_same_shape", "get_flags", "set_flags", "seed", "no_grad", "shape",
    "is_floating_point", "is_integer", "is_complex", "inplace_version", "size", "requires_grad_", "reconstruct_from_",
    "data_ptr", "nbytes", "stride", "storage_offset", "is_contiguous", "cuda", "cpu", "new_init",
}  # fmt: skip
HOMES = (
    "paddle.tensor", "paddle.nn.functional", "paddle.linalg", "paddle.base.dygraph.generated_tensor_methods_patch",
    "paddle.utils.dlpack",
)  # fmt: skip
PUBLIC = ("paddle.tensor", "paddle.linalg", "paddle.nn.functional")
"""Modules that users call functions of, some of which are kernels."""
PROPERTIES = ("T", "mT")
SYNCHRONISED = "C.sync_batch_norm_"
DEFAULT = "set_default_dtype"
"""What is told a dtype, and is no operation of the model."""
LEGACY = "C.legacy."
"""How the names begin of kernels that take their attributes as name, value, name, value."""
GATE = "the gate of this function"
"""The constant of a trampoline that a gate takes the place of."""

_watching: list[Observer] = []
"""Who sees the calls: the last one does."""
_gates: list[_Gate] = []
_stand_ins: list[_StandIn] = []
_tables: list[_Table] = []


@contextmanager
def intercepted(observer: Observer) -> Iterator[None]:
    """Within, every outermost call goes through ``observer(name, function, args, kwargs)``."""
    first = not _watching
    if first and not _gates:
        _prepare()
        for stand_in in _stand_ins:
            stand_in.references = sys.getrefcount(stand_in.made)
    seen: list[_Gate | _Table] = [*_gates, *_tables] if first else []
    _watching.append(observer)
    try:
        for item in seen:
            item.enter()
        yield
    finally:
        _watching.remove(observer)
        for item in seen:
            item.leave()
        if first:
            _call_back([kept for kept in _stand_ins if sys.getrefcount(kept.made) > kept.references])


def _called(name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    observer = _watching[-1] if _watching else None
    if observer is None or not observer.here:
        return function(*args, **kwargs)
    if name != DEFAULT:
        return observer(name, exact(name, function, observer.held), args, kwargs)
    if not observer.busy:
        _, args, kwargs = observer.dtypes.call(name, function, args, kwargs)
    return function(*args, **kwargs)


class _Gate:
    """A function that runs other code during a run: a call of this gate, which knows the function's own code."""

    def __init__(self, name: str, function: FunctionType) -> None:
        self.name, self.function, self.code = name, function, function.__code__
        self.own = FunctionType(
            self.code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        self.own.__kwdefaults__ = function.__kwdefaults__
        self.trampoline = _trampoline(self)

    def __call__(self, args: Any, kwargs: Any) -> Any:
        return _called(self.name, self.own, args, kwargs)

    def enter(self) -> None:
        self.function.__code__ = self.trampoline

    def leave(self) -> None:
        self.function.__code__ = self.code


def _trampoline(gate: _Gate) -> CodeType:
    """Code that calls a gate. It has the free variables of the code whose place it takes, as Python asks for."""
    free = gate.code.co_freevars
    source = "\n".join([
        "def around():",
        *(f"    {name} = None" for name in free),
        "    def call(*_nlb_args, **_nlb_kwargs):",
        f"        _nlb_gate = {GATE!r}",
        "        return _nlb_gate(_nlb_args, _nlb_kwargs)",
        *(f"        {name}" for name in free),
        "    return call",
    ])  # fmt: skip
    made: dict[str, Any] = {}
    exec(source, made)  # the names of variables are all that comes from outside
    code: CodeType = made["around"]().__code__
    return code.replace(
        co_consts=tuple(gate if constant == GATE else constant for constant in code.co_consts),
        co_name=gate.code.co_name, co_filename=gate.code.co_filename, co_firstlineno=gate.code.co_firstlineno,
    )  # fmt: skip


@dataclass(slots=True)
class _StandIn:
    """What is called during a run in place of a kernel or method that is written in C.

    ``references`` are those to it outside a run: where there are more after one, somebody else keeps it.
    """

    original: Any
    made: Any
    references: int = 0


class _Table:
    """What stands in at one place where Paddle looks kernels and methods up: a module, or the class of tensors.

    There are some thousand kernels, and each run puts them in and takes them out: a module's all at once.
    """

    def __init__(self, owner: Any, stand_ins: Mapping[str, _StandIn]) -> None:
        self.owner, self.made = owner, {name: item.made for name, item in stand_ins.items()}
        own = vars(owner)
        self.originals = {name: item.original for name, item in stand_ins.items() if name in own}
        self.inherited = [name for name in stand_ins if name not in own]

    def enter(self) -> None:
        self._put(self.made)

    def leave(self) -> None:
        self._put(self.originals)
        for name in self.inherited:
            delattr(self.owner, name)

    def _put(self, values: Mapping[str, Any]) -> None:
        if isinstance(self.owner, ModuleType):
            vars(self.owner).update(values)
        else:
            for name, value in values.items():
                setattr(self.owner, name, value)


def _call_back(kept: list[_StandIn]) -> None:
    """Give the originals to whoever took stand-ins during the run: modules that were imported in it, say."""
    originals = {id(item.made): item.original for item in kept}
    for holder in gc.get_referrers(*(item.made for item in kept)) if kept else ():
        if isinstance(holder, dict):
            for key, value in list(holder.items()):
                if id(value) in originals:
                    holder[key] = originals[id(value)]
        elif isinstance(holder, list):
            holder[:] = [originals.get(id(value), value) for value in holder]
        elif isinstance(holder, CellType):
            holder.cell_contents = originals[id(holder.cell_contents)]


def _prepare() -> None:
    """Find what there is to be seen, once."""
    names: dict[int, tuple[str, FunctionType]] = {}
    for name, function in [*_functions(), *_methods(FunctionType)]:
        if id(function) not in names or names[id(function)][0] not in TABLE:  # of several names, one that is known
            names[id(function)] = name, function
    default: Any = paddle.set_default_dtype
    names[id(default)] = DEFAULT, default
    _gates.extend(_Gate(name, function) for name, function in names.values())
    found: dict[int, tuple[Any, dict[str, _StandIn]]] = {}

    def stand_in(owners: list[Any], attribute: str, original: Any, made: Any) -> None:
        item = _StandIn(original, made)
        _stand_ins.append(item)
        for owner in owners:
            found.setdefault(id(owner), (owner, {}))[1][attribute] = item

    for name, owners, kernel in _kernels():
        offered = _offered(name, kernel)
        wrapped = _legacy(name, offered) if name.startswith(LEGACY) else _wrapped(name, offered)
        wrapped = _with_a_mask(wrapped) if name == f"{LEGACY}dropout" else wrapped
        stand_in(owners, name.rpartition(".")[2], kernel, wrapped)
    for name, method in _methods(BuiltinFunctionType | MethodDescriptorType):
        stand_in([paddle.Tensor], name, method, _wrapped(name, method))
    for name in PROPERTIES:
        held = inspect.getattr_static(paddle.Tensor, name, None)
        if held is not None and hasattr(held, "__get__"):
            stand_in([paddle.Tensor], name, held, property(_wrapped(name, held.__get__)))
    _tables.extend(_Table(owner, items) for owner, items in found.values())


def _wrapped(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _called(name, function, args, kwargs)

    return call


def _offered(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel; on a CPU, which has none of SyncBatchNorm and no other card to ask, BatchNorm's for that."""
    if name != SYNCHRONISED:
        return kernel

    def call(x: Any, *args: Any) -> Any:
        return (paddle._C_ops.batch_norm if x.place.is_cpu_place() else kernel)(x, *args)

    return call


def _legacy(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel whose attributes follow the tensors, as name, value, name, value: they are read as keywords."""

    def plain(*tensors: Any, **attributes: Any) -> Any:
        return kernel(*tensors, *(item for pair in attributes.items() for item in pair))

    @functools.wraps(kernel)
    def call(*args: Any) -> Any:
        start = next((i for i, value in enumerate(args) if isinstance(value, str)), len(args))
        attributes = dict(zip(args[start::2], args[start + 1 :: 2], strict=True))
        return _called(name, plain, args[:start], attributes)

    return call


def _with_a_mask(call: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that gives its mask as a second result, which a dropout of the lab's does not have."""

    @functools.wraps(call)
    def pair(*args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        return result if isinstance(result, tuple) else (result, None)

    return pair


def _functions() -> Iterator[tuple[str, FunctionType]]:
    """Public functions that are written in Python."""
    yield "_conv_nd", vars(F.conv)["_conv_nd"]
    for home in (paddle.linalg, paddle, F):
        for name, value in vars(home).items():
            if name.startswith("_") or name in IGNORED or not isinstance(value, FunctionType):
                continue
            module = getattr(value, "__module__", "") or ""
            if module.startswith(HOMES) or module in ("", "paddle"):
                yield name, value


def _kernels() -> Iterator[tuple[str, list[Any], Any]]:
    """Kernels by name, with the modules that hold them: some are public functions themselves."""
    public_homes = [
        module
        for name, module in sorted(sys.modules.items())
        if name in PUBLIC or name.startswith(tuple(f"{home}." for home in PUBLIC))
    ]
    compiled = paddle.base.core.eager.ops
    places = (("C.", paddle._C_ops, compiled), (LEGACY, paddle._legacy_C_ops, compiled.legacy))
    for prefix, public, inner in places:
        for name, value in list(vars(public).items()):
            if name.startswith("_") or isinstance(value, ModuleType) or not callable(value):
                continue
            also = [module for module in public_homes if vars(module).get(name) is value]
            yield f"{prefix}{name}", [public, *([inner] if hasattr(inner, name) else []), *also], value


def _methods(kind: Any) -> Iterator[tuple[str, Any]]:
    """Tensor methods of a kind."""
    names = [name for name in dir(paddle.Tensor) if not name.startswith("_") and name not in IGNORED]
    for name in [*names, *OPERATORS]:
        value = inspect.getattr_static(paddle.Tensor, name, None)
        if isinstance(value, kind):
            yield name, value
