"""MultiheadAttention: its projections of queries, keys and values are one tensor or three, under several names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nlblocks.conventions import Attention, Conventions
from nlblocks.errors import InputError
from nlblocks.specs.base import Shape
from nlblocks.weights.conversion import Conversion
from nlblocks.weights.files import Tensor
from nlblocks.weights.made import joined, third, turned

PARTS = ("q", "k", "v")
JOINED = "taken for a MultiheadAttention's, whose projections are joined; if they are four Linears', --as '{}=linear'"


def attention(work: Conversion) -> None:
    """Read the projections as the source holds them and write them as the target does."""
    own, other = work.source.attention, work.target.attention
    if own == other and not work.turns:
        return
    if own != other and not other.whole:
        for prefix in _prefixes(work, other.separate("q", "weight")):
            if _is_attention(work, prefix, other):  # four layers, which they must be on the way back too
                work.remember("separate_attention", prefix)
    if own.whole:
        for prefix in _prefixes(work, own.fused("weight"), own.separate("q", "weight")):
            if own.bias_kv and work.modules.get(prefix, {}).keys() & {"bias_k", "bias_v"}:
                raise InputError(
                    f"{prefix}bias_k: MultiheadAttention with add_bias_kv has no counterpart in {work.target.title}"
                )
            if _is_attention(work, prefix, own):
                _convert(work, prefix)
    else:
        kept = work.noted("separate_attention")
        for prefix in _prefixes(work, own.separate("q", "weight")):
            weights = [own.separate(part, "weight") for part in PARTS] + [f"{own.out}.weight"]
            said = all(work.answer(prefix + name) == "linear" for name in weights)
            if prefix not in kept and not said and _is_attention(work, prefix, own):
                if other.whole and not _in_a_layer(work, prefix):
                    for name in weights:
                        work.doubt(prefix + name, JOINED)
                _convert(work, prefix)


def _in_a_layer(work: Conversion, prefix: str) -> bool:
    """Whether an attention is that of a TransformerEncoderLayer or a TransformerDecoderLayer."""
    parent = prefix.removesuffix(".").rpartition(".")[0]
    return {"linear1", "linear2", "norm1", "norm2"} <= work.children.get(f"{parent}." if parent else "", set())


def _prefixes(work: Conversion, *ends: str) -> Iterator[str]:
    """What is before one of ``ends`` in the names that are left, each a module."""
    for name in list(work.left):
        for end in ends:
            prefix = name.removesuffix(end)
            if prefix != name and (not prefix or prefix.endswith(".")):
                yield prefix


def _is_attention(work: Conversion, prefix: str, form: Attention) -> bool:
    """Whether a module of the source has the tensors of a MultiheadAttention in a form, and nothing else."""
    in_out, shapes = work.source.linear_in_out, work.shapes
    out = shapes.get(f"{prefix}{form.out}.weight", ())
    if len(out) != 2:
        return False
    e = out[0]
    expected: dict[str, Shape] = {f"{form.out}.weight": (e, e)}
    biases: dict[str, Shape] = {form.separate(part, "bias"): (e,) for part in PARTS}
    if form.whole:
        biases = {form.fused("bias"): (3 * e,)}
    if form.whole and prefix + form.fused("weight") in shapes:
        expected[form.fused("weight")] = (e, 3 * e) if in_out else (3 * e, e)
    else:
        for part in PARTS:
            found = shapes.get(prefix + form.separate(part, "weight"), ())
            if len(found) != 2:
                return False
            width = e if part == "q" else found[0 if in_out else 1]  # keys and values may have others
            expected[form.separate(part, "weight")] = (width, e) if in_out else (e, width)
    if f"{prefix}{form.out}.bias" in shapes:
        expected |= {f"{form.out}.bias": (e,), **biases}
    fits = all(prefix + name in work.left and shapes[prefix + name] == shape for name, shape in expected.items())
    return fits and _are_all(work, prefix, expected)


def _are_all(work: Conversion, prefix: str, names: Iterable[str]) -> bool:
    """Whether a module holds nothing but these tensors."""
    found: dict[str, set[str]] = {}
    for name in names:
        place = prefix
        for word in name.split("."):
            found.setdefault(place, set()).add(word)
            place += f"{word}."
    return all(work.children[place] == words for place, words in found.items())


def _convert(work: Conversion, prefix: str) -> None:
    own, other = work.source.attention, work.target.attention
    for leaf in ("weight", "bias"):
        parts = _parts(work, prefix, leaf)
        if not parts:  # the layer has no biases
            continue
        names, tensors = zip(*parts, strict=True)
        sources, turns = list(dict.fromkeys(names)), work.turns and leaf == "weight"
        square = {tensor.shape for tensor in tensors} == {tensors[0].shape[:1] * 2}
        if other.whole and (square or leaf == "bias"):
            target = prefix + other.fused(leaf)
            what = _action("joined" if len(sources) > 1 else "as it is" if sources == [target] else "renamed", turns)
            work.take(sources, target, what, _out_in(joined(tensors, prefix), work.target))
            continue
        for part, name, tensor in zip(PARTS, names, tensors, strict=True):
            target = prefix + other.separate(part, leaf)
            cut = f"cut out of {own.whole}" if len(sources) == 1 else "as it is" if name == target else "renamed"
            work.take([name], target, _action(cut, turns), _out_in(tensor, work.target))
    same = own.out == other.out
    work.take_linear(f"{prefix}{own.out}.weight", f"{prefix}{other.out}.weight", "as it is" if same else "renamed")
    bias = f"{prefix}{own.out}.bias"
    if bias in work.left and not same:
        work.take([bias], f"{prefix}{other.out}.bias", "renamed", work.left[bias])


def _action(what: str, turns: bool) -> str:
    if not turns:
        return what
    return {"joined": "turned and joined", "as it is": "turned"}.get(what, f"{what} and turned")


def _parts(work: Conversion, prefix: str, leaf: str) -> list[tuple[str, Tensor]]:
    """(name, tensor) of q, k and v, a weight as [out, in]; none where the layer has none."""
    own = work.source.attention
    whole = prefix + own.fused(leaf)
    if own.whole and whole in work.left:
        tensor = _out_in(work.left[whole], work.source)
        return [(whole, third(tensor, index, whole)) for index in range(3)]
    names = [prefix + own.separate(part, leaf) for part in PARTS]
    return [(name, _out_in(work.left[name], work.source)) for name in names if name in work.left]


def _out_in(tensor: Tensor, framework: Conventions) -> Tensor:
    """A projection's weight from a framework's layout to [out, in], or back; a bias as it is."""
    return turned(tensor) if framework.linear_in_out and len(tensor.shape) == 2 else tensor
