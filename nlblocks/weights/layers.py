"""The frameworks' own layers whose tensors have other names or shapes in another framework, as these declare."""

from __future__ import annotations

import itertools
import re

import numpy as np

from nlblocks.conventions import CANONICAL
from nlblocks.weights.attention import attention
from nlblocks.weights.conversion import Conversion, Row, renamed_record, split, with_start
from nlblocks.weights.files import in_memory
from nlblocks.weights.files.dtypes import DTYPES
from nlblocks.weights.made import reshaped
from nlblocks.weights.meaning import RENAMED
from nlblocks.weights.norms import layer_norms, spectral_norms, weight_norms
from nlblocks.weights.recurrent import projected, recurrent


def convert_layers(work: Conversion) -> None:
    """Take the tensors of every layer that is known here."""
    for step in (
        decoders, attention, projected, recurrent, batch_norms, renamed_weights, weight_norms, spectral_norms,
        layer_norms, bilinear,
    ):  # fmt: skip
        step(work)


def decoders(work: Conversion) -> None:
    """TransformerDecoderLayer: its second attention has another name."""
    own, other = work.source.cross_attention, work.target.cross_attention
    beside = {"self_attn", "linear1", "linear2", "norm1", "norm2", "norm3"}
    kept = [prefix for prefix, found in work.children.items() if found == {*beside, other}] if own != other else []
    if kept:
        work.new_record["kept_decoders"] = kept
    stay = work.noted("kept_decoders")
    for prefix, found in work.children.items():
        if found == {*beside, own} and prefix not in stay:
            work.modules_renamed[f"{prefix}{own}."] = f"{prefix}{other}."
            work.modules_recorded[f"{prefix}{own}."] = f"{prefix}{CANONICAL.cross_attention}."
    here = {recorded: name for name, recorded in work.modules_recorded.items()}
    work.record = renamed_record(work.record, lambda name: with_start(name, here))


def batch_norms(work: Conversion) -> None:
    """The statistics under other names; the count of batches is kept in the record where not both frameworks count."""
    own, other = work.source.batch_norm, work.target.batch_norm
    if own == other and own.count:
        return
    names = {own.mean: other.mean, own.variance: other.variance}
    counts: dict[str, int] = {}
    never = work.noted("kept_norms")
    renamed = any(old != new for old, new in names.items())
    for prefix, leaves in work.modules.items():
        kept = leaves.keys() >= {*names.values()} and all(prefix + leaf in work.left for leaf in names.values())
        if renamed and kept:
            work.remember("kept_norms", prefix)
    noted = work.record.get("num_batches_tracked")
    noted = noted if isinstance(noted, dict) else {}
    for name in list(work.left):
        prefix, leaf = split(name)
        if leaf != own.mean or prefix in never or work.shapes.get(prefix + own.variance) != work.shapes[name]:
            continue
        for old, new in names.items():
            what = "as it is" if old == new else "renamed"
            work.take([prefix + old], prefix + new, what, work.left[prefix + old])
        count, recorded = prefix + (own.count or other.count), prefix + CANONICAL.batch_norm.count
        number = noted.get(recorded)
        number = number if type(number) is int and abs(number) < 1 << 63 else None
        if not (own.count or other.count):
            if number is not None:
                counts[recorded] = number
        elif own.count and other.count:
            if count in work.left:
                work.take([count], prefix + other.count, "renamed", work.left[count])
        elif count in work.left and work.shapes[count] == () and work.left[count].dtype.name == "int64":
            counts[recorded] = int(work.left[count].raw())
            work.take([count], "", "kept in the record", None)
        elif number is not None:
            made = in_memory(np.array(number, np.int64), DTYPES["int64"])
            work.add(prefix + own.variance, Row((), count, "from the record", made))
    if counts:
        work.new_record["num_batches_tracked"] = counts


def renamed_weights(work: Conversion) -> None:
    """InstanceNorm's and PReLU's weight under other names; the record says where a reverse could not tell."""
    always, never = work.noted("renamed_weights"), work.noted("kept_weights")
    notes: dict[str, list[str]] = {"renamed_weights": [], "kept_weights": []}
    doubtful: dict[str, list[str]] = {layer.layer: [] for layer in RENAMED}
    for layer, (prefix, own) in itertools.product(RENAMED, work.modules.items()):
        leaf, other, told = layer.leaf(work.source), layer.leaf(work.target), layer.told(prefix)
        if leaf == other:
            continue
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
            new = f"--rename '^{re.escape(name)}$={name.removesuffix('weight')}{layer.leaf(work.target)}'"
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
    """Bilinear: its bias is [out] or [1, out]. Where it is [out] only the module's name tells it from a Conv1d."""
    if work.source.bilinear_bias == work.target.bilinear_bias:
        return
    always, never = work.noted("bilinear"), work.noted("kept_bilinear")
    for prefix, own in work.modules.items():
        bias = prefix + "bias"
        if set(own) != {"weight", "bias"} or len(own["weight"]) != 3 or bias not in work.left:
            continue
        told = re.search(r"bilinear", prefix, re.IGNORECASE) is not None
        vector, row = own["weight"][:1], (1, own["weight"][0])
        mine, theirs = (vector, row) if work.source.bilinear_bias == "vector" else (row, vector)
        if own["bias"] == mine and prefix not in never and (mine == row or told or prefix in always):
            what = "as a row (Bilinear)" if mine == vector else "as a vector (Bilinear)"
            work.take([bias], bias, what, reshaped(work.left[bias], theirs))
            if mine == row and not told:
                work.remember("bilinear", prefix)
        elif own["bias"] == theirs and (theirs == row or told):
            work.remember("kept_bilinear", prefix)
