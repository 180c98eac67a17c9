"""The formula of every operation of the vocabulary, so that a hypothesis can be tried without any framework."""

from __future__ import annotations

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas import (
    activations,
    arithmetic,
    losses,
    moving,
    normalisations,
    products,
    reductions,
    resampling,
    windowed,
)
from nlblocks.parity.formulas.arithmetic import of_one, of_two
from nlblocks.parity.formulas.formula import Arrays, Attrs, Formula, Unknown
from nlblocks.parity.formulas.recurrent import CELLS, one_step, recurrence
from nlblocks.parity.formulas.reductions import reduction

POINTWISE: dict[str, Formula] = {
    "relu": activations.relu,
    "relu6": activations.relu6,
    "leaky_relu": activations.leaky_relu,
    "elu": activations.elu,
    "celu": activations.celu,
    "selu": activations.selu,
    "gelu": activations.gelu,
    "silu": activations.silu,
    "mish": activations.mish,
    "hard_swish": activations.hard_swish,
    "hard_sigmoid": activations.hard_sigmoid,
    "sigmoid": activations.sigmoid,
    "log_sigmoid": activations.log_sigmoid,
    "tanh": activations.tanh,
    "softplus": activations.softplus,
    "exp": of_one(np.exp),
    "log": of_one(np.log),
    "sqrt": of_one(np.sqrt),
    "rsqrt": arithmetic.rsqrt,
    "square": arithmetic.square,
    "abs": of_one(np.abs),
    "neg": of_one(np.negative),
    "identity": arithmetic.same,
    "clone": arithmetic.same,
    "detach": arithmetic.same,
    "clip": arithmetic.clip,
    "scale": arithmetic.scale,
}
"""What computes each element from one element, in the order in which one is tried in place of another."""

FORMULAS: dict[str, Formula] = POINTWISE | {
    "prelu": activations.prelu,
    "glu": activations.glu,
    "add": arithmetic.add,
    "addcmul": arithmetic.addcmul,
    "sub": of_two(np.subtract),
    "mul": of_two(np.multiply),
    "div": of_two(np.divide),
    "pow": of_two(np.power),
    "maximum": of_two(np.maximum),
    "minimum": of_two(np.minimum),
    "where": arithmetic.where,
    "mask": arithmetic.mask,
    "masked_fill": arithmetic.masked_fill,
    "dropout": arithmetic.dropout,
    "dropout_channels": arithmetic.dropout,
    "mean": reduction(np.mean),
    "sum": reduction(np.sum),
    "max": reduction(np.max),
    "min": reduction(np.min),
    "amax": reduction(np.max),
    "amin": reduction(np.min),
    "var": reductions.var,
    "std": reductions.std,
    "median": reductions.median,
    "batch_norm": normalisations.batch_norm,
    "instance_norm": normalisations.instance_norm,
    "group_norm": normalisations.group_norm,
    "layer_norm": normalisations.layer_norm,
    "rms_norm": normalisations.rms_norm,
    "local_response_norm": normalisations.local_response_norm,
    "normalize": normalisations.normalize,
    "softmax": normalisations.softmax,
    "log_softmax": normalisations.log_softmax,
    "linear": products.linear,
    "matmul": products.matmul,
    "addmm": products.addmm,
    "einsum": products.einsum,
    "attention": products.attention,
    "conv": windowed.conv,
    "conv_transpose": windowed.conv_transpose,
    "max_pool": windowed.max_pool,
    "avg_pool": windowed.avg_pool,
    "adaptive_max_pool": windowed.adaptive_max_pool,
    "adaptive_avg_pool": windowed.adaptive_avg_pool,
    "interpolate": resampling.interpolate,
    "grid_sample": resampling.grid_sample,
    "affine_grid": resampling.affine_grid,
    "cat": moving.cat,
    "stack": moving.stack,
    "getitem": moving.getitem,
    "take": moving.take,
    "take_along_axis": moving.take_along_axis,
    "scatter": moving.scatter,
    "flip": moving.flip,
    "roll": moving.roll,
    "pad": moving.pad,
    "pixel_shuffle": moving.pixel_shuffle,
    "embedding": moving.embedding,
    **{kind: recurrence(cell, gates) for kind, (cell, gates) in CELLS.items()},
    **{f"{kind}_cell": one_step(cell, gates) for kind, (cell, gates) in CELLS.items()},
    "mse_loss": losses.mse_loss,
    "l1_loss": losses.l1_loss,
    "smooth_l1": losses.smooth_l1,
    "huber": losses.smooth_l1,
    "cross_entropy": losses.cross_entropy,
    "nll_loss": losses.nll_loss,
    "kl_div": losses.kl_div,
    "bce": losses.bce,
    "bce_logits": losses.bce_logits,
    "ctc_loss": losses.ctc,
    "focal_loss": losses.focal,
    "dice_loss": losses.dice,
    "poisson_nll_loss": losses.poisson_nll,
    "gaussian_nll_loss": losses.gaussian_nll,
    "margin_ranking_loss": losses.margin_ranking,
    "hinge_embedding_loss": losses.hinge_embedding,
    "cosine_embedding_loss": losses.cosine_embedding,
    "triplet_margin_loss": losses.triplet_margin,
    "soft_margin_loss": losses.soft_margin,
    "multi_label_soft_margin_loss": losses.multi_label_soft_margin,
    "multi_margin_loss": losses.multi_margin,
}

OF_COMPLEX = frozenset({
    "abs", "add", "addcmul", "addmm", "cat", "clone", "conv", "conv_transpose", "detach", "div", "einsum", "exp",
    "flip", "getitem", "identity", "linear", "log", "masked_fill", "matmul", "mean", "mul", "neg", "pad", "pow",
    "roll", "rsqrt", "scale", "sqrt", "square", "stack", "sub", "sum", "tanh", "where",
})  # fmt: skip
"""Kinds whose formula is that of complex numbers too: NumPy takes others of the real part, or orders what has none."""


def evaluate(kind: str, arrays: Arrays, attrs: Attrs) -> Array:
    """The first output of an operation, in float64, from its inputs by role; weights of linear layers are [out, in].

    Raises Unknown where there is no formula for the kind, or none for these inputs and attributes.
    """
    if kind not in FORMULAS:
        raise Unknown(kind)
    if kind not in OF_COMPLEX and any(np.iscomplexobj(array) for array in arrays.values()):
        raise Unknown(f"{kind} of complex numbers")
    with np.errstate(all="ignore"):
        try:
            result = np.asarray(FORMULAS[kind](arrays, attrs))
        except (ValueError, IndexError, TypeError, KeyError, ZeroDivisionError, AttributeError) as error:
            raise Unknown(f"{kind}: {error}") from None
    if result.dtype.kind not in "fciub":
        raise Unknown(f"{kind}: an attribute is no real number")
    return result
