"""InstanceNorm and PReLU: their weight has a name of its own in some frameworks, and a LayerNorm's in others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

from nlblocks.conventions import Conventions
from nlblocks.specs.base import Shape
from nlblocks.weights.conversion import Conversion
from nlblocks.weights.evidence import family

_NORM = re.compile(
    r"(.*_)?(ln|gn|bn|rms)_?\d*|(.*_)?((layer|group|rms|batch)_?)?norms?(_.*|_?\d*d?)|ln_.*|(.*_)?scale_?\d*", re.I
)
_OTHER_NORM = re.compile(r".*(lay(e)?r_?norm|group_?norm|rms_?norm).*|(.*_)?(ln|gn)(_.*|\d*)", re.I)


@dataclass(frozen=True, slots=True)
class Renamed:
    """A layer whose weight, a vector, has the name that a framework's ``leaf`` says.

    Where that is "weight" no tensor tells the layer, since a LayerNorm has a weight and a bias too: the module's name,
    one of ``words``, does, or its neighbours. Any other leaf tells it. ``kind`` is what an answer calls it.
    """

    layer: str
    kind: str
    leaf: Callable[[Conventions], str]
    with_bias: bool
    words: re.Pattern[str]

    def fits(self, leaf: str, own: Mapping[str, Shape]) -> bool:
        """Whether a module's ``own`` tensors (leaf → shape) are this layer's, its weight called ``leaf``."""
        leaves = {leaf, "bias"} if self.with_bias else {leaf}
        return set(own) == leaves and len(own[leaf]) == 1 and len(set(own.values())) == 1

    def told(self, module: str) -> bool:
        """Whether the module's name says that it is this layer."""
        return self.words.fullmatch(_word(module)) is not None


RENAMED = (
    Renamed(
        "InstanceNorm", "instance_norm", attrgetter("instance_norm"), True,
        re.compile(r"in_?\d*|(.*_)?inst(ance)?_?(norms?)?_?\d*d?|inorms?_?\d*", re.I),
    ),
    Renamed(
        "PReLU", "prelu", attrgetter("prelu"), False,
        re.compile(r"(.*_)?p_?relus?_?\d*|(.*_)?(act(ivation)?s?|non_?lin(earity)?|nl|relu)_?\d*", re.I),
    ),
)  # fmt: skip
_MAYBE = (
    "kept the name of its weight, as a GroupNorm's or LayerNorm's; if it is an InstanceNorm's, --as '{}=instance_norm'"
)
_MAYBE_PRELU = "kept the name of its weight; if it is a PReLU's, --as '{}=prelu'"
_PRELU = "taken for a PReLU by what is before it; if it is a norm without a bias, --as '{}=rms_norm'"
_OWN = "kept: a layer of one's own, of a single number; if it is an InstanceNorm, --as '{}=instance_norm'"
_NO_CONVOLUTION = "taken for an InstanceNorm's, though no convolution is beside it; else --as '{}=parameter'"
_SINGLE = "taken for a PReLU, a single number; if it is a parameter, --as '{}=parameter'"


def renamed_weights(work: Conversion) -> None:
    """InstanceNorm's and PReLU's weight under other names; the record says where a reverse could not tell."""
    always, never = work.noted("renamed_weights"), work.noted("kept_weights")
    for layer in RENAMED:
        leaf, other = layer.leaf(work.source), layer.leaf(work.target)
        if leaf == other:
            continue
        for prefix, own in work.modules.items():
            if not layer.fits(leaf, own) or prefix + leaf not in work.left:
                if layer.fits(other, own) and (other != "weight" or layer.told(prefix)):
                    work.remember("kept_weights", prefix)
                continue
            answer, name = work.answer(prefix + leaf), prefix + leaf
            if answer:
                renames = answer == layer.kind
            elif prefix in always or prefix in never:
                renames = prefix in always
            else:
                renames = _judged(work, layer, prefix) if leaf == "weight" else _told_by_leaf(work, layer, prefix, leaf)
            if renames:
                work.take([name], prefix + other, f"renamed ({layer.layer})", work.left[name])
                if other == "weight" and not layer.told(prefix):
                    work.remember("renamed_weights", prefix)


def _judged(work: Conversion, layer: Renamed, prefix: str) -> bool:
    """Whether a module that has the tensors of several layers is taken for this one; in doubt the reader is told."""
    name, (size,) = f"{prefix}weight", work.shapes[f"{prefix}weight"]
    if layer.told(prefix):
        return True
    convolved = _convolved(work, prefix, size)
    if layer.with_bias:
        alone = not any(len(shape) > 1 for shape in work.shapes.values())
        if (convolved or alone) and not _OTHER_NORM.fullmatch(_word(prefix)) and not _elsewhere(work, prefix):
            work.doubt(name, _MAYBE)
        return False
    if _NORM.fullmatch(_word(prefix)):
        return False
    if size == 1 or convolved or _after_batch_norm(work, prefix):
        work.doubt(name, _SINGLE if size == 1 else _PRELU)
        return True
    if any(shape[:1] == (size,) for shape in _beside(work, prefix) if len(shape) > 1):
        work.doubt(name, _MAYBE_PRELU)
    return False


def _told_by_leaf(work: Conversion, layer: Renamed, prefix: str, leaf: str) -> bool:
    """Whether a leaf that tells the layer is the framework's: of a single number it is that of a layer of one's own."""
    (size,) = work.shapes[prefix + leaf]
    if not layer.with_bias or layer.told(prefix):
        return True
    if _convolved(work, prefix, size):
        return True
    work.doubt(prefix + leaf, _OWN if size == 1 else _NO_CONVOLUTION)
    return size > 1


def _convolved(work: Conversion, prefix: str, size: int) -> bool:
    """Whether a convolution of as many channels is beside a module; of one input each where it is depthwise."""
    shapes = (shape for shape in _beside(work, prefix) if len(shape) > 2)
    return any(size == shape[0] or (size == shape[1] > 1) for shape in shapes)


def _elsewhere(work: Conversion, prefix: str) -> bool:
    """Whether a norm of its name stands where no convolution is, so that they are LayerNorms."""
    own = family(prefix.removesuffix("."))
    for other, leaves in work.modules.items():
        if other != prefix and set(leaves) == {"weight", "bias"} and family(other.removesuffix(".")) == own:
            beside = list(_beside(work, other))
            vector = len(leaves["weight"]) == 1 and bool(own)
            if vector and beside and not any(len(shape) > 2 for shape in beside):
                return True
    return False


def _beside(work: Conversion, prefix: str) -> Iterator[Shape]:
    """The weights of several axes next to a module: in a Sequential the last before it, else those beside it."""
    parent, _, place = prefix.removesuffix(".").rpartition(".")
    start = f"{parent}." if parent else ""
    if place.isdecimal() and len(place) <= 9:
        for step in (-1, -2, -3, 1, 2):
            found = _under(work, f"{start}{int(place) + step}.")
            if found:
                yield found[-1 if step < 0 else 0]
                return
    siblings = [shape for module, shape in work.weights.items() if module.rpartition(".")[0] == parent]
    yield from siblings or (_under(work, start) if start else []) or list(work.weights.values())


def _under(work: Conversion, start: str) -> list[Shape]:
    return [shape for module, shape in work.weights.items() if f"{module}.".startswith(start)]


def _after_batch_norm(work: Conversion, prefix: str) -> bool:
    """Whether a BatchNorm of as many channels is the module before one, in a Sequential or among its siblings."""
    parent, _, place = prefix.removesuffix(".").rpartition(".")
    start, size = f"{parent}." if parent else "", work.shapes[f"{prefix}weight"]
    if place.isdecimal() and int(place[:9]) > 0:
        return work.shapes.get(f"{start}{int(place[:9]) - 1}.{work.source.batch_norm.mean}") == size
    return any(
        own.get(work.source.batch_norm.mean) == size and other.removesuffix(".").rpartition(".")[0] == parent
        for other, own in work.modules.items()
    )


def _word(module: str) -> str:
    """The last word of a module's name; a place in a Sequential has the Sequential's."""
    return next((word for word in reversed(module.split(".")) if word and not word.isdigit()), "")
