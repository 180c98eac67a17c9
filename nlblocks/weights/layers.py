"""The frameworks' own layers whose tensors have other names, cuts or shapes in the other framework."""

from __future__ import annotations

import itertools
import re

import numpy as np

from nlblocks.errors import InputError
from nlblocks.weights.conversion import Conversion, Row, split
from nlblocks.weights.files import in_memory
from nlblocks.weights.files.dtypes import DTYPES
from nlblocks.weights.made import joined, reshaped, third, turned
from nlblocks.weights.meaning import RENAMED
from nlblocks.weights.norms import spectral_norms, weight_norms


def convert_layers(work: Conversion) -> None:
    """Take the tensors of every layer that is known here."""
    for step in (decoders, attention, recurrent, batch_norms, renamed_weights, weight_norms, spectral_norms, bilinear):
        step(work)


def decoders(work: Conversion) -> None:
    """TransformerDecoderLayer: torch's multihead_attn is Paddle's cross_attn."""
    names = {"torch": "multihead_attn", "paddle": "cross_attn"}
    own, other = names[work.options.source], names[work.options.target]
    beside = {"self_attn", "linear1", "linear2", "norm1", "norm2", "norm3"}
    kept = [prefix for prefix, found in work.children.items() if found == {*beside, other}]
    if kept:
        work.new_record["kept_decoders"] = kept
    for prefix, found in work.children.items():
        if found == {*beside, own} and prefix not in work.noted("kept_decoders"):
            work.modules_renamed[f"{prefix}{own}."] = f"{prefix}{other}."


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
            if leaf in ("in_proj_weight", "q_proj_weight"):
                _split_attention(work, prefix, leaf)
    else:
        kept = work.noted("separate_attention")
        for name in list(work.left):
            prefix = name.removesuffix("q_proj.weight")
            if prefix != name and work.in_target(prefix) not in kept and _is_attention(work, prefix):
                _fuse_attention(work, prefix)


def _is_attention(work: Conversion, prefix: str) -> bool:
    """Whether a module has the four projections of MultiHeadAttention, and nothing else."""
    parts = {f"{part}_proj": work.children.get(f"{prefix}{part}_proj.", set()) for part in ("q", "k", "v", "out")}
    names = [f"{prefix}{part}.{leaf}" for part, leaves in parts.items() for leaf in leaves]
    return (
        work.children.get(prefix) == parts.keys()
        and all(leaves == parts["q_proj"] and leaves in ({"weight"}, {"weight", "bias"}) for leaves in parts.values())
        and all(name in work.left and len(work.shapes[name]) == 1 + name.endswith("weight") for name in names)
    )


def _split_attention(work: Conversion, prefix: str, leaf: str) -> None:
    if any(prefix + name in work.left for name in ("bias_k", "bias_v")):
        raise InputError(f"{prefix}bias_k: MultiheadAttention with add_bias_kv has no counterpart in Paddle")
    if len(work.shapes[prefix + leaf]) != 2:
        raise InputError(f"{prefix + leaf} has shape {work.shapes[prefix + leaf]}; a projection has two axes")
    if leaf == "in_proj_weight":
        whole = work.left[prefix + leaf]
        parts = [turned(third(whole, index)) for index in range(3)]
        for part, tensor in zip("qkv", parts, strict=True):
            work.take([prefix + leaf], f"{prefix}{part}_proj.weight", "cut out of in_proj and turned", tensor)
    else:
        for part in "qkv":
            name = f"{prefix}{part}_proj_weight"
            if name not in work.left:
                raise InputError(f"{name} is missing beside {prefix + leaf}")
            work.take([name], f"{prefix}{part}_proj.weight", "renamed and turned", turned(work.left[name]))
    bias = prefix + "in_proj_bias"
    if bias in work.left:
        whole = work.left[bias]
        for index, part in enumerate("qkv"):
            work.take([bias], f"{prefix}{part}_proj.bias", "cut out of in_proj", third(whole, index))
    _out_projection(work, prefix)


def _fuse_attention(work: Conversion, prefix: str) -> None:
    names = [f"{prefix}{part}_proj.weight" for part in "qkv"]
    parts = [turned(work.left[name]) for name in names]
    if len({part.shape for part in parts}) == 1 and parts[0].shape[0] == parts[0].shape[1]:
        work.take(names, f"{prefix}in_proj_weight", "turned and joined", joined(parts))
    else:
        for part, name, tensor in zip("qkv", names, parts, strict=True):
            work.take([name], f"{prefix}{part}_proj_weight", "renamed and turned", tensor)
    biases = [f"{prefix}{part}_proj.bias" for part in "qkv"]
    if biases[0] in work.left:
        work.take(biases, f"{prefix}in_proj_bias", "joined", joined([work.left[name] for name in biases]))
    _out_projection(work, prefix)


def _out_projection(work: Conversion, prefix: str) -> None:
    name = f"{prefix}out_proj.weight"
    if name in work.left:
        work.take([name], name, "turned (Linear)", turned(work.left[name]))


def recurrent(work: Conversion) -> None:
    """LSTM, GRU, RNN: the same tensors; Paddle's state dict lists each a second time, under its cell."""
    pattern = re.compile(r"(weight|bias)_(ih|hh)_l(\d+)(_reverse)?")
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
            work.add(name, Row((name,), twin, "as Paddle lists it again", tensor))
        elif twin in work.left:
            if work.left[twin].tobytes() != tensor.tobytes():
                raise InputError(f"{twin} differs from {name}, of which it is the second listing; torch has one")
            work.take([twin], "", f"dropped: {name} again", None)


def batch_norms(work: Conversion) -> None:
    """running_mean, running_var ↔ _mean, _variance; torch's num_batches_tracked is kept in the record."""
    names = {"running_mean": "_mean", "running_var": "_variance"}
    if work.options.source == "paddle":
        names = {new: old for old, new in names.items()}
    mean, variance = names
    counts: dict[str, int] = {}
    noted = work.record.get("num_batches_tracked")
    noted = noted if isinstance(noted, dict) else {}
    for name in list(work.left):
        prefix, leaf = split(name)
        if leaf != mean or work.shapes.get(prefix + variance) != work.shapes[name]:
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
    for layer, (prefix, own) in itertools.product(RENAMED, work.modules.items()):
        leaf, other = ("weight", layer.paddle) if work.options.source == "torch" else (layer.paddle, "weight")
        told = layer.told(prefix)
        if layer.fits(leaf, own) and prefix + leaf in work.left:
            if prefix in always or (prefix not in never and (told or leaf != "weight")):
                work.take([prefix + leaf], prefix + other, f"renamed ({layer.layer})", work.left[prefix + leaf])
                if other == "weight" and not told:
                    notes["renamed_weights"].append(prefix)
        elif layer.fits(other, own) and (told or other != "weight"):
            notes["kept_weights"].append(prefix)
    work.new_record.update({key: prefixes for key, prefixes in notes.items() if prefixes})


def bilinear(work: Conversion) -> None:
    """Bilinear: Paddle's bias is [1, out]. In torch only the module's name tells it from a Conv1d."""
    always, notes = work.noted("bilinear"), []
    for prefix, own in work.modules.items():
        bias = prefix + "bias"
        if set(own) != {"weight", "bias"} or len(own["weight"]) != 3 or bias not in work.left:
            continue
        told = re.search(r"bilinear", prefix, re.IGNORECASE) is not None
        if work.options.source == "torch":
            if own["bias"] == own["weight"][:1] and (told or prefix in always):
                work.take([bias], bias, "as a row (Bilinear)", reshaped(work.left[bias], (1, *own["bias"])))
        elif own["bias"] == (1, own["weight"][0]):
            work.take([bias], bias, "as a vector (Bilinear)", reshaped(work.left[bias], own["bias"][1:]))
            notes += [] if told else [prefix]
    if notes:
        work.new_record["bilinear"] = notes
