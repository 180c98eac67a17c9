"""What a reader hands over: every tensor of a file by its path through the nested containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files.limits import MAX_DEPTH, MAX_LETTERS, MAX_NODES, MAX_SHARING, MIN_INFLATED
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Tensor

Path = tuple[str, ...]
UNSAID = "torch"
"""Whose layout a file has that does not say: nearly all such files were written for torch."""


@dataclass(frozen=True, slots=True)
class Contents:
    """``format`` names the reader; ``metadata`` is what nlblocks wrote beside the tensors (spec, record), as JSON."""

    format: str
    tensors: dict[Path, Tensor]
    others: dict[Path, Any] = field(default_factory=dict)
    metadata: str = ""
    layout: str = UNSAID


def collect(value: Any, as_tensor: Callable[[Any], Tensor | None], where: str) -> tuple[dict[Path, Tensor], Any]:
    """(tensors, other leaves) of nested dicts, lists and tuples. Cycles and endless sharing are refused."""
    tensors: dict[Path, Tensor] = {}
    others: dict[Path, Any] = {}
    for path, leaf in _walk(value, as_tensor, where):
        target: dict[Path, Any] = tensors if isinstance(leaf, Tensor) else others
        if path in tensors or path in others:
            raise InputError(f"{where}: two entries are called {shown('.'.join(path))}; the file is refused")
        target[path] = leaf
    return tensors, others


def check_sharing(tensors: dict[Path, Tensor], size: int, where: str) -> None:
    """Refuse a file whose tensors, written out, would be many times the file."""
    total = sum(tensor.nbytes for tensor in tensors.values())
    if total > MAX_SHARING * size + MIN_INFLATED:
        raise InputError(
            f"{where}: its tensors share storage so that {size} bytes would become {total}, more than "
            f"{MAX_SHARING} times; the file is refused"
        )


def _walk(root: Any, as_tensor: Callable[[Any], Tensor | None], where: str) -> Iterator[tuple[Path, Any]]:
    """Leaves in order, without recursion: a hostile file may nest as deep as it likes."""
    stack: list[tuple[Path, Any]] = [((), root)]
    letters = 0
    for _ in range(MAX_NODES):
        if not stack:
            return
        path, value = stack.pop()
        tensor = as_tensor(value)
        if tensor is not None:
            yield path, tensor
        elif isinstance(value, dict | list | tuple):
            if len(path) >= MAX_DEPTH:
                raise InputError(f"{where}: containers are nested more than {MAX_DEPTH} deep; the file is refused")
            if len(value) + len(stack) > MAX_NODES:
                break
            items = value.items() if isinstance(value, dict) else enumerate(value)
            below = [((*path, str(key)), item) for key, item in items][::-1]
            letters += len(below) * sum(len(key) + 1 for key in path) + sum(len(keys[-1]) + 1 for keys, _ in below)
            if letters > MAX_LETTERS:
                raise InputError(
                    f"{where}: the names of its entries have more than {MAX_LETTERS} letters; it is refused"
                )
            stack.extend(below)
        else:
            yield path, value
    raise InputError(f"{where}: the checkpoint has more than {MAX_NODES} entries; the file is refused")
