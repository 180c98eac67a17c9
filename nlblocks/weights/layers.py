"""The frameworks' own layers whose tensors have other names or shapes in another framework, as these declare."""

from __future__ import annotations

import re

import numpy as np

from nlblocks.conventions import CANONICAL
from nlblocks.weights.attention import attention
from nlblocks.weights.conversion import Conversion, Row, renamed_record, split, with_start
from nlblocks.weights.files import in_memory
from nlblocks.weights.files.dtypes import DTYPES
from nlblocks.weights.made import reshaped
from nlblocks.weights.norms import layer_norms, spectral_norms, weight_norms
from nlblocks.weights.recurrent import projected, recurrent
from nlblocks.weights.renamed import RENAMED, renamed_weights


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
        if work.answer(f"{prefix}weight") == "instance_norm" and f"{prefix}weight" in work.left:
            _instance_norm(work, prefix)
            continue
        _doubt_statistics(work, prefix)
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


_STATISTICS = "its statistics are left out: {target}'s InstanceNorm keeps none"
_BATCH_NORM = (
    "has running statistics: in evaluation it computes what a BatchNorm does, whose names it gets; for those of an "
    "InstanceNorm without them --as '{}=instance_norm'"
)
_UNCOUNTED = f"has statistics and has counted no batch, as an InstanceNorm that {_BATCH_NORM}"


def _instance_norm(work: Conversion, prefix: str) -> None:
    """An InstanceNorm that tracks statistics, for a framework whose InstanceNorm does not."""
    own, other = work.source.batch_norm, work.target.instance_norm
    work.take([f"{prefix}weight"], prefix + other, "renamed (InstanceNorm)", work.left[f"{prefix}weight"])
    for leaf in (own.mean, own.variance, own.count):
        if leaf and prefix + leaf in work.left:
            work.take([prefix + leaf], "", "dropped: statistics of an InstanceNorm", None)
    work.doubt(prefix + own.mean, _STATISTICS.replace("{target}", work.target.title))


def _doubt_statistics(work: Conversion, prefix: str) -> None:
    """An InstanceNorm that tracks statistics has a BatchNorm's tensors, but counts no batches."""
    own, weight = work.source.batch_norm, f"{prefix}weight"
    if work.source.instance_norm == work.target.instance_norm or weight not in work.left or work.answer(weight):
        return
    if RENAMED[0].told(prefix):
        work.doubt(weight, _BATCH_NORM)
    elif prefix + (own.count or " ") in work.left and not re.search(r"bn|batch", prefix, re.I):
        count, mean = work.left[prefix + own.count], work.left[prefix + own.mean]
        if count.shape == () and not int(count.raw()) and mean.raw().any():
            work.doubt(weight, _UNCOUNTED)


def bilinear(work: Conversion) -> None:
    """Bilinear: its bias is [out] or [1, out]. Where it is [out] only the module's name tells it from a Conv1d."""
    if work.source.bilinear_bias == work.target.bilinear_bias:
        return
    always, never = work.noted("bilinear"), work.noted("kept_bilinear")
    for prefix, own in work.modules.items():
        bias = prefix + "bias"
        if set(own) != {"weight", "bias"} or len(own["weight"]) != 3 or bias not in work.left:
            continue
        answer = work.answer(f"{prefix}weight")
        if answer and answer != "bilinear":
            continue
        told = bool(answer) or re.search(r"bilinear", prefix, re.IGNORECASE) is not None
        vector, row = own["weight"][:1], (1, own["weight"][0])
        mine, theirs = (vector, row) if work.source.bilinear_bias == "vector" else (row, vector)
        if own["bias"] == mine and prefix not in never and (mine == row or told or prefix in always):
            what = "as a row (Bilinear)" if mine == vector else "as a vector (Bilinear)"
            work.take([bias], bias, what, reshaped(work.left[bias], theirs))
            if mine == row and not told:
                work.remember("bilinear", prefix)
        elif own["bias"] == theirs and (theirs == row or told):
            work.remember("kept_bilinear", prefix)
