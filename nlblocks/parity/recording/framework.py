"""What the lab needs of a framework: its primitives, a table of its functions, and a few words on its habits."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Container, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.tracing import vocabulary

Undo = Callable[[], object]
Fused = Callable[[Any, Any, Callable[..., Any], Any, Any], Any]
"""(Observer, Call, function, args, kwargs) → the result: runs the function and writes down what it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrent:
    """A call of a whole recurrent network.

    ``groups`` says how the weights are listed: those of the first group layer by layer and direction by direction, then
    those of the next. ``args`` are the call's, without dropout; ``p`` is that of the dropout between its layers, where
    it has any and that is known, and ``dropping`` whether it is active. ``single`` gives the arguments of a call of one
    layer, from its input, states and weights. ``told`` are more attributes of the operation: that it is ``reversed``,
    or a GRU's ``reset``. ``results`` are the tensors of what a call gives; ``returned`` is what the model gets once
    others may have taken their places.
    """

    kind: str
    x: Any
    states: Sequence[Any]
    weights: Sequence[Any]
    groups: tuple[tuple[str, ...], ...]
    layers: int
    bidirectional: bool
    time_major: bool
    args: Sequence[Any]
    p: float | None
    dropping: bool
    single: Callable[[Any, Sequence[Any], Sequence[Any]], Sequence[Any]]
    told: Mapping[str, Any] = field(default_factory=dict)
    results: Callable[[Any], Any] = lambda result: result
    returned: Callable[[Any, Any], Any] = lambda result, made: made

    def layer(self, index: int, x: Any) -> Sequence[Any]:
        """The arguments of a call of one of the layers on what the one before gives."""
        directions = 2 if self.bidirectional else 1
        weights, start = list[Any](), 0
        for group in self.groups:
            size = directions * len(group)
            weights += self.weights[start + index * size : start + (index + 1) * size]
            start += self.layers * size
        states = [state[index * directions : (index + 1) * directions] for state in self.states]
        return self.single(x, states, weights)


class Framework(ABC):
    """A framework as the lab sees it; a backend supplies one as ``tracer``, a :class:`Tracer`, in ``lab.tracing``.

    Tensors know ``shape``, ``dtype`` and Python's operators; models have ``train()`` and ``eval()``, and they and their
    parts a ``training``. What is declared without a value, and what is abstract, every framework must have.

    Attributes:
        name: What traces, reports and the registry call it; ``f"{name}."`` is left out of attributes such as dtypes.
        model_type: The class of all its models.
        tensor_type: The class of all its tensors.
        table: Its functions by name, each a line in the vocabulary (:mod:`nlblocks.parity.tracing.vocabulary`).
        inplace: How the name of a function that overwrites its argument ends, "" where there are none.
        kernel: How the name begins of a kernel that is called without the function around it.
        variadic: Functions that take a list of numbers or tensors as separate arguments as well.
        own_layers: The package of its own layers, each of which is one, though it have parts: "torch.nn.".
        containers: Its modules that are never one layer.
        heads_inside: Whether attention takes [B, L, H, D], not [B, H, L, D].
        recurrent: By function, the reader of its arguments; None for what is not recorded, e.g. packed sequences.
        fused: By function, what writes down the operations that it stands for.
        functions: What the lab calls itself, where there is one: softmax(x, axis), clip(x, low, high),
            concat(xs, axis), moveaxis(x, source, destination).
        casts: Methods that cast to a dtype of their own, by its name: {"float": "float32"}.
        batch_norm: The class of its blocks' own BatchNorm, with spec, weight, bias, running_mean and running_var.
        untrained: Why its models have no training, "" where they have: "an ONNX file has no training".
        lacking: What its errors say (regular expressions) where it has no kernel, or no memory, for what a model does.
    """

    name: ClassVar[str]
    model_type: ClassVar[type[Any]]
    tensor_type: ClassVar[type[Any]]
    table: ClassVar[Mapping[str, str]]
    inplace: ClassVar[str] = ""
    kernel: ClassVar[str] = ""
    variadic: ClassVar[frozenset[str]] = frozenset()
    own_layers: ClassVar[str] = ""
    containers: ClassVar[tuple[type, ...]] = ()
    heads_inside: ClassVar[bool] = False
    recurrent: ClassVar[Mapping[str, Callable[[str, Sequence[Any]], Recurrent | None]]] = {}
    fused: ClassVar[Mapping[str, Fused]] = {}
    functions: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    casts: ClassVar[Mapping[str, str]] = {}
    batch_norm: ClassVar[type | None] = None
    untrained: ClassVar[str] = ""
    lacking: ClassVar[tuple[str, ...]] = ()

    # Models

    @abstractmethod
    def modules(self, model: Any) -> dict[str, Any]:
        """A model, which is "", and its parts by dotted path, each once."""

    def children(self, module: Any) -> Iterable[Any]:
        """The modules that a module holds itself."""
        return module.children()

    def parameters(self, model: Any) -> Sequence[Any]:
        """All tensors that :meth:`lend` works on, in the order that an optimiser is given those that train."""
        return list(model.parameters())

    @abstractmethod
    def named(self, model: Any) -> dict[str, Any]:
        """Floating and complex parameters and buffers by name, each once.

        Running statistics are running_mean and running_var.
        """

    @abstractmethod
    def buffer_names(self, model: Any) -> set[str]:
        """Which of :meth:`named` are buffers."""

    def title(self, model: Any) -> str:
        """What a model is called in reports."""
        return type(model).__name__

    def unsaved_names(self, model: Any) -> Collection[str]:
        """Which of them are in no checkpoint; none where the framework saves them all."""
        return ()

    def saved(self, model: Any, named: Mapping[str, Any]) -> Mapping[str, Any]:
        """The tensors that a checkpoint of the model holds, by the names that the framework's own loader takes.

        Integers are among them. Those that are ``named`` are the same objects: one may stand under several names.
        """
        unsaved = self.unsaved_names(model)
        return {name: tensor for name, tensor in named.items() if name not in unsaved}

    @abstractmethod
    def around(self, module: Any, before: Callable[..., None], after: Callable[..., None]) -> Sequence[Undo]:
        """Call ``before`` ahead of and ``after`` behind each forward of a module, after none that raises.

        What they are called with is left to the framework. The functions that come back undo it.
        """

    # Tensors

    @abstractmethod
    def to_numpy(self, tensor: Any) -> Array:
        """The values, on the tensor's own memory where that can be; bfloat16 as float32, complex ones as they are."""

    @abstractmethod
    def input(self, array: Array, dtype: str, model: Any, *, gradient: bool) -> Any:
        """A tensor on memory of its own, on the model's device, with a gradient if wanted, which integers have not.

        Floating ones are made ``dtype``, complex ones the complex dtype of that precision.
        """

    @abstractmethod
    def like(self, array: Array, tensor: Any) -> Any:
        """A tensor without a gradient, with another's dtype and device."""

    @abstractmethod
    def copy(self, tensor: Any, dtype: str, values: Array | None) -> Any:
        """A tensor on memory of its own, on the same device; with these values, if any. Dtypes as of :meth:`input`."""

    @abstractmethod
    def lent(self, tensors: Sequence[tuple[Any, Any]]) -> AbstractContextManager[object]:
        """Within, each first tensor, a parameter, has the memory and dtype of the second, and no gradient yet.

        Its gradient, its hooks and whether it wants a gradient are put back as well.
        """

    def write(self, tensor: Any, array: Array) -> None:
        """Other values, of the same shape and dtype, in the tensor's memory: no operation, and no new version."""
        self.to_numpy(tensor)[...] = array

    def version(self, tensor: Any) -> int:
        """How often a tensor was written to; never, where a framework overwrites none."""
        return 0

    @abstractmethod
    def wants_gradient(self, tensor: Any) -> bool:
        """Whether a backward pass reaches a tensor."""

    def cast(self, tensor: Any, dtype: str) -> Any:
        """The tensor as this dtype; gradients pass."""
        return tensor.astype(dtype)

    def renamed(self, value: Any, meant: Callable[[str], str]) -> Any:
        """A dtype among a call's arguments as ``meant`` reads its name; anything else as it is."""
        return value

    def node(self, tensor: Any) -> Hashable | None:
        """What names a tensor's place in the graph of gradients, None where it has none."""
        return None

    def behind(self, tensor: Any, known: Container[Hashable]) -> Sequence[Hashable]:
        """The places that a tensor's gradient comes to first, of those that are known."""
        return ()

    def constant(self, tensor: Any) -> Any:
        """The values of a tensor, without its gradient."""
        return self.like(self.to_numpy(tensor), tensor)

    def exchanged(self, tensor: Any, values: Any) -> Any:
        """A tensor with other values, which are one without a gradient, whose gradient goes on to ``tensor`` as it is.

        A framework that has functions with a backward pass of their own says it with one. Here the difference of what
        is finite of the tensor is added, which is nothing: an infinity gets no gradient, and beside NaN nothing does.
        """
        clip = self.functions.get("clip")
        if clip is not None:
            most = float(np.finfo(dtype_name(tensor)).max)
            tensor = clip(tensor, -most, most)
        nothing = tensor - self.constant(tensor)
        return values + nothing if np.isfinite(self.to_numpy(nothing)).all() else values

    # Running

    @abstractmethod
    def default_dtype(self) -> str:
        """The dtype of new floating tensors: "float32"."""

    @abstractmethod
    def within(self, dtype: str, *, gradients: bool) -> AbstractContextManager[object]:
        """Within, new tensors are ``dtype`` by default and gradients on or off; the random state is put back after."""

    def seed(self, seed: int) -> None:  # noqa: B027
        """Start the framework's own random numbers anew, where it has any."""

    @abstractmethod
    def observed(self, model: Any, observer: Any) -> AbstractContextManager[object]:
        """Within, each outermost call of a function or method goes through observer(name, function, args, kwargs).

        Outermost: while ``observer.busy``, the function is called as it is (the observer does so as well). What kernels
        hold as float32 is computed with the numbers of the call, as ``observer.held`` says.
        """

    @abstractmethod
    def hook(self, tensor: Any, function: Callable[[Any], Any]) -> Undo:
        """Call a function with the gradient that reaches a tensor; what it returns, if anything, goes on instead.

        The function that comes back undoes it.
        """

    @abstractmethod
    def backward(
        self, outputs: Sequence[Any], gradients: Sequence[Any], targets: Mapping[vocabulary.Key, Any],
        done: Callable[[vocabulary.Key, Array], None],
    ) -> None:  # fmt: skip
        """Send gradients into outputs; tell ``done`` each target's as early as can be, and forget it then.

        A target that no gradient reaches is passed over. Parameters that are no targets keep theirs, for an optimiser.
        """

    @abstractmethod
    def step(self, optimiser: Any) -> None:
        """One step of an optimiser, which then forgets the gradients."""

    # Calls

    def finish(self, kind: str, attrs: dict[str, Any], ndim: int) -> None:  # noqa: B027
        """Write a call's attributes as the vocabulary has them, where they differ; ``ndim`` is the first tensor's."""

    def argument(self, setting: vocabulary.Setting, value: Any) -> str:
        """How a call is told a setting: ``epsilon=1e-05``; "" where the table does not say.

        A framework says here what it takes otherwise than the vocabulary has it.
        """
        line = self.table.get(setting.function.removeprefix(self.kernel)) or self.table.get(setting.function, "")
        for name, aliases, _ in vocabulary.signature(line).arguments:
            text = vocabulary.written(value)
            if name == setting.name and text and name != "training":
                return f"{aliases[-1] if aliases else name}={text}"
        return ""

    def message(self, error: Exception) -> str:
        """What an error of the framework says, in one line."""
        return " ".join(str(error).split())

    def unable(self, error: Exception) -> bool:
        """Whether an error is for want of a kernel or of memory, and not the model's own."""
        if isinstance(error, NotImplementedError | MemoryError):
            return True
        return any(re.search(pattern, str(error)) for pattern in self.lacking)


def dtype_name(tensor: Any) -> str:
    """Such as "float32", in every framework."""
    return str(tensor.dtype).rpartition(".")[2]
