"""How torch's functions are read: one line per function, in the lab's vocabulary."""

from __future__ import annotations

from typing import Any

_CONV = "conv: x|input weight bias=None stride=1 padding=0 dilation=1 groups=1"
_CONV_TRANSPOSE = "conv_transpose: x|input weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1"
_MAX_POOL = (
    "max_pool: x|input kernel|kernel_size stride=None padding=0 dilation=1 ceil_mode=False "
    "_indices|return_indices=False"
)
_AVG_POOL = (
    "avg_pool: x|input kernel|kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True "
    "divisor|divisor_override=None"
)
_BINARY = "x|input other"
_SCATTER = "scatter: x|input axis|dim index source|src"
_CELL = "weight_ih_l0|w_ih weight_hh_l0|w_hh bias_ih_l0|b_ih=None bias_hh_l0|b_hh=None"
UNKNOWN_DRAWS = ("poisson", "binomial", "random_", "_standard_gamma", "_sample_dirichlet")
"""Functions that draw what follows no stream of the lab's."""

TABLE: dict[str, str] = {
    **{f"conv{n}d": _CONV for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _CONV_TRANSPOSE for n in (1, 2, 3)},
    **{f"max_pool{n}d": _MAX_POOL for n in (1, 2, 3)},
    **{f"max_pool{n}d_with_indices": _MAX_POOL for n in (1, 2, 3)},
    **{f"avg_pool{n}d": _AVG_POOL for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": "adaptive_avg_pool: x|input size|output_size" for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": "adaptive_max_pool: x|input size|output_size _i|return_indices" for n in (1, 2, 3)},
    "linear": "linear: x|input weight bias=None",
    "batch_norm": (
        "batch_norm: x|input running_mean running_var weight=None bias=None training=False momentum=0.1 eps=1e-5"
    ),
    "layer_norm": "layer_norm: x|input axes|normalized_shape weight=None bias=None eps=1e-5",
    "group_norm": "group_norm: x|input groups|num_groups weight=None bias=None eps=1e-5",
    "instance_norm": (
        "instance_norm: x|input running_mean=None running_var=None weight=None bias=None use_input_stats=True "
        "momentum=0.1 eps=1e-5"
    ),
    "rms_norm": "rms_norm: x|input axes|normalized_shape weight=None eps=None",
    "local_response_norm": "local_response_norm: x|input size alpha=1e-4 beta=0.75 k=1.0",
    "relu": "relu: x|input",
    "relu6": "relu6: x|input",
    "leaky_relu": "leaky_relu: x|input slope|negative_slope=0.01",
    "elu": "elu: x|input alpha=1.0",
    "celu": "celu: x|input alpha=1.0",
    "selu": "selu: x|input",
    "gelu": "gelu: x|input approximate=none",
    "silu": "silu: x|input",
    "mish": "mish: x|input",
    "hardswish": "hard_swish: x|input",
    "hardsigmoid": "hard_sigmoid: x|input",
    "hardtanh": "clip: x|input low|min_val=-1.0 high|max_val=1.0",
    "clamp": "clip: x|input low|min=None high|max=None",
    "clip": "clip: x|input low|min=None high|max=None",
    "sigmoid": "sigmoid: x|input",
    "logsigmoid": "log_sigmoid: x|input",
    "tanh": "tanh: x|input",
    "softplus": "softplus: x|input beta=1.0 threshold=20.0",
    "prelu": "prelu: x|input weight",
    "glu": "glu: x|input axis|dim=-1",
    "softmax": "softmax: x|input axis|dim",
    "log_softmax": "log_softmax: x|input axis|dim",
    "dropout": "dropout: x|input p=0.5 training=True",
    **{f"dropout{n}d": "dropout_channels: x|input p=0.5 training=True" for n in (1, 2, 3)},
    "feature_dropout": "dropout_channels: x|input p=0.5 training=True",
    "interpolate": (
        "interpolate: x|input size=None scale|scale_factor=None mode=nearest align_corners=None "
        "_recompute|recompute_scale_factor=None antialias=False"
    ),
    "upsample": "interpolate: x|input size=None scale|scale_factor=None mode=nearest align_corners=None",
    "grid_sample": "grid_sample: x|input grid mode=bilinear padding_mode=zeros align_corners=None",
    "affine_grid": "affine_grid: x|theta size align_corners=None",
    "pad": "pad: x|input pad mode=constant fill|value=None",
    "pixel_shuffle": "pixel_shuffle: x|input factor|upscale_factor",
    "pixel_unshuffle": "pixel_unshuffle: x|input factor|downscale_factor",
    "normalize": "normalize: x|input p=2.0 axis|dim=1 eps=1e-12",
    "embedding": "embedding: x|input weight padding_index|padding_idx=None",
    "cat": "cat: x|tensors axis|dim=0",
    "concat": "cat: x|tensors axis|dim=0",
    "concatenate": "cat: x|tensors axis|dim=0",
    "stack": "stack: x|tensors axis|dim=0",
    "add": f"add: {_BINARY} alpha=1",
    "__add__": f"add: {_BINARY}",
    "sub": f"sub: {_BINARY} alpha=1",
    "__sub__": f"sub: {_BINARY}",
    "subtract": f"sub: {_BINARY}",
    "mul": f"mul: {_BINARY}",
    "__mul__": f"mul: {_BINARY}",
    "multiply": f"mul: {_BINARY}",
    "div": f"div: {_BINARY}",
    "__truediv__": f"div: {_BINARY}",
    "__div__": f"div: {_BINARY}",
    "divide": f"div: {_BINARY}",
    "pow": "pow: x|input other|exponent",
    "__pow__": "pow: x|input other",
    "square": "square: x|input",
    "maximum": f"maximum: {_BINARY}",
    "minimum": f"minimum: {_BINARY}",
    "neg": "neg: x|input",
    "exp": "exp: x|input",
    "log": "log: x|input",
    "sqrt": "sqrt: x|input",
    "rsqrt": "rsqrt: x|input",
    "abs": "abs: x|input",
    "matmul": f"matmul: {_BINARY}",
    "__matmul__": f"matmul: {_BINARY}",
    "bmm": "matmul: x|input other|mat2",
    "mm": "matmul: x|input other|mat2",
    **dict.fromkeys(("addmm", "baddbmm"), "addmm: added|input x|mat1|batch1 other|mat2|batch2 beta=1 alpha=1"),
    "addcmul": "addcmul: added|input x|tensor1 other|tensor2 factor|value=1",
    "einsum": "einsum: equation x",
    "mean": "mean: x|input axis|dim=None keepdim=False",
    "sum": "sum: x|input axis|dim=None keepdim=False",
    "var": "var: x|input axis|dim=None unbiased=True keepdim=False correction=None",
    "std": "std: x|input axis|dim=None unbiased=True keepdim=False correction=None",
    "max": "max: x|input axis|dim=None keepdim=False",
    "min": "min: x|input axis|dim=None keepdim=False",
    "amax": "amax: x|input axis|dim=None keepdim=False",
    "amin": "amin: x|input axis|dim=None keepdim=False",
    "median": "median: x|input axis|dim=None keepdim=False",
    "scatter": f"{_SCATTER}|value reduce=assign broadcast=False",
    "scatter_add": f"{_SCATTER} reduce=add broadcast=False",
    "scatter_reduce": f"{_SCATTER} reduce=assign _self|include_self=True broadcast=False",
    "gather": "take_along_axis: x|input axis|dim index broadcast=False",
    "take_along_dim": "take_along_axis: x|input index|indices axis|dim broadcast=True",
    "index_select": "take: x|input axis|dim index",
    "flip": "flip: x|input axis|dims",
    "roll": "roll: x|input shifts axis|dims=None",
    "cumsum": "cumsum: x|input axis|dim",
    "masked_fill": "masked_fill: x|input mask value",
    "where": "where: mask|condition x|input other",
    "scaled_dot_product_attention": (
        "attention: query key value mask|attn_mask=None p|dropout_p=0.0 causal|is_causal=False scale=None"
    ),
    "cross_entropy": (
        "cross_entropy: x|input target weight=None _size ignore_index=-100 _reduce reduction=mean label_smoothing=0.0"
    ),
    "nll_loss": "nll_loss: x|input target weight=None _size ignore_index=-100 _reduce reduction=mean",
    "lstm_cell": f"lstm_cell: x|input state|hx {_CELL}",
    **{f"{name}_cell": f"{name}_cell: x|input state0|hx {_CELL}" for name in ("gru", "rnn_tanh", "rnn_relu")},
    "nll_loss_nd": "nll_loss: x|input target weight=None _size ignore_index=-100 _reduce reduction=mean",
    "mse_loss": "mse_loss: x|input other|target _size _reduce reduction=mean",
    "l1_loss": "l1_loss: x|input other|target _size _reduce reduction=mean",
    "smooth_l1_loss": "smooth_l1: x|input other|target _size _reduce reduction=mean beta=1.0",
    "huber_loss": "huber: x|input other|target reduction=mean beta|delta=1.0",
    "binary_cross_entropy_with_logits": (
        "bce_logits: x|input other|target weight=None _s _r reduction=mean pos_weight=None"
    ),
    "binary_cross_entropy": "bce: x|input other|target weight=None _s _r reduction=mean",
    "kl_div": "kl_div: x|input other|target _s _r reduction=mean log_target=False",
    "ctc_loss": (
        "ctc_loss: x|log_probs target|targets input_lengths target_lengths blank=0 reduction=mean zero_infinity=False"
    ),
    "poisson_nll_loss": ("poisson_nll_loss: x|input target log_input=True full=False _s eps=1e-8 _r reduction=mean"),
    "gaussian_nll_loss": "gaussian_nll_loss: x|input target variance|var full=False eps=1e-6 reduction=mean",
    "margin_ranking_loss": (
        "margin_ranking_loss: x|input1 other|input2 target margin=0.0 _s|size_average _r|reduce reduction=mean"
    ),
    "hinge_embedding_loss": "hinge_embedding_loss: x|input target margin=1.0 _s _r reduction=mean",
    "cosine_embedding_loss": ("cosine_embedding_loss: x|input1 other|input2 target margin=0.0 _s _r reduction=mean"),
    "triplet_margin_loss": (
        "triplet_margin_loss: x|anchor positive negative margin=1.0 p=2.0 eps=1e-6 swap=False _s _r reduction=mean"
    ),
    "soft_margin_loss": "soft_margin_loss: x|input target _s _r reduction=mean",
    "multilabel_soft_margin_loss": ("multi_label_soft_margin_loss: x|input target weight=None _s _r reduction=mean"),
    "multi_margin_loss": "multi_margin_loss: x|input target p=1 margin=1.0 weight=None _s _r reduction=mean",
    "transpose": "transpose: x|input _0|dim0 _1|dim1",
    "permute": "permute: x|input _axes|dims",
    "T": "transpose: x",
    "t": "transpose: x|input",
    "tile": "repeat: x|input",
    "expand_as": "expand: x",
    "mT": "transpose: x",
    "view": "view: x _shape",
    "reshape": "reshape: x|input _shape|shape",
    "flatten": "flatten: x|input _start|start_dim=0 _stop|end_dim=-1",
    "__getitem__": "getitem: x index",
    "data": "detach: x",
    "detach": "detach: x",
    "to": "cast: x",
    "float": "cast: x",
    "double": "cast: x",
    "half": "cast: x",
    "bfloat16": "cast: x",
    "type": "cast: x _dtype",
    "type_as": "cast: x _other",
    "contiguous": "identity: x",
    "clone": "clone: x|input",
    **dict.fromkeys(("lt", "less", "__lt__"), f"less: {_BINARY}"),
    **dict.fromkeys(("le", "less_equal", "__le__"), f"less_equal: {_BINARY}"),
    **dict.fromkeys(("gt", "greater", "__gt__"), f"greater: {_BINARY}"),
    **dict.fromkeys(("ge", "greater_equal", "__ge__"), f"greater_equal: {_BINARY}"),
    **dict.fromkeys(("eq", "__eq__"), f"equal: {_BINARY}"),
    **dict.fromkeys(("ne", "not_equal", "__ne__"), f"not_equal: {_BINARY}"),
    "rand": "random.uniform: _size",
    "rand_like": "random.uniform: _x|input",
    "uniform_": "random.uniform: _x|tensor low|from|a=0.0 high|to|b=1.0",
    "randn": "random.normal: _size",
    "randn_like": "random.normal: _x|input",
    "normal": "random.normal: mean=0.0 std=1.0 _size|size",
    "normal_": "random.normal: _x|tensor mean=0.0 std=1.0",
    "log_normal_": "random.log_normal: _x mean=1.0 std=2.0",
    "bernoulli": "random.bernoulli: x|input p=None",
    "bernoulli_": "random.bernoulli: _x p=0.5",
    "randint": "random.randint: low high=None _size|size",
    "randint_like": "random.randint: _x|input low high=None",
    "randperm": "random.permutation: _n",
    "multinomial": "random.multinomial: x|input count|num_samples replacement=False",
    "exponential_": "random.exponential: _x rate|lambd=1.0",
    "geometric_": "random.geometric: _x p",
    "cauchy_": "random.cauchy: _x median=0.0 sigma=1.0",
    **{name: f"random.{name.strip('_')}: x|input" for name in UNKNOWN_DRAWS},
    "rrelu": "rrelu: x|input lower=0.125 upper=0.3333333333333333 training=False",
    "alpha_dropout": "alpha_dropout: x|input p=0.5 training=False",
    "feature_alpha_dropout": "feature_alpha_dropout: x|input p=0.5 training=False",
    "gumbel_softmax": "gumbel_softmax: x|logits tau=1.0 hard=False _eps axis|dim=-1",
}

VARIADIC = frozenset({"view", "reshape", "permute", "size", "expand", "repeat", "einsum"})
"""Functions that take a list as separate arguments as well."""


def finish(kind: str, attrs: dict[str, Any], ndim: int) -> None:
    """Write torch's attributes as the vocabulary has them."""
    if kind == "batch_norm":
        attrs["variance"] = "unbiased"
    elif kind == "linear":
        attrs["layout"] = "out_in"
    elif kind == "dropout" or kind == "dropout_channels":
        attrs["mode"] = "upscale_in_train"
    elif kind == "hard_sigmoid":
        attrs |= {"slope": 1 / 6, "offset": 0.5}
    elif kind == "median":
        attrs["even"] = "lower"
    elif kind == "smooth_l1":
        attrs["scaled"] = True
    elif kind == "huber":
        attrs["scaled"] = False
    elif kind == "pad" and attrs["mode"] == "constant":
        attrs["fill"] = attrs["fill"] or 0.0
    elif kind == "scatter":
        attrs["reduce"] = {"sum": "add", "prod": "multiply"}.get(attrs["reduce"], attrs["reduce"])
    elif kind == "interpolate":
        attrs |= {"align_mode": 0, "extent_one": "middle"}
    elif kind == "cosine_embedding_loss":
        attrs["eps"] = 1e-12
    elif kind == "ctc_loss":
        attrs["logits"] = False
    elif kind in ("var", "std"):
        correction = attrs.pop("correction", None)
        if correction is not None:
            attrs["unbiased"] = bool(correction)
