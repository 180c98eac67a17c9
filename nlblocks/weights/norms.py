"""Weight norm and spectral norm, held as several tensors; LayerNorm over several axes: other names or shapes.

All frameworks have weight_g and weight_v of weight norm, weight_orig, weight_u and weight_v of spectral norm; some may
hold them under other names instead, as their conventions say. Of a Linear, weight norm's weight_v and weight_orig are
laid out like its weight.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nlblocks.conventions import Parametrised
from nlblocks.errors import InputError
from nlblocks.specs.base import Shape
from nlblocks.weights.conversion import Conversion, split
from nlblocks.weights.made import reshaped

WEIGHT_NORM, SPECTRAL_NORM = ("g", "v"), ("orig", "u", "v")
"""The parts of a weight."""


def weight_norms(work: Conversion) -> None:
    """Weight norm: the magnitudes are a vector or lie along an axis, which the record keeps where a vector cannot."""
    axes = work.record.get("weight_norm_axes")
    axes = axes if isinstance(axes, dict) else {}
    notes: dict[str, int] = {}
    kept = []
    dims: dict[int, list[str]] = {0: [], 1: []}
    for weight, parts in _groups(work, WEIGHT_NORM).items():
        g, v, tensor = work.shapes[parts["g"]], work.shapes[parts["v"]], work.left[parts["g"]]
        if len(v) < 2 or g not in _shapes_of_g(work, v) or weight in work.noted("kept_weight_norms"):
            kept.append(weight)
            continue
        turn = work.take_weight(parts["v"], _name(work, weight, "v", WEIGHT_NORM), "weight norm", as_name=weight)
        if g != ():
            count = math.prod(g)
            out_in = v[::-1] if turn and work.source.linear_in_out else v
            fits = [axis for axis, extent in enumerate(out_in) if extent == count]
            guess = fits[0] if len(fits) == 1 or not turn else None
            told = work.source.weight_norm == "axis"
            axis: Any = _axis(work, g, turn, fits) if told else axes.get(weight, guess)
            if work.target.weight_norm == "vector":
                if told and axis != guess:
                    notes[weight] = axis
                tensor = reshaped(tensor, (count,))
            elif axis not in fits:
                raise InputError(
                    f"{parts['g']} may lie along either axis of the square {parts['v']}, and no record says which: "
                    "save the model after remove_weight_norm"
                )
            else:
                place = 1 - axis if turn and work.target.linear_in_out else axis
                tensor = reshaped(tensor, tuple(count if other == place else 1 for other in range(len(v))))
            if turn and axis in fits:
                dims[1 - axis if work.target.linear_in_out else axis].append(weight)
        work.take([parts["g"]], _name(work, weight, "g", WEIGHT_NORM), "weight norm", tensor)
    this, other = work.options.source, work.options.target
    for dim, weights in dims.items():
        work.note(weights, f"weight norm of a Linear, dim={1 - dim} in {this}; build it with dim={dim} in {other}")
    found = {"weight_norm_axes": notes, "kept_weight_norms": kept}
    work.new_record.update({key: value for key, value in found.items() if value})


def _axis(work: Conversion, g: Shape, turn: bool, fits: Sequence[int]) -> int:
    """Along which axis of the weight, of a Linear's as [out, in], magnitudes lie whose shape tells it."""
    along = next((axis for axis, extent in enumerate(g) if extent != 1), None)
    if along is None:  # a single one
        return fits[0]
    return 1 - along if turn and work.source.linear_in_out else along


def _shapes_of_g(work: Conversion, v: Shape) -> set[Shape]:
    """What the magnitudes of a weight may look like: () is one for the whole."""
    if work.source.weight_norm == "vector":
        return {(), *((extent,) for extent in v)}
    return {(), *(tuple(n if other == axis else 1 for other in range(len(v))) for axis, n in enumerate(v))}


def spectral_norms(work: Conversion) -> None:
    """Spectral norm: the same three tensors, a Linear's weight turned."""
    for name in work.left:
        if name.endswith("_orig") and f"{name.removesuffix('orig')}mask" in work.left:
            pruning = work.source.pruning or work.target.pruning or "a mask beside it"
            lacking = work.source if work.target.pruning else work.target
            raise InputError(f"{name} is pruned ({pruning}), for which {lacking.title} has nothing: prune.remove it")
    for weight, parts in _groups(work, SPECTRAL_NORM).items():
        work.take_weight(parts["orig"], _name(work, weight, "orig", SPECTRAL_NORM), "spectral norm", as_name=weight)
        for part in "uv":
            work.take([parts[part]], _name(work, weight, part, SPECTRAL_NORM), "spectral norm", work.left[parts[part]])


_LAYER_NORM = re.compile(r"(.*_)?(ln|(layer_?)?norms?)_?\d*|ln_.*", re.IGNORECASE)


def layer_norms(work: Conversion) -> None:
    """LayerNorm over several axes: with them or flat, and then the record keeps the axes for the reverse."""
    if work.source.layer_norm == work.target.layer_norm:
        _keep_layer_norms(work)
        return
    noted, kept = work.record.get("layer_norm_shapes"), work.noted("kept_layer_norms")
    notes: dict[str, list[int]] = {}
    stays = []
    for prefix, own in work.modules.items():
        if not _like_layer_norm(own) or prefix + "weight" not in work.left:
            continue
        flat, shape = (math.prod(own["weight"]),), own["weight"]
        if len(shape) < 2:
            told = noted.get(prefix) if isinstance(noted, dict) else None
            if work.source.layer_norm == "axes" or not isinstance(told, list):
                continue
            if not all(type(extent) is int and extent > 0 for extent in told) or math.prod(told) != shape[0]:
                continue
            new: Shape = tuple(told)
        elif work.source.layer_norm == "flat":
            if "bias" in own:
                stays.append(prefix)
            continue
        elif prefix in kept or not _over_several_axes(work, prefix):
            continue
        else:
            new, notes[prefix] = flat, list(shape)
        for name in (prefix + leaf for leaf in own):
            work.take([name], name, f"reshaped (LayerNorm over {len(max(shape, new, key=len))} axes)",
                      reshaped(work.left[name], new))  # fmt: skip
    found = {"layer_norm_shapes": notes, "kept_layer_norms": stays}
    work.new_record.update({key: value for key, value in found.items() if value})


def _like_layer_norm(own: Mapping[str, Shape]) -> bool:
    return own.keys() in ({"weight", "bias"}, {"weight"}) and own["weight"] == own.get("bias", own["weight"])


def _over_several_axes(work: Conversion, prefix: str) -> bool:
    """Whether a weight of several axes is a LayerNorm's: told by a bias of its shape; where one is 1, by its name."""
    answer, shape = work.answer(f"{prefix}weight"), work.shapes[f"{prefix}weight"]
    if answer:
        return answer == "layer_norm"
    named = _LAYER_NORM.fullmatch(prefix.removesuffix(".").rpartition(".")[2]) is not None
    biased = f"{prefix}bias" in work.shapes
    return named if not biased or 1 in shape else True


def _keep_layer_norms(work: Conversion) -> None:
    """Where both frameworks keep the axes: a weight of two with a bias of the same is no Linear's."""
    for prefix, own in work.modules.items():
        weight = prefix + "weight"
        if own.keys() != {"weight", "bias"} or own["weight"] != own["bias"] or len(own["weight"]) != 2:
            continue
        if work.source.layer_norm == "axes" and weight in work.left and work.answer(weight) in ("", "layer_norm"):
            for name in (weight, prefix + "bias"):
                work.take([name], name, "as it is", work.left[name])


def _groups(work: Conversion, wanted: Sequence[str]) -> dict[str, dict[str, str]]:
    """Weight → part → tensor, of the weights that are held in just these parts."""
    groups: dict[str, dict[str, str]] = {}
    parametrised = set()
    holder = work.source.parametrised
    for name in work.left:
        module, leaf = split(name)
        stem, _, part = leaf.rpartition("_")
        if stem.startswith("weight") and part in ("g", "v", "orig", "u"):
            groups.setdefault(module + stem, {})[part] = name
        elif holder is not None and f"{holder.module}.weight" in name:
            module, _, rest = name.rpartition(f"{holder.module}.")
            stem, _, place = rest.partition(".")
            part = next((part for part in wanted if _places(holder, wanted)[part] == place), place)
            groups.setdefault(module + stem, {})[part] = name
            parametrised.add(module + stem)
    found = {weight: parts for weight, parts in groups.items() if parts.keys() == {*wanted}}
    if noted := sorted(parametrised & found.keys()):
        work.new_record["parametrised"] = [*work.new_record.get("parametrised", ()), *noted]
    return found


def _name(work: Conversion, weight: str, part: str, parts: Sequence[str]) -> str:
    """A part's name in the target."""
    holder = work.target.parametrised
    if holder is not None and weight in {*work.noted("parametrised"), *work.new_record.get("parametrised", ())}:
        module, leaf = split(weight)
        return f"{module}{holder.module}.{leaf}.{_places(holder, parts)[part]}"
    return f"{weight}_{part}"


def _places(holder: Parametrised, parts: Sequence[str]) -> Mapping[str, str]:
    return holder.weight_norm if parts is WEIGHT_NORM else holder.spectral_norm
