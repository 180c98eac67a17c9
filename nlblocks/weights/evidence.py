"""What the tensors of a file tell of each other: the widths that run through a model, and how its matrices lie."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from nlblocks.specs.base import Shape

READS = re.compile(
    r"(q|k|v|kv|qkv|query|key|value|query_key_value)(_proj|_lin)?|to_(q|k|v|kv|qkv)|w[qkv]|Wqkv|in_proj|qkv_proj"
    r"|(gate|up|gate_up)_proj|w[13]|wi(_\d)?|dense_h_to_4h|lm_head|embed_out|classifier|score"
)
"""Layers that read the width which runs through a transformer, by their names; see :meth:`Evidence.by_role`."""
WRITES = re.compile(r"(o|out|down)_proj|wo|w2|dense_4h_to_h|o")
"""Layers that write it."""
CONV1D = re.compile(r"c_(attn|proj|fc)|q_attn")
"""The layers of GPT-2 and its kin: in one code base a Linear, in another a Conv1D, [in, out]."""


class Evidence:
    """``shapes`` of a file whose Linear weights are [in, out], or else [out, in], as far as anybody says.

    ``means`` are the names of a BatchNorm's mean.
    """

    def __init__(self, shapes: Mapping[str, Shape], in_out: bool, means: Collection[str] = ()) -> None:
        self.shapes, self.in_out, self.means = shapes, in_out, means

    def bias(self, module: str) -> Shape | None:
        return self.shapes.get(f"{module}.bias" if module else "bias")

    @cached_property
    def matrices(self) -> dict[str, Shape]:
        """Module → the shape of its weight, of two axes."""
        found: dict[str, Shape] = {}
        for name, shape in self.shapes.items():
            module, _, leaf = name.rpartition(".")
            if leaf == "weight" and len(shape) == 2:
                found[module] = shape
        return found

    @cached_property
    def lying(self) -> dict[str, bool]:
        """Module → whether its bias shows its weight to be [in, out]; a square one shows nothing."""
        found = {}
        for module, (rows, columns) in self.matrices.items():
            bias = self.bias(module)
            if rows != columns and bias in ((rows,), (columns,)):
                found[module] = bias == (columns,)
        return found

    @cached_property
    def running(self) -> set[int]:
        """The widths of norms: what runs through a model from layer to layer."""
        found = set()
        for name, shape in self.shapes.items():
            leaf = name.rpartition(".")[2]
            if leaf in ("weight", "scale", "gamma") and len(shape) == 1 and shape[0] > 1:
                found.add(shape[0])
        return found

    @cached_property
    def widths(self) -> set[int]:
        """These, and what layers read that tell it: convolutions, recurrent layers, Linears with a bias."""
        found = set(self.running)
        for name, shape in self.shapes.items():
            leaf = name.rpartition(".")[2]
            if leaf == "weight" and len(shape) > 2:
                found |= {*shape[:2]}
            elif re.fullmatch(r"weight_ih(_l\d+)?(_reverse)?", leaf) and len(shape) == 2:
                found.add(shape[1])
            elif leaf == "in_proj_weight" and len(shape) == 2:
                found.add(min(shape))
        for module, (rows, columns) in self.matrices.items():
            if self.bias(module) is not None:
                in_out = self.lying.get(module, self.in_out)
                found.add(rows if in_out else columns)
        return found

    @cached_property
    def normed(self) -> dict[str, int]:
        """What holds just one matrix and one BatchNorm → the BatchNorm's channels."""
        norms: dict[str, list[int]] = {}
        for name, shape in self.shapes.items():
            module, _, leaf = name.rpartition(".")
            if leaf in self.means and len(shape) == 1:
                norms.setdefault(module.rpartition(".")[0], []).append(shape[0])
        beside = Counter(module.rpartition(".")[0] for module in self.matrices)
        return {parent: sizes[0] for parent, sizes in norms.items() if len(sizes) == 1 == beside[parent]}

    @cached_property
    def tables(self) -> set[int]:
        """What several matrices without a bias have as their second extent, as a model's tables do."""
        columns = [shape[1] for module, shape in self.matrices.items() if self.bias(module) is None]
        return {extent for extent in columns if columns.count(extent) > 1}

    def by_role(self, module: str) -> bool | None:
        """Whether a weight is [in, out] by what a layer of its name reads or writes; None where that tells nothing."""
        rows, columns = self.matrices[module]
        if (rows in self.running) == (columns in self.running):
            return None
        word = module.rpartition(".")[2]
        if READS.fullmatch(word):
            return rows in self.running
        return columns in self.running if WRITES.fullmatch(word) else None

    def chained(self) -> Iterator[tuple[str, str, bool]]:
        """(one, the next, whether they are [in, out]) of layers in a Sequential: what one gives the next reads."""
        for module, (rows, columns) in self.matrices.items():
            parent, _, place = module.rpartition(".")
            if not place.isdecimal() or len(place) > 9:
                continue
            for step in (1, 2, 3):
                after = f"{parent}.{int(place) + step}" if parent else f"{int(place) + step}"
                if after in self.matrices:
                    first, second = self.matrices[after]
                    square = rows == columns or first == second
                    if not square and (columns == first) != (rows == second):
                        yield module, after, columns == first
                    break


def family(module: str) -> str:
    """What modules of one kind share in a file: the last word of their names without its number."""
    word = next((word for word in reversed(module.split(".")) if not word.isdigit()), "")
    return "c_" if CONV1D.fullmatch(word) else word.rstrip("0123456789").rstrip("_")
