"""What a tensor means to its layer, judged from its name and its neighbours: never from its shape alone."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from nlblocks.conventions import Conventions
from nlblocks.specs.base import Shape

Meaning = Literal["linear", "plain", "unknown"]
"""A "linear" weight is turned between frameworks that lay it out differently, a "plain" tensor is the same in both."""

_LINEAR = re.compile(
    r"(.*_)?(fc|linear|lin|dense|proj|projection|head|classifier|mlp|ffn|query|key|value|qkv|kv|out|output|logits"
    r"|lm_head|squeeze|excitation|extract|reduction|w[qkvoi]|to_[qkv]|c_attn|c_fc|c_proj|gate|up|down)(_layers?|_proj)?_?\d*",
    re.IGNORECASE,
)
_ATTENDED = ("query", "key", "value", "kv", "key_value", "q", "k", "v", "o")
_TABLE = re.compile(r".*(emb(?!er|l[ey])|wte|wpe|lookup|codebook|vocab).*", re.IGNORECASE)  # no member, no ensemble
_PLAIN_LEAVES = re.compile(r"bias|(weight|bias)_(ih|hh)(_l\d+)?(_reverse)?|.*(embed|emb|token|table|index|mask|pos).*")


@dataclass(frozen=True, slots=True)
class Renamed:
    """A layer whose weight, a vector, has the name that a framework's ``leaf`` says.

    Where that is "weight" no tensor tells the layer, since a LayerNorm has a weight and a bias too: the module's name,
    one of ``words``, does. Any other leaf tells it.
    """

    layer: str
    leaf: Callable[[Conventions], str]
    with_bias: bool
    words: re.Pattern[str]

    def fits(self, leaf: str, own: Mapping[str, Shape]) -> bool:
        """Whether a module's ``own`` tensors (leaf → shape) are this layer's, its weight called ``leaf``."""
        leaves = {leaf, "bias"} if self.with_bias else {leaf}
        return set(own) == leaves and len(own[leaf]) == 1 and len(set(own.values())) == 1

    def told(self, module: str) -> bool:
        """Whether the module's name says that it is this layer; a place in a Sequential has the Sequential's name."""
        words = [word for word in module.split(".") if word and not word.isdigit()]
        return bool(words) and self.words.fullmatch(words[-1]) is not None


RENAMED = (
    Renamed(
        "InstanceNorm", attrgetter("instance_norm"), True,
        re.compile(r"in_?\d*|(.*_)?inst(ance)?_?(norms?)?_?\d*d?|inorms?_?\d*", re.I),
    ),
    Renamed(
        "PReLU", attrgetter("prelu"), False, re.compile(r"(.*_)?p_?relus?_?\d*|(.*_)?act(ivation)?s?_?\d*", re.I)
    ),
)  # fmt: skip


def meaning(name: str, shapes: Mapping[str, Shape], in_out: bool, doubtful: Container[str] = ()) -> Meaning:
    """What the tensor ``name`` of a file whose Linear weights are [in, out], or else [out, in], is.

    Only two axes can be in doubt. ``doubtful`` are the names that a MultiheadAttention's own weights have.
    """
    shape = shapes[name]
    if len(shape) != 2:
        return "plain"
    module, _, leaf = name.rpartition(".")
    if leaf in doubtful:
        return "unknown"  # of an attention that is no MultiheadAttention
    if leaf != "weight":
        square = shape[0] == shape[1]
        return "plain" if not square or _PLAIN_LEAVES.fullmatch(leaf) else "unknown"
    bias = shapes.get(f"{module}.bias" if module else "bias")
    if bias is not None:
        outputs = shape[1] if in_out else shape[0]
        return "linear" if bias == (outputs,) else "unknown"
    for word in reversed(module.split(".")):
        if word.isdigit():
            continue  # a place in a Sequential: the name is the Sequential's
        if _TABLE.fullmatch(word):  # embed_out, emb_proj and time_embed.0 may be either
            return "unknown" if _LINEAR.fullmatch(word) or _among_layers(module, shapes) else "plain"
        if word in _ATTENDED and module.endswith(word):  # alone it may be a table of queries
            parent = module.removesuffix(word)
            beside = any(f"{parent}{other}.weight" in shapes for other in _ATTENDED if other != word)
            return "linear" if beside else "unknown"
        return "linear" if _LINEAR.fullmatch(word) else "unknown"
    return "unknown"


def backwards(shapes: Mapping[str, Shape], in_out: bool) -> set[str]:
    """The stacks where weights have their outputs where the other framework has them, as in the Conv1D of GPT-2."""
    found = set()
    for name, shape in shapes.items():
        if name.endswith("weight") and len(shape) == 2 and shape[0] != shape[1]:
            bias = shapes.get(f"{name.removesuffix('weight')}bias")
            if bias == (shape[0 if in_out else 1],):
                found.add(stack(name))
    return found


def stack(name: str) -> str:
    """What the layers of one stack share: the name of what holds a module, up to the first number."""
    return ".".join(itertools.takewhile(lambda word: not word.isdigit(), name.split(".")[:-2]))


def _among_layers(module: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether a module's place is one in a Sequential: a list of tables has a table in every place."""
    parent, _, place = module.rpartition(".")
    if not place.isdecimal() or len(place) > 9:
        return False
    before, after, second = (shapes.get(f"{parent}.{int(place) + step}.weight") for step in (-1, 1, 2))
    gap = (before is None and int(place) > 0) or (after is None and second is not None)
    return gap or any(beside is not None and len(beside) != 2 for beside in (before, after))
