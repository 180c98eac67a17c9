"""What a reader hands over: every tensor of a file by its path through the nested containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nlblocks.errors import InputError
from nlblocks.weights.files.inert import Kept, Name, Placeholder, layer_kind, module_members
from nlblocks.weights.files.limits import MAX_DEPTH, MAX_LETTERS, MAX_NODES, MAX_SHARING, MIN_INFLATED
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Tensor

Path = tuple[str, ...]
Members = Callable[[Placeholder], dict[str, Any] | None]
UNSAID = "torch"
"""Whose layout a file has that does not say: nearly all such files were written for torch."""


@dataclass(frozen=True, slots=True)
class Model:
    """What a pickled model was, whose parameters and buffers are among the tensors."""

    cls: str

    def __str__(self) -> str:
        return f"a pickled {self.cls}, read by its parameters and buffers; nothing was executed"


@dataclass(frozen=True, slots=True)
class Contents:
    """``format`` names the reader; ``metadata`` is what nlblocks wrote beside the tensors (spec, record), as JSON.

    ``told``: the file says itself that it has this layout. ``names`` is what the framework calls the parameters
    besides. ``lines`` say what else is in the file, ``notes`` what a conversion should say of it, and ``kinds`` what
    tensors are, as far as the file tells: "linear", "embedding" and so on.
    """

    format: str
    tensors: dict[Path, Tensor]
    others: dict[Path, Any] = field(default_factory=dict)
    metadata: str = ""
    layout: str = UNSAID
    told: bool = True
    names: dict[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kinds: dict[Path, str] = field(default_factory=dict)


class Collected(NamedTuple):
    """What is in a value: tensors and other leaves by their paths, and what the layers of models say of tensors."""

    tensors: dict[Path, Tensor]
    others: dict[Path, Any]
    kinds: dict[Path, str]


def collect(
    value: Any, as_tensor: Callable[[Any], Tensor | None], where: str, members: Members = module_members
) -> Collected:
    """The leaves of nested dicts, lists and tuples, and of pickled models by the names of a state dict.

    A model is among the others too, at its place: what it was. Cycles and endless sharing are refused.
    """
    tensors: dict[Path, Tensor] = {}
    others: dict[Path, Any] = {}
    kinds: dict[Path, str] = {}
    for path, leaf in _walk(value, as_tensor, where, members):
        if isinstance(leaf, _Layer):
            kinds[path] = leaf.kind
            continue
        target: dict[Path, Any] = tensors if isinstance(leaf, Tensor) else others
        if path in tensors or path in others:
            raise InputError(f"{where}: two entries are called {shown('.'.join(path))}; the file is refused")
        target[path] = leaf
    return Collected(tensors, others, {path: kind for path, kind in kinds.items() if path in tensors})


def unread(value: Any) -> str:
    """What a leaf is that nothing reads; "" for a plain value, and for a model."""
    if isinstance(value, Kept):
        return value.unread or type(value).__name__
    return f"the name {value.name}" if isinstance(value, Name) else ""


def check_sharing(tensors: dict[Path, Tensor], size: int, where: str) -> None:
    """Refuse a file whose tensors, written out, would be many times the file."""
    total = sum(tensor.nbytes for tensor in tensors.values())
    if total > MAX_SHARING * size + MIN_INFLATED:
        raise InputError(
            f"{where}: its tensors share storage so that {size} bytes would become {total}, more than "
            f"{MAX_SHARING} times; the file is refused"
        )


def _walk(
    root: Any, as_tensor: Callable[[Any], Tensor | None], where: str, members: Members
) -> Iterator[tuple[Path, Any]]:
    """Leaves in order, without recursion: a hostile file may nest as deep as it likes."""
    stack: list[_Met] = [_Met((), root, 0, False)]
    letters = 0
    for _ in range(MAX_NODES):
        if not stack:
            return
        path, value, depth, inside = met = stack.pop()
        tensor = as_tensor(value)
        if tensor is not None:
            yield path, tensor
            continue
        below, of_model = _below(value, members)
        if below is None:
            yield path, value
            continue
        if of_model and not inside:
            yield path, Model(value.unread)
        if of_model and (kind := layer_kind(value.unread)):
            yield met.member("weight", None, of_model).path, _Layer(kind)
        if depth >= MAX_DEPTH:
            raise InputError(f"{where}: containers are nested more than {MAX_DEPTH} deep; the file is refused")
        if len(below) + len(stack) > MAX_NODES:
            break
        letters += len(below) * sum(len(key) + 1 for key in path) + sum(len(key) + 1 for key, _ in below)
        if letters > MAX_LETTERS:
            raise InputError(f"{where}: the names of its entries have more than {MAX_LETTERS} letters; it is refused")
        stack.extend(met.member(key, item, of_model) for key, item in reversed(below))
    raise InputError(f"{where}: the checkpoint has more than {MAX_NODES} entries; the file is refused")


class _Layer(NamedTuple):
    """What the class of a layer says of its weight."""

    kind: str


class _Met(NamedTuple):
    """A value on the way: ``inside`` a model, whose members' names are joined by dots, as in its state dict."""

    path: Path
    value: Any
    depth: int
    inside: bool

    def member(self, key: str, value: Any, of_model: bool) -> _Met:
        path = (*self.path[:-1], f"{self.path[-1]}.{key}") if self.inside and self.path else (*self.path, key)
        return _Met(path, value, self.depth + 1, of_model)


def _below(value: Any, members: Members) -> tuple[list[tuple[str, Any]] | None, bool]:
    """(what is in a value, by name; None for a leaf, whether it is a model)."""
    if isinstance(value, Placeholder):
        found = members(value)
        if found is not None:
            return list(found.items()), True
        value = value if value.entries is None else value.entries
    if isinstance(value, dict):
        return [(_called(key, place), item) for place, (key, item) in enumerate(value.items())], False
    if isinstance(value, list | tuple):
        return [(str(place), item) for place, item in enumerate(value)], False
    return None, False


def _called(key: Any, place: int) -> str:
    """A dict's key as a name. What is no plain value has none, so that it is called by its place."""
    if isinstance(key, Name):
        return key.name
    return f"<{key.unread or type(key).__name__} {place}>" if isinstance(key, Kept) else str(key)
