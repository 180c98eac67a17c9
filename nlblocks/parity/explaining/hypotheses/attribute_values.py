"""What porters get wrong about one operation: the other values that each attribute could have had."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any

from nlblocks.parity.tracing import Op, vocabulary

EPSILONS = (1e-5, 1e-3, 1e-6, 1e-12, 1e-8, 1e-4, 1e-7, 0.0)
"""Those of layers in use, the likelier first: the first that fits is said."""
MARGINS = (0.0, 1.0, 0.5, 0.1, 0.2, 0.3, 2.0)
"""Those of losses in use, the likelier first."""
SLOPES = (0.01, 0.2, 0.1, 0.25, 0.3, 0.05, 0.0)
"""Those of leaky activations in use, the likelier first."""
_BY_HAND: dict[Any, tuple[Any, ...]] = {"ddof": (1,), "outside": (True,), ("ddof", "outside"): ((1, True),)}
"""How a normalisation is written by hand: by N - 1, with eps added outside of the root, or both."""
_RECURRENCE: dict[str, tuple[Any, ...]] = {"swapped": (True,), "reversed": (True, False)}
_CELLS: dict[str, dict[str, tuple[Any, ...]]] = {
    "lstm": {"gates": tuple(permutations(range(4)))[1:]},
    "gru": {"gates": tuple(permutations(range(3)))[1:], "reset": ("before",), "update": ("new",)},
    "rnn_tanh": {},
    "rnn_relu": {},
}
"""What goes wrong in a cell: the order of the gates in its weights, and what a GRU's gates weigh."""
AXES = (0, 1, 2, 3)
GRID: dict[str, dict[Any, tuple[Any, ...]]] = {
    "batch_norm": {"eps": EPSILONS, "training": (True, False), "ddof": (1,)},
    "layer_norm": {"eps": EPSILONS, **_BY_HAND, "count": (1, 2, 3)},
    "group_norm": {"eps": EPSILONS, "groups": (1, 2, 4, 8, 16, 32), **_BY_HAND},
    "instance_norm": {"eps": EPSILONS, **_BY_HAND},
    "rms_norm": {"eps": EPSILONS, "outside": (True,)},
    "leaky_relu": {"slope": SLOPES},
    "elu": {"alpha": (1.0, 0.3, 0.5, 0.1)},
    "glu": {"swapped": (True,)},
    "gelu": {"approximate": ("none", "tanh", "sigmoid")},
    "hard_sigmoid": {"slope": (1 / 6, 0.2), "offset": (0.5,)},
    "pad": {"fill": (0.0, -math.inf, 1.0), "mode": ("constant", "reflect", "replicate", "circular")},
    "scatter": {"broadcast": (True, False), "reduce": ("assign", "add"), "axis": AXES},
    "take_along_axis": {"broadcast": (True, False), "axis": AXES},
    "take": {"axis": AXES},
    "softmax": {"axis": AXES},
    "log_softmax": {"axis": AXES},
    "normalize": {"axis": AXES, "p": (1.0, 2.0, math.inf), "eps": EPSILONS, "under_root": EPSILONS},
    "softplus": {"beta": (1.0, 2.0, 0.5)},
    "max_pool": {"ceil_mode": (True, False), "keep_last": (True,)},
    "avg_pool": {"count_include_pad": (True, False), "ceil_mode": (True, False)},
    "interpolate": {
        "extent_one": ("first", "middle"), "align_mode": (1, 0), "align_corners": (True, False),
        "mode": ("nearest", "bilinear", "bicubic", "nearest-exact"),
    },
    "grid_sample": {
        "align_corners": (True, False), "mode": ("bilinear", "nearest"), "padding_mode": ("zeros", "border"),
    },
    "affine_grid": {"align_corners": (True, False)},
    "attention": {"causal": (True, False), "inverted": (True,), "layout": ("bhld", "blhd")},
    "mask": {"inverted": (True,)},
    "masked_fill": {"inverted": (True,)},
    "where": {"inverted": (True,)},
    "var": {"unbiased": (True, False)},
    "std": {"unbiased": (True, False)},
    "median": {"even": ("mean", "lower")},
    "cross_entropy": {"divide_by": ("all",), "weighing": ("smoothed",), "label_smoothing": (0.0, 0.1)},
    "nll_loss": {"divide_by": ("all",)},
    **{kind: {"scaled": (True, False), "beta": (1.0, 0.5, 1 / 9, 0.1)} for kind in ("smooth_l1", "huber")},
    "kl_div": {"log_target": (True, False)},
    "focal_loss": {"gamma": (2.0, 1.0, 0.0, 1.5, 3.0, 5.0), "alpha": (0.25, 0.75, 0.5)},
    "dice_loss": {"eps": (*EPSILONS, 1.0)},
    **{f"{kind}_loss": {"margin": MARGINS} for kind in ("margin_ranking", "hinge_embedding", "cosine_embedding",
                                                        "multi_margin")},
    "triplet_margin_loss": {"margin": MARGINS, "p": (1.0, 2.0), "swap": (True, False)},
    "ctc_loss": {"reduction": ("mean of all",)},
    "poisson_nll_loss": {"log_input": (True, False), "full": (True, False)},
    "gaussian_nll_loss": {"full": (True, False)},
    "pixel_shuffle": {"order": ("space_first",)},
    "dropout": {"mode": ("upscale_in_train", "downscale_in_infer"), "training": (True, False)},
    **{kind: _RECURRENCE | more for kind, more in _CELLS.items()},
    **{f"{kind}_cell": more for kind, more in _CELLS.items()},
    "embedding": {"zero_padding": (True,)},
}  # fmt: skip


REDUCTIONS = ("mean", "batchmean", "sum", "none")
"""How the losses of all elements become one, whichever loss it is."""
ALIKE = {"huber": "smooth_l1"}
"""Kinds that are one with other attributes."""


def variants(op: Op, others: list[Op]) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """(attribute, value, attributes): first what operations of the other side have, then what is known to go wrong."""
    tried: list[tuple[str, Any]] = []
    for other in others:
        if ALIKE.get(other.kind, other.kind) != ALIKE.get(op.kind, op.kind):
            continue
        found = op.differing(other)
        for name, (_, value) in found.items():
            if name != "momentum" and (name, value) not in tried:
                tried.append((name, value))
                yield name, value, {**op.attrs, name: value}
        if len(found) > 1:  # they are called by one of them: not by an epsilon that a framework may have of its own
            names = sorted(found, key=lambda name: name == "eps")
            changed = {name: value for name, (_, value) in found.items()}
            yield names[0], changed[names[0]], {**op.attrs, **changed}
    known = GRID.get(op.kind, {})
    if op.kind in vocabulary.LOSSES:
        known = {**known, "reduction": (*known.get("reduction", ()), *REDUCTIONS)}
    for name, values in known.items():
        for value in values:
            if isinstance(name, tuple):
                yield name[0], value[0], {**op.attrs, **dict(zip(name, value, strict=True))}
                continue
            if not vocabulary.same_number(op.attrs.get(name), value) and (name, value) not in tried:
                yield name, value, {**op.attrs, name: value}
