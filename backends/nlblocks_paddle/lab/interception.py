"""Sees every Paddle function that a model calls: public functions, Tensor methods and bare kernels.

Paddle offers no hook for this, so for the time of one run the functions are replaced wherever a module's globals, a
layer's attributes or the Tensor type hold them, and put back afterwards. Only outermost calls are seen.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType
from typing import Any

import paddle
from paddle import nn

from nlblocks.parity.recording import Observer
from nlblocks_paddle.lab.held import exact

OPERATORS = [
    "add",
    "radd",
    "sub",
    "rsub",
    "mul",
    "rmul",
    "truediv",
    "rtruediv",
    "div",
    "rdiv",
    "matmul",
    "rmatmul",
    "getitem",
    "setitem",
    "neg",
    "pow",
    "rpow",
    "abs",
    "mod",
    "floordiv",
    "and",
    "or",
    "invert",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
]
IGNORED = {
    "numpy", "item", "tolist", "backward", "register_hook", "retain_grads", "is_dist", "set_value", "get_tensor",
    "value", "cuda", "cpu", "clear_grad", "clear_gradient", "gradient", "dim", "rank", "element_size", "ndimension",
    "numel", "to_tensor", "is_tensor", "in_dynamic_mode", "get_default_dtype", "set_default_dtype", "is_same_shape",
    "get_flags", "set_flags", "seed", "no_grad", "shape", "is_floating_point", "is_integer", "is_complex",
    "inplace_version",
    "size", "requires_grad_", "reconstruct_from_", "data_ptr", "nbytes", "stride", "storage_offset", "is_contiguous",
}  # fmt: skip
SYNCHRONISED = "C.sync_batch_norm_"
HOMES = ("paddle.tensor", "paddle.nn.functional", "paddle.linalg", "paddle.base.dygraph.generated_tensor_methods_patch")
FOREIGN = ("torch", "numpy", "scipy", "rich", "click", "_pytest", "pytest", "nlblocks")


@contextmanager
def intercepted(layer: nn.Layer, observer: Observer) -> Iterator[None]:
    """Within, every outermost call goes through ``observer(name, function, args, kwargs)``."""
    undo: list[tuple[Any, str, Any, bool]] = []
    originals = _functions()
    wrapped = {id(function): _wrap(name, _offered(name, function), observer) for name, function in originals.items()}
    wrapped |= {id(function): _made(function, observer) for function in NAMING}
    try:
        for home in _homes():
            for name, value in list(vars(home).items()):
                if id(value) in wrapped:
                    undo.append((home, name, value, True))
                    setattr(home, name, wrapped[id(value)])
        for part in layer.sublayers(include_self=True):
            for name, value in list(vars(part).items()):
                if id(value) in wrapped:
                    undo.append((part, name, value, True))
                    part.__dict__[name] = wrapped[id(value)]
        for name, value in _methods():
            undo.append((paddle.Tensor, name, value, name in vars(paddle.Tensor)))
            setattr(paddle.Tensor, name, _method(name, value, observer))
        yield
    finally:
        for owner, name, value, own in reversed(undo):
            if isinstance(owner, nn.Layer):
                owner.__dict__[name] = value
            elif own:
                setattr(owner, name, value)
            else:
                delattr(owner, name)


def _wrap(name: str, function: Callable[..., Any], observer: Observer) -> Callable[..., Any]:
    run = exact(name, function, observer.held)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return run(*args, **kwargs) if observer.busy else observer(name, run, args, kwargs)

    return call


def _offered(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; on a CPU, which has no kernel of SyncBatchNorm and no other card to ask, BatchNorm's for that."""
    if name != SYNCHRONISED:
        return function
    alone = paddle._C_ops.batch_norm

    def call(x: Any, *args: Any) -> Any:
        return (alone if x.place.is_cpu_place() else function)(x, *args)

    return call


def _made(function: Callable[..., Any], observer: Observer) -> Callable[..., Any]:
    """A function that makes a tensor, which is no operation of the model: with the dtype that is meant."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if observer.busy:
            return function(*args, **kwargs)
        _, args, kwargs = observer.dtypes.call("", function, args, kwargs)
        return observer.dtypes.made(function(*args, **kwargs))

    return call


NAMING: tuple[Callable[..., Any], ...] = (paddle.to_tensor, paddle.set_default_dtype)
"""Functions that are told a dtype, and that no trace shows."""


def _method(name: str, value: Any, observer: Observer) -> Any:
    if name in ("T", "mT"):
        return property(_wrap(name, value.__get__, observer))
    return _wrap(name, value, observer)


def _functions() -> dict[str, Callable[..., Any]]:
    """Public functions by name."""
    import paddle.nn.functional as F

    kernels = {name: value for name, value in vars(paddle._C_ops).items() if not name.startswith("_")}
    found: dict[str, Any] = {f"C.{name}": value for name, value in kernels.items() if callable(value)}
    found["_conv_nd"] = F.conv._conv_nd
    for home in (paddle.linalg, paddle, F):
        for name, value in vars(home).items():
            if name.startswith("_") or name in IGNORED or not isinstance(value, FunctionType | BuiltinFunctionType):
                continue
            module = getattr(value, "__module__", "") or ""
            if module.startswith(HOMES) or module in ("", "paddle"):
                found[name] = value
    return found


def _methods() -> list[tuple[str, Any]]:
    names = [name for name in dir(paddle.Tensor) if not name.startswith("_") and name not in IGNORED]
    found = []
    for name in [*names, *(f"__{operator}__" for operator in OPERATORS)]:
        value = inspect.getattr_static(paddle.Tensor, name, None)
        if name in ("T", "mT") or isinstance(value, FunctionType | BuiltinFunctionType | MethodDescriptorType):
            found.append((name, value))
    return found


def _homes() -> list[Any]:
    return [
        module
        for name, module in list(sys.modules.items())
        if module is not None and name.partition(".")[0] not in FOREIGN and hasattr(module, "__dict__")
    ]
