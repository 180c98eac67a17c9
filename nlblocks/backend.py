"""What the core needs of a framework (``Backend``), where backends are found, and how one is chosen."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nlblocks.errors import BackendError, InputError, NoBlockError, known, no_attribute, one_of, said
from nlblocks.specs.base import BlockSpec, Shape, block_types
from nlblocks.specs.inputs import Each

Array = NDArray[Any]
State = dict[str, Array]
DType = Literal["float64", "float32", "float16", "bfloat16"]
DTYPES: tuple[DType, ...] = get_args(DType)
Where = Literal["after", "before", "replace"]
VARIABLE = "NLBLOCKS_BACKEND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one call of a module computed, as NumPy arrays. Names are canonical.

    ``attention`` is the map of a block that has one, a dict of maps for a network, None where not asked for.
    ``grad_input`` and ``grad_params`` belong to the loss Σ output · grad_output; they are None and empty where no
    ``grad_output`` was given, and always in a forward-only backend. ``state_after`` is the whole state after the
    call: in train mode the running statistics have moved. Of a block that takes several inputs ``grad_input`` is a
    tuple.
    """

    output: Array
    attention: Array | dict[str, Array] | None = None
    grad_input: Each | None = None
    grad_params: State = field(default_factory=dict)
    state_after: State = field(default_factory=dict)


@runtime_checkable
class Backend(Protocol):
    """One framework, as the core sees it. Tensors are the framework's own; arrays are NumPy's."""

    name: str
    differentiable: bool

    def build(self, spec: BlockSpec, *, seed: int, dtype: DType) -> Any:
        """The native module of a spec, initialised by :func:`nlblocks.init.initial_state`.

        Raises NoBlockError where there is none, which a third party's backend may: :func:`mirrored` does.
        """

    def owns(self, module: Any) -> bool:
        """Whether the module is one of this backend's blocks."""

    def dtype(self, module: Any) -> DType:
        """The dtype that the module computes in, one of DTYPES."""

    def tensors(self, module: Any) -> dict[str, Any]:
        """The module's state under canonical names and layouts: views that support DLPack, never copies."""

    def assign(self, module: Any, tensors: Mapping[str, Any]) -> None:
        """Write tensors of any framework (canonical names and layouts, checked by the caller) through DLPack."""

    def to_numpy(self, tensor: Any) -> Array:
        """A tensor as an array that may share its memory; a dtype that NumPy lacks (bfloat16) becomes float32."""

    def run(self, module: Any, x: Each, *, training: bool, grad_output: Array | None, return_attention: bool) -> Run:
        """Run the module forward and, with ``grad_output``, backward, and leave it as it was.

        x is an array, or a tuple of them for a block that takes several inputs.
        """


@runtime_checkable
class Differentiator(Backend, Protocol):
    """A backend that differentiates its own formula along a direction, independently of any backward pass."""

    def derivative(self, module: Any, x: Each, direction: Mapping[str, Each], *, training: bool) -> Array:
        """The derivative of the output along ``direction``: canonical names, and "" for the input, or all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The shapes that one call of a module mapped: its positional arguments and its result, None for what is no tensor.

    ``attention`` is that of :class:`Run`.
    """

    inputs: tuple[Shape | None, ...]
    output: Shape | None
    attention: Array | dict[str, Array] | None = None


@runtime_checkable
class Host(Backend, Protocol):
    """A backend that plugs blocks into any model of its framework: see :mod:`nlblocks.plug`."""

    def hosts(self, model: Any) -> bool:
        """Whether the model is one of this framework."""

    def check_open(self, model: Any) -> None:
        """Raise InputError for a model that no block can be put into: a program that was compiled of one."""

    def modules(self, model: Any) -> dict[str, Any]:
        """Every module of a model under every path it has, in definition order; the model itself is ""."""

    def observe(self, model: Any, modules: Sequence[Any], example: Any, *, attention: bool = False) -> list[list[Call]]:
        """The calls of each module in one run of the model, in eval mode and without gradients, on an array or tensor.

        Floating numbers are cast to the model's dtype. With ``attention`` the modules are this backend's blocks that
        have maps, and each call says what its maps were. The model is left as it was.
        """

    def build_at(self, spec: BlockSpec, *, seed: int, model: Any, site: Any) -> Any:
        """The block of a spec with the dtype and device of a module of the model."""

    def saved(self, model: Any) -> dict[str, Any]:
        """The tensors of a model's checkpoint, by the names that the framework's own loader takes."""

    def restore(self, model: Any, arrays: Mapping[str, Array]) -> None:
        """Write arrays, by these names and of the same shapes, into a model in its own dtypes."""

    def layers(self, model: Any) -> dict[str, str]:
        """The layers of the framework's own whose kind their tensors may not tell, by path: "linear", "embedding"."""

    def plug(
        self, model: Any, path: str, module: Any, *, name: str, where: Where, sources: Sequence[str | None] = (None,)
    ) -> Callable[[], object]:
        """Put a module, in its site's mode, at a path; under ``name`` unless it replaces. Returns what undoes it.

        ``sources`` say for each of its inputs the path of the module whose output it is, None for the site's own.
        """


@dataclass(frozen=True, slots=True)
class Row:
    """Where a backend lives: the package that holds ``backend``, and the framework it needs, if any."""

    module: str
    framework: str | None = None
    distribution: str = ""
    extra: str = ""

    @property
    def installed(self) -> bool:
        return self.framework is None or importlib.util.find_spec(self.framework) is not None

    @property
    def loaded(self) -> bool:
        """Whether this process has imported the framework, or the backend itself where it names none."""
        return (self.framework or self.module) in sys.modules

    @property
    def to_install(self) -> str:
        """How to install the framework, in words."""
        return f'install it with: pip install "nlblocks[{self.extra}]"'


_BUILT_IN = {
    "torch": Row("nlblocks_torch", "torch", "torch", "torch"),
    "paddle": Row("nlblocks_paddle", "paddle", "paddlepaddle", "paddle"),
    "reference": Row("nlblocks_reference"),
}


@cache
def rows() -> dict[str, Row]:
    """Every known backend: the built-in ones, then entry points of the group ``nlblocks.backends``."""
    third_party = {point.name: Row(point.value) for point in entry_points(group="nlblocks.backends")}
    return {**_BUILT_IN, **third_party, **_BUILT_IN}  # no third party's takes a built-in's name


def third_party(name: str) -> bool:
    """Whether a backend is an entry point, and not the library's own, which have every block."""
    return name not in _BUILT_IN


def installed() -> list[str]:
    """Names of the backends that can be used here."""
    return [name for name, row in rows().items() if row.installed]


def prepare_frameworks() -> None:
    """Import the backends' packages, not the frameworks, so that each may prepare for its own's import by the user."""
    for row in rows().values():
        if row.framework is not None and row.installed:
            importlib.import_module(row.module)


def package(name: str) -> Any:
    """The package of a backend, e.g. ``nlblocks_torch``: its modules are the native blocks."""
    row = row_of(name)
    if not row.installed:
        raise BackendError(
            f"backend {name!r} needs {row.framework}, which is not installed; "
            f"{row.to_install} (installed: {known(installed())})"
        )
    with _importing(name):
        return importlib.import_module(row.module)


def to_install(error: BaseException) -> str:
    """How to install the framework that an import misses, to be put behind the error; "" where it misses none."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    row = next((row for row in rows().values() if row.framework == missing and not row.installed), None)
    return f"; {row.to_install}" if row else ""


@contextmanager
def _importing(name: str) -> Iterator[None]:
    """Within, a module that is missing, such as a third party's framework, is said in one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise BackendError(
            f"backend {name!r}: {row_of(name).module} cannot be imported: {error}; install what is missing"
        ) from None


def get(name: str | Backend) -> Backend:
    """The backend of a name; a Backend object passes through."""
    if not isinstance(name, str):
        if isinstance(name, Backend):
            return name
        raise BackendError(f"backend={said(name)} must be one of {known(rows())}, or a Backend")
    found = package(name)
    with _importing(name):
        backend: Backend = found.backend
    if backend.name != name:
        raise BackendError(f"backend {name!r} calls itself {backend.name!r}; its entry point must have the same name")
    return backend


def tracer_in(module: str) -> Any:
    """What the lab runs models with: ``tracer`` in ``lab.tracing`` of a backend's package; None where there is none."""
    name = f"{module}.lab.tracing"
    try:
        return importlib.import_module(name).tracer
    except ModuleNotFoundError as error:
        if not name.startswith(error.name or name):  # something that it imports
            raise
        return None


def backend_of(module: Any) -> Backend:
    """The backend whose block a module is."""
    for name, row in rows().items():
        if row.loaded and row.module in sys.modules and get(name).owns(module):
            return get(name)
    raise InputError(
        f"{type(module).__name__} is not an nlblocks block; build one with nlblocks.build(spec, backend=...)"
    )


def host_of(model: Any, function: str) -> Host:
    """The backend of a model's framework, of whatever classes the model is; ``function`` is who asks."""
    for name, row in rows().items():
        if row.loaded:
            host = get(name)
            if isinstance(host, Host) and host.hosts(model):
                return host
    raise InputError(
        f"{function}: model must be a torch.nn.Module or a paddle.nn.Layer, received {type(model).__name__}"
    )


_resolved: str | None = None


def use(name: str) -> None:
    """Choose the backend behind ``nlblocks.NonLocal(...)`` and ``nlblocks.build(spec)``.

    Must come before the first use; the choice is mirrored to NLBLOCKS_BACKEND, so that child processes agree.
    """
    row_of(name)
    if _resolved is not None and name != _resolved:
        raise BackendError(
            f"the backend is {_resolved!r} and has been used; call use({name!r}) before the first block, "
            f"or name it: build(spec, backend={name!r})"
        )
    package(name)
    os.environ[VARIABLE] = name


def current() -> str:
    """The name of the chosen backend, resolved once, at first use."""
    global _resolved
    if _resolved is None:
        name = os.environ.get(VARIABLE, "")
        if not name:
            raise BackendError(
                f"no backend is chosen; call nlblocks.use(...) or set {VARIABLE} to one of {known(installed())}"
            )
        if name not in rows():
            raise BackendError(f"{VARIABLE}={name!r} is unknown; it {one_of(name, rows())}")
        package(name)
        _resolved = name
    return _resolved


def row_of(name: str) -> Row:
    """Where the backend of a name lives."""
    try:
        return rows()[name]
    except (KeyError, TypeError):  # a name that cannot be a key is none
        raise BackendError(f"backend {said(name)} is unknown; it {one_of(name, rows())}") from None


class Package(ModuleType):
    """The class of a backend's package whose ``backend``, and so the framework, is imported at first use.

    Once the submodule ``backend`` is imported, by whomever, Python sets it as the package's attribute of that name;
    the package's is the object that it holds.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value.backend if name == "backend" and isinstance(value, ModuleType) else value)


def mirrored(package_name: str, name: str) -> Any:
    """``backend``, or the native class of a block, which lives in the backend's file that is named as the spec's."""
    if name == "backend":
        return importlib.import_module(f"{package_name}.backend").backend
    spec_class = block_types().get(name)
    if spec_class is None:
        raise no_attribute(package_name, name, ("backend", *block_types()))
    module = f"{package_name}.{spec_class.__module__.rpartition('.')[2]}"
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if how := to_install(error):
            raise ModuleNotFoundError(
                f"{package_name} needs {error.name}, which is not installed{how}", name=error.name
            ) from None
        if error.name != module:  # something that it imports
            raise
        raise NoBlockError(
            f"{package_name} has no {name}, which would be in {module}; choose another backend, or add that file"
        ) from None


def map_each(function: Callable[[Any], Array], maps: Any) -> Any:
    """``function`` of an attention map, of each of a network's maps, or None of None."""
    if isinstance(maps, dict):
        return {name: function(value) for name, value in maps.items()}
    return None if maps is None else function(maps)


def as_array(value: Any) -> Array:
    """``value`` as a NumPy array of real numbers in the machine's byte order, at most float64; else an InputError."""
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever the object's own conversion raises
        kind = type(value).__name__
        raise InputError(f"expected an array of real numbers, received a {kind} that is none: {error}") from None
    if array.dtype.kind not in "fiu":
        raise InputError(f"expected an array of real numbers, received dtype {array.dtype}")
    if array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
