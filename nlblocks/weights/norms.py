"""Weight norm and spectral norm, held as several tensors; LayerNorm over several axes: other names or shapes in Paddle.

torch holds weight_g [1, .., k, .., 1] and weight_v, or parametrizations.weight.original0 and original1; Paddle weight_g
[k] and weight_v. Spectral norm has weight_orig, weight_u and weight_v in both, or torch's
parametrizations.weight.original, 0._u and 0._v. Of a Linear, weight norm's weight_v and weight_orig are turned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from nlblocks.errors import InputError
from nlblocks.specs.base import Shape
from nlblocks.weights.conversion import Conversion, split
from nlblocks.weights.made import reshaped

WEIGHT_NORM = {"g": "original0", "v": "original1"}
SPECTRAL_NORM = {"orig": "original", "u": "0._u", "v": "0._v"}
"""The parts of a weight, and what torch's parametrizations call them."""


def weight_norms(work: Conversion) -> None:
    """Weight norm: the magnitudes are a vector in Paddle; in torch they lie along an axis, the others of extent 1."""
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
            in_torch = v[::-1] if turn and work.options.source == "paddle" else v
            fits = [axis for axis, extent in enumerate(in_torch) if extent == count]
            guess = fits[0] if len(fits) == 1 or not turn else None
            if work.options.source == "torch":
                axis = next((axis for axis, extent in enumerate(g) if extent != 1), fits[0])
                if axis != guess:
                    notes[weight] = axis
                tensor = reshaped(tensor, (count,))
                if turn:
                    dims[1 - axis].append(weight)
            else:
                noted = axes.get(weight, guess)
                if noted not in fits:
                    raise InputError(
                        f"{parts['g']} may lie along either axis of the square {parts['v']}, and no record says which: "
                        "save the model after remove_weight_norm"
                    )
                tensor = reshaped(tensor, tuple(count if axis == noted else 1 for axis in range(len(v))))
                if turn:
                    dims[noted].append(weight)
        work.take([parts["g"]], _name(work, weight, "g", WEIGHT_NORM), "weight norm", tensor)
    this, other = work.options.source, work.options.target
    for dim, weights in dims.items():
        work.note(weights, f"weight norm of a Linear, dim={1 - dim} in {this}; build it with dim={dim} in {other}")
    found = {"weight_norm_axes": notes, "kept_weight_norms": kept}
    work.new_record.update({key: value for key, value in found.items() if value})


def _shapes_of_g(work: Conversion, v: Shape) -> set[Shape]:
    """What the magnitudes of a weight may look like: () is one for the whole."""
    if work.options.source == "paddle":
        return {(), *((extent,) for extent in v)}
    return {(), *(tuple(n if other == axis else 1 for other in range(len(v))) for axis, n in enumerate(v))}


def spectral_norms(work: Conversion) -> None:
    """Spectral norm: the same three tensors, a Linear's weight turned."""
    for name in work.left:
        if name.endswith("_orig") and f"{name.removesuffix('orig')}mask" in work.left:
            raise InputError(f"{name} is pruned (torch.nn.utils.prune), for which Paddle has nothing: prune.remove it")
    for weight, parts in _groups(work, SPECTRAL_NORM).items():
        work.take_weight(parts["orig"], _name(work, weight, "orig", SPECTRAL_NORM), "spectral norm", as_name=weight)
        for part in "uv":
            work.take([parts[part]], _name(work, weight, part, SPECTRAL_NORM), "spectral norm", work.left[parts[part]])


def layer_norms(work: Conversion) -> None:
    """LayerNorm over several axes: Paddle's weight and bias are vectors; the record keeps the axes for the reverse."""
    noted, kept = work.record.get("layer_norm_shapes"), work.noted("kept_layer_norms")
    notes: dict[str, list[int]] = {}
    stays = []
    for prefix, own in work.modules.items():
        if own.keys() != {"weight", "bias"} or own["weight"] != own["bias"] or prefix + "weight" not in work.left:
            continue
        flat, shape = (math.prod(own["weight"]),), own["weight"]
        if len(shape) < 2:
            told = noted.get(prefix) if isinstance(noted, dict) else None
            if work.options.source == "torch" or not isinstance(told, list):
                continue
            if not all(type(extent) is int and extent > 0 for extent in told) or math.prod(told) != shape[0]:
                continue
            new: Shape = tuple(told)
        elif work.options.source == "paddle":
            stays.append(prefix)
            continue
        elif 1 in shape or prefix in kept or work.said_plain(prefix + "weight"):
            continue
        else:
            new, notes[prefix] = flat, list(shape)
        for name in (prefix + "weight", prefix + "bias"):
            work.take([name], name, f"reshaped (LayerNorm over {len(max(shape, new, key=len))} axes)",
                      reshaped(work.left[name], new))  # fmt: skip
    found = {"layer_norm_shapes": notes, "kept_layer_norms": stays}
    work.new_record.update({key: value for key, value in found.items() if value})


def _groups(work: Conversion, names: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Weight → part → tensor, of the weights that are held in just these parts."""
    groups: dict[str, dict[str, str]] = {}
    parametrised = set()
    for name in work.left:
        module, leaf = split(name)
        stem, _, part = leaf.rpartition("_")
        if stem.startswith("weight") and part in ("g", "v", "orig", "u"):
            groups.setdefault(module + stem, {})[part] = name
        elif work.options.source == "torch" and "parametrizations.weight" in name:
            module, _, rest = name.rpartition("parametrizations.")
            stem, _, place = rest.partition(".")
            part = next((part for part, said in names.items() if said == place), place)
            groups.setdefault(module + stem, {})[part] = name
            parametrised.add(module + stem)
    found = {weight: parts for weight, parts in groups.items() if parts.keys() == names.keys()}
    if noted := sorted(parametrised & found.keys()):
        work.new_record["parametrised"] = [*work.new_record.get("parametrised", ()), *noted]
    return found


def _name(work: Conversion, weight: str, part: str, names: Mapping[str, str]) -> str:
    """A part's name in the target."""
    if work.options.target == "torch" and weight in work.noted("parametrised"):
        module, leaf = split(weight)
        return f"{module}parametrizations.{leaf}.{names[part]}"
    return f"{weight}_{part}"
