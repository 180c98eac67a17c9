"""How a block is plugged into any model: as a child that a hook calls, so that no tensor changes its name.

Written once, over what a framework with modules, children in a dict and forward hooks has; a backend supplies these.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from threading import get_ident
from typing import Any, ClassVar

import numpy as np

from nlblocks.backend import DTYPES, Array, Call, Where, map_each
from nlblocks.errors import InputError, known
from nlblocks.specs.base import BlockSpec, Shape

Undo = Callable[[], object]


def refuse_programs(model: Any, parts: Iterable[tuple[str, Any]], maker: Callable[[Any], str], can_not: str) -> None:
    """Raise InputError where a model, or one of its parts, is a program that was made of a module, as ``maker`` says.

    ``can_not`` is what cannot be done with it.
    """
    for path, part in parts:
        made = maker(part)
        if made:
            which = f"{path!r} in {type(model).__name__}" if path else type(model).__name__
            raise InputError(f"{which} is a program of {made}: {can_not}; give the module that it was made of")


class ModuleHost(ABC):
    """The part of a backend that works on models which are not its own: a Host.

    Attributes:
        module_type: The class of all modules.
        tensor_type: The class of all tensors.
        sequential: The container that runs its children in order.
        containers: Containers that run their children themselves.
        kinds: What a conversion calls its own layers (:data:`nlblocks.weights.answers.KINDS`).
    """

    module_type: ClassVar[type[Any]]
    tensor_type: ClassVar[type[Any]]
    sequential: ClassVar[type[Any]]
    containers: ClassVar[tuple[type[Any], ...]]
    kinds: ClassVar[Mapping[type[Any], str]]

    @abstractmethod
    def children(self, module: Any) -> dict[str, Any]:
        """The module's own dict of children by name, in order: to be written to as well."""

    @abstractmethod
    def tensors_of(self, module: Any) -> Iterable[Any]:
        """Parameters, then buffers, of a module and its parts."""

    @abstractmethod
    def to_numpy(self, tensor: Any) -> Array:
        """A tensor as an array, as in :class:`nlblocks.backend.Backend`."""

    @abstractmethod
    def empty(self) -> Any:
        """A tensor of the default dtype, on the default device."""

    @abstractmethod
    def example(self, value: Any, like: Any) -> Any:
        """An array or tensor on the device of another, a floating one in its dtype."""

    @abstractmethod
    def without_gradients(self) -> AbstractContextManager[object]:
        """Within, no gradient is recorded."""

    @abstractmethod
    def blank(self, spec: BlockSpec, like: Any) -> Any:
        """The block of a spec on the device of a tensor and in its dtype, not initialised."""

    @abstractmethod
    def hook_after(self, module: Any, hook: Callable[[Any, Any, Any], Any]) -> Undo:
        """Call hook(module, arguments, output) after each forward, and after the hooks that are there.

        What it returns, if anything, is the output. The result takes the hook out again.
        """

    @abstractmethod
    def hook_before(self, module: Any, hook: Callable[[Any, Any], Any]) -> Undo:
        """Call hook(module, arguments) before each forward, and before the hooks that are there; likewise."""

    def threads(self) -> Callable[[], int]:
        """What says a number of the thread that runs; it is copied and pickled with the hooks that ask it."""
        return get_ident

    def hosts(self, model: Any) -> bool:
        return isinstance(model, self.module_type)

    def check_open(self, model: Any) -> None:
        return None  # any can be, unless a framework says otherwise

    def modules(self, model: Any) -> dict[str, Any]:
        found = {"": model}
        for name, child in self.children(model).items():
            if child is not None:
                found |= {f"{name}.{path}" if path else name: module for path, module in self.modules(child).items()}
        return found

    def layers(self, model: Any) -> dict[str, str]:
        return {
            path: kind
            for path, module in self.modules(model).items()
            for cls, kind in self.kinds.items()
            if isinstance(module, cls)
        }

    def observe(self, model: Any, modules: Sequence[Any], example: Any, *, attention: bool = False) -> list[list[Call]]:
        calls: list[list[Call]] = [[] for _ in modules]
        source = self.example(example, self._like(model))
        with ExitStack() as undo:
            for module, log in zip(modules, calls, strict=True):
                undo.callback(self.hook_after(module, partial(self._record, log, attention)))
            for module in self.modules(model).values():
                undo.callback(setattr, module, "training", module.training)
            model.eval()
            with self.without_gradients():
                model(source)
        return calls

    def build_at(self, spec: BlockSpec, *, seed: int, model: Any, site: Any) -> Any:
        like = self._like(site, model)
        dtype = str(like.dtype).rpartition(".")[2]
        if dtype not in DTYPES:
            raise InputError(f"insert: the model holds {dtype}; a block can be one of {known(DTYPES)}")
        block = self.blank(spec, like)
        block.reset_parameters(seed)
        return block

    def plug(
        self, model: Any, path: str, module: Any, *, name: str, where: Where, sources: Sequence[str | None] = (None,)
    ) -> Undo:
        modules = self.modules(model)
        site = modules[path]
        module.train() if site.training else module.eval()
        if where == "replace":
            above, _, last = path.rpartition(".")
            siblings = self.children(modules[above])
            siblings[last] = module
            return lambda: siblings.update({last: site})
        children = self.children(site)
        one = len(sources) == 1
        if one and type(site).forward is self.sequential.forward:  # it calls its children in order, the block too
            children[name] = module
            if where == "before":
                for child in [child for child in children if child != name]:
                    children[child] = children.pop(child)
            return partial(children.pop, name)
        if isinstance(site, self.containers):
            raise InputError(
                f"insert: {path!r} is a {type(site).__name__}, a container that runs its children itself; "
                f"insert at one of them{'' if one or not children else f', such as {path}.{[*children][-1]}'}"
            )
        children[name] = module
        kept = [None if source is None else Kept(source, self.threads()) for source in sources]
        hook = (
            self.hook_before(site, Before(name, kept))
            if where == "before"
            else self.hook_after(site, After(name, kept))
        )
        unhook = [hook, *(self.hook_after(modules[each.path], each) for each in kept if each is not None)]

        def undo() -> None:
            for take_out in unhook:
                take_out()
            del children[name]

        return undo

    def _record(self, log: list[Call], attention: bool, module: Any, args: tuple[Any, ...], output: Any) -> None:
        maps = None
        if attention:  # once more: asking for the map must not change what the model goes on with
            _, maps = module.forward(*args[: len(module.spec.inputs)], return_attention=True)
            maps = map_each(lambda value: np.array(self.to_numpy(value)), maps)
        log.append(Call(inputs=tuple(map(self._shape, args)), output=self._shape(output), attention=maps))

    def _shape(self, value: Any) -> Shape | None:
        return tuple(value.shape) if isinstance(value, self.tensor_type) else None

    def _like(self, *modules: Any) -> Any:
        """The first floating tensor of the first module that has one: its dtype and device are the block's."""
        tensors = (tensor for module in modules for tensor in self.tensors_of(module))
        return next((tensor for tensor in tensors if tensor.is_floating_point()), self.empty())


class Kept:
    """The hook of a module whose output a block elsewhere takes as well: each ``thread`` keeps its own until then."""

    def __init__(self, path: str, thread: Callable[[], int]) -> None:
        self.path, self.thread = path, thread
        self.outputs: dict[int, Any] = {}

    def __call__(self, site: Any, args: tuple[Any, ...], output: Any) -> None:
        self.outputs[self.thread()] = output

    def take(self, name: str) -> Any:
        """What the module has given since this was last asked."""
        found = self.outputs.pop(self.thread(), None)
        if not _like_a_tensor(found):
            gives = "has not run" if found is None else f"returns {_describe(found)}"
            raise InputError(f"{name} needs a tensor of {self.path} before each of its calls, which {gives}")
        return found


Sources = Sequence[Kept | None]


def _taken(name: str, sources: Sources, own: Any) -> list[Any]:
    """What a child gets for each of its inputs: None stands for what is its site's own."""
    return [own if source is None else source.take(name) for source in sources]


class After:
    """The hook of a child that gets the module's output. It knows the child by name: copies call their own."""

    def __init__(self, name: str, sources: Sources = (None,)) -> None:
        self.name, self.sources = name, sources

    def __call__(self, site: Any, args: tuple[Any, ...], output: Any) -> Any:
        if not _like_a_tensor(output):
            raise InputError(f"{type(site).__name__} returns {_describe(output)}; {self.name} after it needs a tensor")
        return getattr(site, self.name)(*_taken(self.name, self.sources, output))


class Before:
    """The hook of a child that gets the module's first argument."""

    def __init__(self, name: str, sources: Sources = (None,)) -> None:
        self.name, self.sources = name, sources

    def __call__(self, site: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if not args or not _like_a_tensor(args[0]):
            found = _describe(args[0]) if args else "no positional argument"
            raise InputError(f"{type(site).__name__} gets {found} first; {self.name} before it needs a tensor there")
        return (getattr(site, self.name)(*_taken(self.name, self.sources, args[0])), *args[1:])


def _like_a_tensor(value: Any) -> bool:
    """Whether it is a tensor, or what stands for one while a framework traces a program."""
    return hasattr(value, "shape")


def _describe(value: Any) -> str:
    return f"a {type(value).__name__}"
