"""The frameworks' own layers whose tensors have other names, cuts or shapes in the other framework."""

from __future__ import annotations

import itertools
import re

import numpy as np

from nlblocks.errors import InputError
from nlblocks.specs.base import Shape
from nlblocks.weights.conversion import Conversion, Row, renamed_record, split, with_start
from nlblocks.weights.files import Tensor, in_memory
from nlblocks.weights.files.dtypes import DTYPES
from nlblocks.weights.made import joined, reshaped, third, turned
from nlblocks.weights.meaning import RENAMED
from nlblocks.weights.norms import layer_norms, spectral_norms, weight_norms


def convert_layers(work: Conversion) -> None:
    """Take the tensors of every layer that is known here."""
    for step in (
        decoders, attention, projected, recurrent, batch_norms, renamed_weights, weight_norms, spectral_norms,
        layer_norms, bilinear,
    ):  # fmt: skip
        step(work)


def decoders(work: Conversion) -> None:
    """TransformerDecoderLayer: torch's multihead_attn is Paddle's cross_attn."""
    names = {"torch": "multihead_attn", "paddle": "cross_attn"}
    own, other = names[work.options.source], names[work.options.target]
    beside = {"self_attn", "linear1", "linear2", "norm1", "norm2", "norm3"}
    kept = [prefix for prefix, found in work.children.items() if found == {*beside, other}]
    if kept:
        work.new_record["kept_decoders"] = kept
    stay = work.noted("kept_decoders")
    for prefix, found in work.children.items():
        if found == {*beside, own} and prefix not in stay:
            work.modules_renamed[f"{prefix}{own}."] = f"{prefix}{other}."
    if work.options.source == "paddle":
        here = {new: old for old, new in work.modules_renamed.items()}
        work.record = renamed_record(work.record, lambda name: with_start(name, here))


def attention(work: Conversion) -> None:
    """MultiheadAttention: torch's in_proj_weight is Paddle's q_proj, k_proj and v_proj, each turned."""
    if work.options.source == "torch":
        separate = [
            name.removesuffix("q_proj.weight")
            for name in work.left
            if name.split(".")[-2:] == ["q_proj", "weight"] and _is_attention(work, name.removesuffix("q_proj.weight"))
        ]
        if separate:
            work.new_record["separate_attention"] = separate
        for name in list(work.left):
            prefix, leaf = split(name)
            if leaf in ("in_proj_weight", "q_proj_weight") and _is_fused_attention(work, prefix):
                _split_attention(work, prefix, leaf)
    else:
        kept = work.noted("separate_attention")
        for name in list(work.left):
            prefix = name.removesuffix("q_proj.weight")
            said = all(work.said_linear(f"{prefix}{part}_proj.weight") for part in ("q", "k", "v", "out"))
            if prefix != name and prefix not in kept and not said and _is_attention(work, prefix):
                _fuse_attention(work, prefix)


def _is_attention(work: Conversion, prefix: str) -> bool:
    """Whether a module has the four projections of MultiHeadAttention, of its shapes, and nothing else."""
    parts = {f"{part}_proj": work.children.get(f"{prefix}{part}_proj.", set()) for part in ("q", "k", "v", "out")}
    leaves = parts["q_proj"]
    alike = work.children.get(prefix) == parts.keys() and all(other == leaves for other in parts.values())
    names = [f"{prefix}{part}.{leaf}" for part in parts for leaf in leaves]
    if not alike or leaves not in ({"weight"}, {"weight", "bias"}) or any(name not in work.left for name in names):
        return False
    q, k, v, out = (work.shapes[f"{prefix}{part}.weight"] for part in parts)
    axis = 0 if work.options.source == "torch" else 1
    if any(work.shapes[name] != q[:1] for name in names if name.endswith("bias")):
        return False
    return {len(q), len(k), len(v)} == {2} and q == out == (q[0], q[0]) and k[axis] == v[axis] == q[0]


def _is_fused_attention(work: Conversion, prefix: str) -> bool:
    """The same for torch's, whose three projections are one tensor, or three of the module itself."""
    own, out = work.modules[prefix], work.modules.get(f"{prefix}out_proj.", {})
    if own.keys() & {"bias_k", "bias_v"}:
        raise InputError(f"{prefix}bias_k: MultiheadAttention with add_bias_kv has no counterpart in Paddle")
    if len(out.get("weight", ())) != 2:
        return False
    e = out["weight"][0]
    biases = {"in_proj_bias": (3 * e,)} if "bias" in out else {}
    weights: dict[str, Shape] = {"in_proj_weight": (3 * e, e)}
    if "in_proj_weight" not in own:  # keys and values of other widths
        weights = {f"{part}_proj_weight": own.get(f"{part}_proj_weight", ()) for part in "qkv"}
        if weights["q_proj_weight"] != (e, e) or any(len(shape) != 2 or shape[0] != e for shape in weights.values()):
            return False
    fits = own == {**weights, **biases} and out == {"weight": (e, e), **({"bias": (e,)} if biases else {})}
    return fits and work.children[prefix] == {*own, "out_proj"} and work.children[f"{prefix}out_proj."] == out.keys()


def _split_attention(work: Conversion, prefix: str, leaf: str) -> None:
    if leaf == "in_proj_weight":
        whole = work.left[prefix + leaf]
        parts = [turned(third(whole, index, prefix + leaf)) for index in range(3)]
        for part, tensor in zip("qkv", parts, strict=True):
            work.take([prefix + leaf], f"{prefix}{part}_proj.weight", "cut out of in_proj and turned", tensor)
    else:
        for part in "qkv":
            name = f"{prefix}{part}_proj_weight"
            work.take([name], f"{prefix}{part}_proj.weight", "renamed and turned", turned(work.left[name]))
    bias = prefix + "in_proj_bias"
    if bias in work.left:
        whole = work.left[bias]
        for index, part in enumerate("qkv"):
            work.take([bias], f"{prefix}{part}_proj.bias", "cut out of in_proj", third(whole, index, bias))
    _out_projection(work, prefix)


def _fuse_attention(work: Conversion, prefix: str) -> None:
    names = [f"{prefix}{part}_proj.weight" for part in "qkv"]
    parts = [turned(work.left[name]) for name in names]
    if len({part.shape for part in parts}) == 1 and parts[0].shape[0] == parts[0].shape[1]:
        work.take(names, f"{prefix}in_proj_weight", "turned and joined", joined(parts, prefix))
    else:
        for part, name, tensor in zip("qkv", names, parts, strict=True):
            work.take([name], f"{prefix}{part}_proj_weight", "renamed and turned", tensor)
    biases = [f"{prefix}{part}_proj.bias" for part in "qkv"]
    if biases[0] in work.left:
        work.take(biases, f"{prefix}in_proj_bias", "joined", joined([work.left[name] for name in biases], prefix))
    _out_projection(work, prefix)


def _out_projection(work: Conversion, prefix: str) -> None:
    name = f"{prefix}out_proj.weight"
    if name in work.left:
        work.take([name], name, "turned (Linear)", turned(work.left[name]))


def projected(work: Conversion) -> None:
    """LSTM with proj_size: torch's weight_hr is Paddle's weight_ho, turned, which is in the cells' listing alone.

    Under the other names Paddle deals four names a cell to five tensors, so that they come to stand a place further.
    """
    pattern = r"(.*\.)?weight_hr_l0()" if work.options.source == "torch" else r"(.*\.)?0\.cell(_fw)?\.weight_ho"
    for name in list(work.left):
        match = re.fullmatch(pattern, name)
        if match is None or f"{match[1] or ''}weight_ih_l0" not in work.left:
            continue
        prefix = match[1] or ""
        two = f"{prefix}weight_ih_l0_reverse" in work.shapes
        layers = next(n for n in itertools.count() if f"{prefix}weight_ih_l{n}" not in work.shapes)
        leaves = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_ho")
        named = []
        for leaf in leaves[:4]:  # a cell has its biases even where they are frozen, and then not listed again
            if f"{prefix}{leaf}_l0" not in work.shapes:
                work.remember("listed_once", f"{prefix}{leaf}_l0")
            elif f"{prefix}{leaf}_l0" not in work.noted("listed_once"):
                named.append(leaf)
        sides = {"_reverse": "bw", "": "fw"}
        again, pairs = [], []
        for layer, reverse, leaf in itertools.product(range(layers), ("", "_reverse") if two else ("",), leaves):
            cell = f"{prefix}{layer}.cell{f'_{sides[reverse]}' if two else ''}."
            pairs.append((f"{prefix}{leaf.replace('_ho', '_hr')}_l{layer}{reverse}", cell + leaf))
            again += [f"{prefix}{leaf}_l{layer}{reverse}"] if leaf in named else []
        _take_projected(work, pairs, list(zip(again, pairs, strict=False)))


def _take_projected(work: Conversion, pairs: list[tuple[str, str]], again: list[tuple[str, tuple[str, str]]]) -> None:
    """``pairs`` are the names in torch and in Paddle, ``again`` Paddle's second listing of some of them."""
    from_torch = work.options.source == "torch"
    tensors: dict[str, Tensor] = {}
    for ours, theirs in pairs:
        name = ours if from_torch else theirs
        if name not in work.left:
            raise InputError(
                f"{name} is missing beside {pairs[0][not from_torch]}; Paddle's LSTM with proj_size has it"
            )
        tensors[name] = work.left[name]
        if theirs.endswith("weight_ho"):
            if len(tensors[name].shape) != 2:
                raise InputError(f"{name} has shape {tensors[name].shape}; a projection has two axes")
            tensors[name] = turned(tensors[name])
    for second, (ours, theirs) in again:
        if from_torch:
            work.add(ours, Row((ours,), second, "as Paddle lists it again", tensors[ours]))
        elif second in work.left:
            if work.left[second].tobytes() != work.left[theirs].tobytes():
                raise InputError(f"{second} differs from {theirs}, of which it is the second listing; torch has one")
            work.take([second], "", f"dropped: {theirs} again", None)
    for ours, theirs in pairs:
        name, target = (ours, theirs) if from_torch else (theirs, ours)
        what = "turned (projection)" if theirs.endswith("weight_ho") else "renamed"
        work.take([name], target, what, tensors[name])


def recurrent(work: Conversion) -> None:
    """LSTM, GRU, RNN: the same tensors; Paddle's state dict lists each a second time, under its cell."""
    pattern = re.compile(r"(weight|bias)_(ih|hh)_l(\d+)(_reverse)?")
    once = work.noted("listed_once")
    for name in list(work.left):
        prefix, leaf = split(name)
        match = pattern.fullmatch(leaf)
        if match is None:
            continue
        kind, gate, layer, reverse = match.groups()
        two = f"{prefix}{kind}_{gate}_l{layer}_reverse" in work.shapes
        cell = f"cell_{'bw' if reverse else 'fw'}" if two else "cell"
        twin = f"{prefix}{layer}.{cell}.{kind}_{gate}"
        tensor = work.left[name]
        work.take([name], name, "as it is", tensor)
        if work.options.source == "torch":
            if name not in once:
                work.add(name, Row((name,), twin, "as Paddle lists it again", tensor))
        elif twin in work.left:
            if work.left[twin].tobytes() != tensor.tobytes():
                raise InputError(f"{twin} differs from {name}, of which it is the second listing; torch has one")
            work.take([twin], "", f"dropped: {name} again", None)
        else:
            work.remember("listed_once", name)


def batch_norms(work: Conversion) -> None:
    """running_mean, running_var ↔ _mean, _variance; torch's num_batches_tracked is kept in the record."""
    names = {"running_mean": "_mean", "running_var": "_variance"}
    if work.options.source == "paddle":
        names = {new: old for old, new in names.items()}
    mean, variance = names
    counts: dict[str, int] = {}
    never = work.noted("kept_norms")
    for prefix, own in work.modules.items():
        if own.keys() >= {*names.values()} and all(prefix + leaf in work.left for leaf in names.values()):
            work.remember("kept_norms", prefix)
    noted = work.record.get("num_batches_tracked")
    noted = noted if isinstance(noted, dict) else {}
    for name in list(work.left):
        prefix, leaf = split(name)
        if leaf != mean or prefix in never or work.shapes.get(prefix + variance) != work.shapes[name]:
            continue
        for old, new in names.items():
            work.take([prefix + old], prefix + new, "renamed", work.left[prefix + old])
        count = prefix + "num_batches_tracked"
        if count in work.left and work.shapes[count] == () and work.left[count].dtype.name == "int64":
            counts[count] = int(work.left[count].raw())
            work.take([count], "", "kept in the record", None)
        elif type(number := noted.get(count)) is int and abs(number) < 1 << 63:
            made = in_memory(np.array(number, np.int64), DTYPES["int64"])
            work.add(prefix + variance, Row((), count, "from the record", made))
    if counts:
        work.new_record["num_batches_tracked"] = counts


def renamed_weights(work: Conversion) -> None:
    """InstanceNorm's scale and PReLU's _weight in Paddle; the record says where a reverse could not tell."""
    always, never = work.noted("renamed_weights"), work.noted("kept_weights")
    notes: dict[str, list[str]] = {"renamed_weights": [], "kept_weights": []}
    doubtful: dict[str, list[str]] = {layer.layer: [] for layer in RENAMED}
    for layer, (prefix, own) in itertools.product(RENAMED, work.modules.items()):
        leaf, other = ("weight", layer.paddle) if work.options.source == "torch" else (layer.paddle, "weight")
        told = layer.told(prefix)
        if layer.fits(leaf, own) and prefix + leaf in work.left:
            if prefix in always or (prefix not in never and (told or leaf != "weight")):
                work.take([prefix + leaf], prefix + other, f"renamed ({layer.layer})", work.left[prefix + leaf])
                if other == "weight" and not told:
                    notes["renamed_weights"].append(prefix)
            elif leaf == "weight" and prefix not in never and _after_convolution(work, prefix):
                doubtful[layer.layer].append(prefix + leaf)
        elif layer.fits(other, own) and (told or other != "weight"):
            notes["kept_weights"].append(prefix)
    for layer in RENAMED:
        for name in doubtful[layer.layer][:1]:
            new = f"--rename '^{re.escape(name)}$={name.removesuffix('weight')}{layer.paddle}'"
            work.note(doubtful[layer.layer], f"kept the name; should it be of {layer.layer}, {new}")
    work.new_record.update({key: prefixes for key, prefixes in notes.items() if prefixes})


def _after_convolution(work: Conversion, prefix: str) -> bool:
    """Whether a module comes next after a convolution of as many outputs in a Sequential, where names tell nothing."""
    parent, place = split(prefix.removesuffix("."))
    if not place.isdecimal() or len(place) > 9:
        return False
    before = work.shapes.get(f"{parent}{int(place) - 1}.weight", ())
    return len(before) > 2 and work.shapes[prefix + "weight"][0] in {1, *before[:2]}


def bilinear(work: Conversion) -> None:
    """Bilinear: Paddle's bias is [1, out]. In torch only the module's name tells it from a Conv1d."""
    always, never = work.noted("bilinear"), work.noted("kept_bilinear")
    for prefix, own in work.modules.items():
        bias = prefix + "bias"
        if set(own) != {"weight", "bias"} or len(own["weight"]) != 3 or bias not in work.left:
            continue
        told = re.search(r"bilinear", prefix, re.IGNORECASE) is not None
        vector, row = own["weight"][:1], (1, own["weight"][0])
        mine, theirs = (vector, row) if work.options.source == "torch" else (row, vector)
        if own["bias"] == mine and prefix not in never and (mine == row or told or prefix in always):
            what = "as a row (Bilinear)" if mine == vector else "as a vector (Bilinear)"
            work.take([bias], bias, what, reshaped(work.left[bias], theirs))
            if mine == row and not told:
                work.remember("bilinear", prefix)
        elif own["bias"] == theirs and (theirs == row or told):
            work.remember("kept_bilinear", prefix)
