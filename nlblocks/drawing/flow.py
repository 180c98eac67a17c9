"""The flow of a block's tensors as a graph: steps folded into nodes, modules into parts, and what each node says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from nlblocks.drawing.letters import Extent
from nlblocks.drawing.relations import relations
from nlblocks.drawing.seen import Seen
from nlblocks.drawing.steps import Step, Use
from nlblocks.drawing.twins import is_network
from nlblocks.drawing.words import LEARNED, REDUCTIONS, words
from nlblocks.parity.tracing import vocabulary

Look = Literal["input", "learned", "plain", "part", "move"]
Role = Literal["plain", "relation", "map", "end"]
FOLLOWING = (
    vocabulary.NORMALISATIONS | vocabulary.ACTIVATIONS | vocabulary.DROPOUTS
    | {"add", "sub", "mul", "div", "masked_fill", "where"}
)  # fmt: skip
"""Kinds that are folded into the step before them, where they take its result alone and keep its shape."""
AGAIN = " (again)"
"""Behind the name of a layer that was used before, with the same weights."""
LINE = 26
POOLS = {"max_pool", "avg_pool"}
"""Kinds that a network's drawing folds too."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: its ``name`` where it has one, its axes, and what it is to the block."""

    name: str
    extents: tuple[Extent, ...]
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What is done (``title`` whose weights, ``lines`` in words) and the tensor that comes of it.

    ``change`` are the channels before and after, where an operation with weights changes them. A "move" reads a tensor
    in another layout and makes none.
    """

    look: Look
    lines: tuple[str, ...] = ()
    title: str = ""
    change: tuple[Extent, Extent] | None = None
    tensor: Tensor | None = None


@dataclass(slots=True)
class Panel:
    """One picture of boxes and arrows: the block itself, or a part of it. Edges are from node to node, by number."""

    title: str
    nodes: list[Node] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)


def panels(seen: Seen) -> list[Panel]:
    """The block's own panel, and then one for each of its parts; a network's parts have drawings of their own."""
    root = _Builder(seen, "", list(range(len(seen.steps))))
    found = [root.build("")]
    if not is_network(seen.spec, seen.shape_in):
        for path, numbers in root.parts:
            found.append(_Builder(seen, path, numbers).build(f"{path}: {_class(seen, path)}"))
    return found


class _Builder:
    """Builds the panel of the steps in one module."""

    def __init__(self, seen: Seen, path: str, numbers: Sequence[int]) -> None:
        self.seen, self.path, self.numbers = seen, path, numbers
        self.network = not path and is_network(seen.spec, seen.shape_in)
        self.relations = relations(numbers, seen)
        self.parts: list[tuple[str, list[int]]] = []
        self.panel = Panel("")
        self._made: dict[int, int] = {}  # a tensor: the node that makes it
        self._used = set[int]()  # parameters
        self._moves: dict[tuple[int, str, tuple[str, ...]], int] = {}
        outside = {use.source for number, step in enumerate(seen.steps) if number not in numbers for use in step.uses}
        self._out = outside | {use.source for use in seen.outputs.values()}

    def build(self, title: str) -> Panel:
        self.panel.title = title
        for chain in self._chains():
            self._node(chain)
        return self.panel

    def _chains(self) -> Iterator[list[int]]:
        """The steps, those of one part together, and those that follow a step alone together with it."""
        chain: list[int] = []
        for number in self.numbers:
            if chain and (self._part(number) or self._part(chain[0])):
                joins = self._part(number) == self._part(chain[0])
            else:
                joins = bool(chain) and self._follows(number, chain)
            if chain and not joins:
                yield chain
                chain = []
            chain.append(number)
        if chain:
            yield chain

    def _part(self, number: int) -> str:
        """The part of this module that a step is in, "" where it is none: a module that does more than one layer."""
        scope = self.seen.steps[number].scope
        if scope == self.path:
            return ""
        inner = scope.removeprefix(f"{self.path}." if self.path else "").split(".")
        prefix = f"{self.path}." if self.path else ""
        for depth in range(1, len(inner) + 1):
            path = prefix + ".".join(inner[:depth])
            if self._computes(path):
                return prefix + inner[0] if self.network else path
        return ""

    def _computes(self, path: str) -> bool:
        """Whether a module computes more than its layers do: steps of its own, or one after another."""
        own = [self.seen.steps[number] for number in self.numbers if self.seen.steps[number].scope == path]
        made = {step.output for step in own}
        return any(not step.leaf or any(use.source in made for use in step.uses) for step in own)

    def _follows(self, number: int, chain: Sequence[int]) -> bool:
        """Whether a step only goes on with what the chain before it made."""
        step, last = self.seen.steps[number], self.seen.steps[chain[-1]]
        kinds = FOLLOWING | POOLS if self.network else FOLLOWING
        alone = len(step.uses) == 1 and step.uses[0].source == last.output and self.seen.uses[last.output] == 1
        if step.kind not in kinds or not alone or self.seen.move(step.uses[0]) or last.kind == "softmax":
            return False
        return self.network or self.seen.extents(last.output) == self.seen.extents(step.output)

    def _node(self, chain: Sequence[int]) -> None:
        steps = [self.seen.steps[number] for number in chain]
        part, inside = self._part(chain[0]), {step.output for step in steps}
        node = self._of_part(part, steps) if part else self._of_chain(steps)
        if part:
            self.parts.append((part, list(chain)))
        made = steps[-1].output
        extents = self.seen.extents(made)
        role = self._role(chain)
        name = "relation" if role == "relation" else self._name(made)
        self.panel.nodes.append(replace(node, tensor=Tensor(name, extents, role)))
        target = len(self.panel.nodes) - 1
        for step in steps:
            for use in step.uses:
                if use.source not in inside:
                    self._edge(use, step, target, part)
        self._made[made] = target

    def _of_chain(self, steps: Sequence[Step]) -> Node:
        inner = steps[0].scope.removeprefix(self.path).strip(".") if steps[0].leaf else ""
        said = [words(step, self.seen) for step in steps]
        title, lines = inner.rpartition(".")[0] or inner, tuple(_lines(said))
        if steps[0].kind not in LEARNED:
            return Node(look="plain", title=title, lines=lines)
        weights = {use.source for use in steps[0].params}
        title += AGAIN if weights & self._used else ""
        self._used |= weights
        return Node(look="learned", title=title, lines=lines, change=self._change(steps[0], steps[0]))

    def _of_part(self, part: str, steps: Sequence[Step]) -> Node:
        """A module as one box, and what is in it: its class, or how many there are of each class."""
        inside = dict.fromkeys(self._deepest(part, step.scope) for step in steps)
        counted = Counter(_class(self.seen, path) for path in inside if path)
        said = ", ".join(name if count == 1 else f"{count} × {name}" for name, count in counted.items())
        title = part.removeprefix(self.path).strip(".")
        return Node(look="part", title=title, lines=(said,), change=self._change(steps[0], steps[-1]))

    def _deepest(self, part: str, scope: str) -> str:
        """The outermost module in a part, or the part itself, that computes something of its own."""
        inner = scope.removeprefix(part).strip(".").split(".") if scope != part else []
        paths = [part] + [".".join([part, *inner[: depth + 1]]) for depth in range(len(inner))]
        return next((path for path in paths if self._computes(path)), "")

    def _change(self, first: Step, last: Step) -> tuple[Extent, Extent] | None:
        """The channels, which are the second axis, before one step and after another, where they change."""
        before, after = self.seen.axis(first.uses[0].read, 1), self.seen.axis(last.output, 1)
        return None if before == after else (before, after)

    def _edge(self, use: Use, step: Step, target: int, part: str) -> None:
        if self.seen.move(use) and not self.seen.within(self.path, use.read):
            use = replace(use, source=use.read)  # it comes from outside as it is read here
        hidden = bool(part) and use.source != use.read and self.seen.within(part, use.read)
        source = self._source(use.source)
        text = "" if hidden else self.seen.move(use, product=step.kind == "matmul")
        if step.kind in REDUCTIONS and text == "reshape":
            text = ""
        if text:
            extents = () if text.startswith(("part", "pad")) else self.seen.extents(use.read)
            key = use.source, text, tuple(extent.text for extent in extents)
            if key not in self._moves:
                shown = f"[{', '.join(extent.text for extent in extents)}]"
                self.panel.nodes.append(Node(look="move", lines=(text, shown) if extents else (text,)))
                self._moves[key] = len(self.panel.nodes) - 1
                self.panel.edges.append((source, self._moves[key]))
            source = self._moves[key]
        if (source, target) not in self.panel.edges:
            self.panel.edges.append((source, target))

    def _source(self, tensor: int) -> int:
        """The node that makes a tensor; one that comes from outside gets a node of its own."""
        if tensor not in self._made:
            given = Tensor(self._name(tensor), self.seen.extents(tensor), "end")
            self.panel.nodes.append(Node(look="input", tensor=given))
            self._made[tensor] = len(self.panel.nodes) - 1
        return self._made[tensor]

    def _role(self, chain: Sequence[int]) -> Role:
        made = self.seen.steps[chain[-1]].output
        if made in self.seen.map_names:
            return "map"
        if self.relations.intersection(chain) and not self._part(chain[0]):
            return "relation"
        return "end" if made in self._out else "plain"

    def _name(self, tensor: int) -> str:
        """What a tensor is called, by what it is, or by where it comes from or goes."""
        if tensor in self.seen.map_names:
            return "attention"
        origin, _, index = self.seen.trace.origin.get(tensor, "").partition(":")
        if origin == "input":
            return self.seen.spec.inputs[int(index)]
        made = next((number for number in self.numbers if self.seen.steps[number].output == tensor), None)
        if made is None:
            return "input"
        return "output" if tensor in self._out else ""


def _class(seen: Seen, path: str) -> str:
    """The class of a part; what its file keeps to itself is called without the underscore."""
    return seen.trace.layers[path].lstrip("_")


def _lines(said: Sequence[str]) -> Iterator[str]:
    """Words joined by commas in lines of about :data:`LINE` characters."""
    line = ""
    for word in said:
        if line and len(line) + len(word) > LINE:
            yield f"{line},"
            line = ""
        line = f"{line}, {word}" if line else word
    yield line
