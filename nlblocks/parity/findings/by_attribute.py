"""What it is called that two operations of a kind differ in an attribute, where that is not ``kind.attribute``."""

from __future__ import annotations

from nlblocks.parity.tracing import vocabulary

RNN = {
    "swapped": "rnn.time_major", "gates": "rnn.gates", "reset": "rnn.reset", "update": "rnn.update",
    "reversed": "rnn.direction", "p": "dropout.p",
}  # fmt: skip
"""What the attributes of every recurrent network and cell are called."""
BY_ATTRIBUTE: dict[tuple[str, str], str] = {
    ("hard_sigmoid", "offset"): "hard_sigmoid.slope",
    ("layer_norm", "count"): "layer_norm.axes",
    ("instance_norm", "momentum"): "batch_norm.momentum",
    ("instance_norm", "use_input_stats"): "batch_norm.training",
    ("batch_norm", "ddof"): "normalisation.variance",
    ("layer_norm", "ddof"): "normalisation.variance",
    ("group_norm", "ddof"): "normalisation.variance",
    ("instance_norm", "ddof"): "normalisation.variance",
    **{(f"{kind}_norm", "outside"): f"{kind}_norm.eps" for kind in ("layer", "group", "instance", "rms")},
    ("normalize", "under_root"): "normalize.eps",
    ("attention", "inverted"): "attention.mask_sense",
    ("mask", "inverted"): "attention.mask_sense",
    ("masked_fill", "inverted"): "attention.mask_sense",
    ("where", "inverted"): "attention.mask_sense",
    ("max_pool", "keep_last"): "max_pool.ceil_mode",
    ("var", "unbiased"): "reduce.unbiased",
    ("std", "unbiased"): "reduce.unbiased",
    ("median", "even"): "median.even",
    ("cross_entropy", "divide_by"): "loss.ignore_index",
    ("nll_loss", "divide_by"): "loss.ignore_index",
    ("cross_entropy", "weighing"): "loss.weight",
    ("glu", "swapped"): "operands.swapped",
    **{(f"{k}{cell}", a): cause for k in vocabulary.RECURRENCES for cell in ("", "_cell") for a, cause in RNN.items()},
    ("smooth_l1", "scaled"): "loss.beta",
    ("huber", "scaled"): "loss.beta",
    ("huber", "beta"): "loss.beta",
    ("embedding", "zero_padding"): "embedding.padding_index",
    ("log_softmax", "axis"): "softmax.axis",
    ("dropout_channels", "p"): "dropout.p",
    ("interpolate", "scale"): "interpolate.size",
    ("pad", "pad"): "pad.sides",
    ("pad", "fill"): "pad.value",
    ("take", "axis"): "gather.axis",
    ("take_along_axis", "axis"): "gather.axis",
    ("take_along_axis", "broadcast"): "scatter.broadcast",
    ("pow", "other"): "power.exponent",
    ("clip", "low"): "clip.bounds",
    ("clip", "high"): "clip.bounds",
    ("add", "other"): "shift.constant",
    ("sub", "other"): "shift.constant",
    ("mul", "other"): "scale.factor",
    ("div", "other"): "scale.factor",
    ("scale", "scale"): "scale.factor",
    ("scale", "bias"): "shift.constant",
    ("flip", "axis"): "output.flipped",
    ("getitem", "index"): "reshape.order",
    ("max_pool", "size"): "max_pool.kernel",
}
"""What a kind's attribute is called where that is not ``kind.attribute``."""
MOVING = {"roll", "pixel_shuffle", "pixel_unshuffle"}
"""Kinds that move elements by what they are told."""
REDUCING = {"mean", "sum", "max", "min", "amax", "amin", "var", "std"}
NAMED_AS = {"celu": "elu", "conv_transpose": "conv", "adaptive_avg_pool": "avg_pool", "dropout_channels": "dropout"}
"""Kinds whose attributes are named as another's."""
