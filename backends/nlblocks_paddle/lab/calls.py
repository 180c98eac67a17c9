"""How Paddle's functions are read: one line per function, in the lab's vocabulary.

``C.name`` is a kernel called from Python without a public function around it.
"""

from __future__ import annotations

from typing import Any

_CONV = "conv: x weight bias=None stride=1 padding=0 dilation=1 groups=1 _format|data_format=NCHW"
_MAX_POOL = (
    "max_pool: x kernel|kernel_size stride=None padding=0 _mask|return_mask=False ceil_mode=False "
    "_format|data_format=NCHW"
)
_AVG_POOL = (
    "avg_pool: x kernel|kernel_size stride=None padding=0 ceil_mode=False exclusive=True "
    "divisor|divisor_override=None _format|data_format=NCHW"
)
_BINARY = "x other|y"
_REDUCE = "x axis=None keepdim=False"
UNKNOWN_DRAWS = ("poisson", "binomial", "random_", "standard_gamma")
"""Functions that draw what follows no stream of the lab's."""

TABLE: dict[str, str] = {
    **{f"conv{n}d": _CONV for n in (1, 2, 3)},
    "_conv_nd": "conv: x weight bias=None stride=1 padding=0 algorithm|padding_algorithm dilation=1 groups=1 "
    "_format|data_format=NCHW",
    "conv1d_transpose": "conv_transpose: x weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1 "
    "_size|output_size _format|data_format",
    **{
        f"conv{n}d_transpose": "conv_transpose: x weight bias=None stride=1 padding=0 output_padding=0 dilation=1 "
        "groups=1 _size|output_size _format|data_format"
        for n in (2, 3)
    },
    **{f"max_pool{n}d": _MAX_POOL for n in (1, 2, 3)},
    "avg_pool1d": "avg_pool: x kernel|kernel_size stride=None padding=0 exclusive=True ceil_mode=False",
    **{f"avg_pool{n}d": _AVG_POOL for n in (2, 3)},
    **{f"adaptive_avg_pool{n}d": "adaptive_avg_pool: x size|output_size _format|data_format" for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": "adaptive_max_pool: x size|output_size _mask|return_mask" for n in (1, 2, 3)},
    "linear": "linear: x weight bias=None",
    "batch_norm": "batch_norm: x running_mean running_var weight=None bias=None training=False momentum=0.9 "
    "eps|epsilon=1e-5 _format|data_format=NCHW use_global_stats=None",
    **dict.fromkeys(
        ("C.batch_norm", "C.sync_batch_norm"),
        "batch_norm: x running_mean running_var weight bias is_test momentum eps _format use_global_stats "
        "trainable_statistics",
    ),
    "layer_norm": "layer_norm: x axes|normalized_shape weight=None bias=None eps|epsilon=1e-5",
    "group_norm": "group_norm: x groups|num_groups eps|epsilon=1e-5 weight=None bias=None _format|data_format",
    "instance_norm": "instance_norm: x running_mean=None running_var=None weight=None bias=None use_input_stats=True "
    "momentum=0.9 eps=1e-5 _format|data_format",
    "rms_norm": "rms_norm: x|input axes|normalized_shape weight=None eps=1e-5",
    "local_response_norm": "local_response_norm: x size alpha=1e-4 beta=0.75 k=1.0 _format|data_format",
    "relu": "relu: x",
    "relu6": "relu6: x",
    "leaky_relu": "leaky_relu: x slope|negative_slope=0.01",
    "elu": "elu: x alpha=1.0",
    "celu": "celu: x alpha=1.0",
    "selu": "selu: x _scale _alpha",
    "gelu": "gelu: x approximate=False",
    "silu": "silu: x",
    "swish": "silu: x",
    "mish": "mish: x",
    "hardswish": "hard_swish: x",
    "hardsigmoid": "hard_sigmoid: x slope=0.1666667 offset=0.5",
    "hardtanh": "clip: x low|min=-1.0 high|max=1.0",
    "clip": "clip: x low|min=None high|max=None",
    "clamp": "clip: x low|min=None high|max=None",
    "sigmoid": "sigmoid: x",
    "log_sigmoid": "log_sigmoid: x",
    "tanh": "tanh: x",
    "softplus": "softplus: x beta=1.0 threshold=20.0",
    "prelu": "prelu: x weight _format|data_format",
    "glu": "glu: x axis=-1",
    "softmax": "softmax: x axis=-1",
    "log_softmax": "log_softmax: x axis=-1",
    "dropout": "dropout: x p=0.5 axis=None training=True mode=upscale_in_train",
    **{f"dropout{n}d": "dropout_channels: x p=0.5 training=True _format|data_format" for n in (2, 3)},
    "interpolate": "interpolate: x size=None scale|scale_factor=None mode=nearest align_corners=False align_mode=0 "
    "_format|data_format _recompute|recompute_scale_factor antialias=False",
    "upsample": "interpolate: x size=None scale|scale_factor=None mode=nearest align_corners=False align_mode=0 "
    "_format|data_format",
    "grid_sample": "grid_sample: x grid mode=bilinear padding_mode=zeros align_corners=True",
    "affine_grid": "affine_grid: x|theta size|out_shape align_corners=True",
    "pad": "pad: x pad mode=constant fill|value=0.0 _format|data_format _left|pad_from_left_axis=True",
    "pixel_shuffle": "pixel_shuffle: x factor|upscale_factor _format|data_format",
    "pixel_unshuffle": "pixel_unshuffle: x factor|downscale_factor _format|data_format",
    "normalize": "normalize: x p=2 axis=1 eps|epsilon=1e-12",
    "embedding": "embedding: x weight padding_index|padding_idx=None",
    "concat": "cat: x axis=0",
    "concatenate": "cat: x axis=0",
    "cat": "cat: x|tensors axis|dim=0",
    "stack": "stack: x axis=0",
    "add": f"add: {_BINARY} alpha=1",
    "__add__": f"add: {_BINARY}",
    "add_n": "add: x",
    "subtract": f"sub: {_BINARY} alpha=1",
    "sub": f"sub: {_BINARY} alpha=1",
    "__sub__": f"sub: {_BINARY}",
    "multiply": f"mul: {_BINARY}",
    "mul": f"mul: {_BINARY}",
    "__mul__": f"mul: {_BINARY}",
    "scale": "scale: x scale=1.0 bias=0.0 bias_after_scale=True",
    "divide": f"div: {_BINARY}",
    "div": f"div: {_BINARY}",
    "__truediv__": f"div: {_BINARY}",
    "__div__": f"div: {_BINARY}",
    "pow": f"pow: {_BINARY}",
    "__pow__": f"pow: {_BINARY}",
    "square": "square: x",
    "maximum": f"maximum: {_BINARY}",
    "minimum": f"minimum: {_BINARY}",
    "neg": "neg: x",
    "exp": "exp: x",
    "log": "log: x",
    "sqrt": "sqrt: x",
    "rsqrt": "rsqrt: x",
    "abs": "abs: x",
    "matmul": "matmul: x other|y transpose_x=False transpose_other|transpose_y=False",
    "__matmul__": f"matmul: {_BINARY}",
    "bmm": f"matmul: {_BINARY}",
    "mm": "matmul: x|input other|mat2",
    **dict.fromkeys(("addmm", "baddbmm"), "addmm: added|input x other|y beta=1.0 alpha=1.0"),
    "einsum": "einsum: equation x",
    "mean": f"mean: {_REDUCE}",
    "sum": "sum: x axis=None _dtype|dtype keepdim=False",
    "var": "var: x axis=None unbiased=True keepdim=False",
    "std": "std: x axis=None unbiased=True keepdim=False",
    **{name: f"{name}: {_REDUCE}" for name in ("max", "min", "amax", "amin")},
    "median": "median: x axis=None keepdim=False mode=avg",
    "put_along_axis": "scatter: x|arr index|indices source|values axis reduce=assign _self|include_self=True "
    "broadcast=True",
    "take_along_axis": "take_along_axis: x|arr index|indices axis broadcast=True",
    **dict.fromkeys(("gather", "index_select"), "take: x index axis=0"),
    "flip": "flip: x axis",
    "reverse": "flip: x axis",
    "tile": "repeat: x",
    "expand_as": "expand: x",
    "roll": "roll: x shifts axis=None",
    "cumsum": "cumsum: x axis",
    "masked_fill": "masked_fill: x mask value",
    "where": "where: mask|condition x other|y",
    "scaled_dot_product_attention": "attention: query key value mask|attn_mask=None p|dropout_p=0.0 "
    "causal|is_causal=False _training|training=True _backend|backend scale=None",
    "cross_entropy": "cross_entropy: x|input target|label weight=None ignore_index=-100 reduction=mean "
    "soft_label=False "
    "axis=-1 softmax|use_softmax=True label_smoothing=0.0",
    "nll_loss": "nll_loss: x|input target|label weight=None ignore_index=-100 reduction=mean",
    "mse_loss": "mse_loss: x|input other|label reduction=mean",
    "l1_loss": "l1_loss: x|input other|label reduction=mean",
    "smooth_l1_loss": "smooth_l1: x|input other|label reduction=mean beta|delta=1.0 huber|is_huber=True",
    "binary_cross_entropy_with_logits": "bce_logits: x|logit other|label weight=None reduction=mean pos_weight=None",
    "binary_cross_entropy": "bce: x|input other|label weight=None reduction=mean",
    "kl_div": "kl_div: x|input other|label reduction=mean log_target=False",
    "ctc_loss": "ctc_loss: x|log_probs target|labels input_lengths target_lengths|label_lengths blank=0 reduction=mean "
    "norm_by_times=False zero_infinity=False",
    "sigmoid_focal_loss": "focal_loss: x|logit other|label normalizer=None alpha=0.25 gamma=2.0 reduction=sum",
    "dice_loss": "dice_loss: x|input target|label eps|epsilon=1e-5",
    "poisson_nll_loss": "poisson_nll_loss: x|input target|label log_input=True full=False eps|epsilon=1e-8 "
    "reduction=mean",
    "gaussian_nll_loss": "gaussian_nll_loss: x|input target|label variance full=False eps|epsilon=1e-6 reduction=mean",
    "margin_ranking_loss": "margin_ranking_loss: x|input other target|label margin=0.0 reduction=mean",
    "hinge_embedding_loss": "hinge_embedding_loss: x|input target|label margin=1.0 reduction=mean",
    "cosine_embedding_loss": "cosine_embedding_loss: x|input1 other|input2 target|label margin=0.0 reduction=mean",
    "triplet_margin_loss": "triplet_margin_loss: x|input positive negative margin=1.0 p=2.0 eps|epsilon=1e-6 "
    "swap=False reduction=mean",
    "soft_margin_loss": "soft_margin_loss: x|input target|label reduction=mean",
    "multi_label_soft_margin_loss": "multi_label_soft_margin_loss: x|input target|label weight=None reduction=mean",
    "multi_margin_loss": "multi_margin_loss: x|input target|label p=1 margin=1.0 weight=None reduction=mean",
    "transpose": "transpose: x _axes|perm",
    "T": "transpose: x",
    "t": "transpose: x|input",
    "mT": "transpose: x",
    "reshape": "reshape: x _shape|shape",
    "view": "view: x _shape",
    "flatten": "flatten: x _start|start_axis=0 _stop|stop_axis=-1",
    "__getitem__": "getitem: x index",
    "detach": "detach: x",
    "astype": "cast: x",
    "cast": "cast: x",
    **dict.fromkeys(("to", "float", "double", "half", "bfloat16", "type"), "cast: x"),
    "type_as": "cast: x _other",
    "clone": "clone: x",
    "contiguous": "identity: x",
    **dict.fromkeys(("lt", "less", "less_than", "__lt__"), f"less: {_BINARY}"),
    **dict.fromkeys(("le", "less_equal", "__le__"), f"less_equal: {_BINARY}"),
    **dict.fromkeys(("gt", "greater", "greater_than", "__gt__"), f"greater: {_BINARY}"),
    **dict.fromkeys(("ge", "greater_equal", "__ge__"), f"greater_equal: {_BINARY}"),
    **dict.fromkeys(("eq", "equal", "__eq__"), f"equal: {_BINARY}"),
    **dict.fromkeys(("ne", "not_equal", "__ne__"), f"not_equal: {_BINARY}"),
    "rand": "random.uniform: _shape",
    "rand_like": "random.uniform: _x|input",
    "uniform": "random.uniform: _shape _dtype|dtype low|min=-1.0 high|max=1.0",
    "uniform_": "random.uniform: _x low|min=0.0 high|max=1.0",
    "C.uniform_inplace": "random.uniform: _x low high",
    "randn": "random.normal: _shape",
    "randn_like": "random.normal: _x",
    "standard_normal": "random.normal: _shape",
    "normal": "random.normal: mean=0.0 std=1.0 _shape|shape",
    "normal_": "random.normal: _x mean=0.0 std=1.0",
    "gaussian": "random.normal: _shape mean=0.0 std=1.0",
    "gaussian_": "random.normal: _x mean=0.0 std=1.0",
    "C.gaussian_inplace": "random.normal: _x mean std",
    "log_normal": "random.log_normal: mean=1.0 std=2.0 _shape|shape",
    "log_normal_": "random.log_normal: _x mean=1.0 std=2.0",
    "bernoulli": "random.bernoulli: x p=None",
    "bernoulli_": "random.bernoulli: _x p=0.5",
    "randint": "random.randint: low=0 high=None _shape|shape",
    "randint_like": "random.randint: _x low=0 high=None",
    "randperm": "random.permutation: _n",
    "multinomial": "random.multinomial: x count|num_samples=1 replacement=False",
    "exponential_": "random.exponential: _x rate|lam=1.0",
    "geometric_": "random.geometric: _x p|probs",
    "cauchy_": "random.cauchy: _x median|loc=0.0 sigma|scale=1.0",
    **{name: f"random.{name.strip('_')}: x" for name in UNKNOWN_DRAWS},
    "rrelu": "rrelu: x lower=0.125 upper=0.3333333333333333 training=True",
    "alpha_dropout": "alpha_dropout: x p=0.5 training=True",
    "feature_alpha_dropout": "feature_alpha_dropout: x p=0.5 training=True",
    "gumbel_softmax": "gumbel_softmax: x tau|temperature=1.0 hard=False axis=-1",
    "C.dropout": "dropout: x _seed p is_test mode",
    "C.legacy.dropout": "dropout: x _seed p|dropout_prob=0.5 is_test=False "
    "mode|dropout_implementation=downgrade_in_infer",
    **{f"C.legacy.{name}": f"{name}: x" for name in ("relu", "sigmoid", "tanh", "silu", "relu6", "square", "exp")},
    "C.legacy.leaky_relu": "leaky_relu: x slope|alpha=0.02",
    "C.legacy.elu": "elu: x alpha=1.0",
    "C.legacy.gelu": "gelu: x approximate=False",
    "C.legacy.swish": "silu: x",
    "C.legacy.hard_swish": "hard_swish: x",
    "C.legacy.hard_sigmoid": "hard_sigmoid: x slope=0.2 offset=0.5",
    "C.legacy.softmax": "softmax: x axis=-1",
    "C.rnn": "rnn: x state weights _length _dropout_state p bidirectional _in _hidden layers mode _seed _test",
}


SIXTH = 0.1666667
"""The default slope of Paddle's hard-sigmoid: one sixth, as a decimal."""
VARIADIC = frozenset({"reshape", "transpose", "expand", "tile", "view", "einsum"})
"""Functions that take a list as separate arguments as well."""


def finish(kind: str, attrs: dict[str, Any], ndim: int) -> None:
    """Write Paddle's attributes as the vocabulary has them."""
    if kind == "batch_norm":
        is_global = attrs.pop("use_global_stats", None)
        trainable = attrs.pop("trainable_statistics", False)
        if "is_test" in attrs:
            attrs["training"] = not ((attrs.pop("is_test") and not trainable) or bool(is_global))
        elif is_global is not None:
            attrs["training"] = not is_global
    if kind in ("batch_norm", "instance_norm"):
        attrs["momentum"] = round(1.0 - float(attrs["momentum"]), 12)
    if kind == "batch_norm":
        attrs["variance"] = "biased"
    elif kind in ("conv", "conv_transpose"):
        algorithm = attrs.pop("algorithm", None)
        if algorithm in ("SAME", "VALID"):
            attrs["padding"] = algorithm.lower()
        if attrs["padding"] == "same":
            attrs["dilation"] = (1,) * max(ndim - 2, 1)  # as Paddle's kernel has it, whatever was asked for
    elif kind == "linear":
        attrs["layout"] = "in_out"
    elif kind == "avg_pool":
        attrs["count_include_pad"] = not attrs.pop("exclusive", True)
    elif kind == "hard_sigmoid" and attrs["slope"] == SIXTH:
        attrs["slope"] = 1 / 6
    elif kind == "gelu":
        attrs["approximate"] = "tanh" if attrs["approximate"] in (True, "tanh") else "none"
    elif kind == "max_pool":
        attrs.setdefault("dilation", (1,) * max(ndim - 2, 1))
    elif kind in ("dropout", "dropout_channels"):
        mode = attrs.get("mode") or "upscale_in_train"
        attrs["mode"] = "downscale_in_infer" if mode == "downgrade_in_infer" else mode
        if "is_test" in attrs:
            attrs["training"] = not attrs.pop("is_test")
    elif kind == "scatter":
        attrs["reduce"] = {"mul": "multiply"}.get(attrs["reduce"], attrs["reduce"])
    elif kind == "interpolate":
        attrs["extent_one"] = "first"
    elif kind == "median":
        attrs["even"] = "mean" if attrs.pop("mode", "avg") == "avg" else "lower"
    elif kind == "smooth_l1":
        attrs["scaled"] = not attrs.pop("huber", True)
    elif kind == "cosine_embedding_loss":
        attrs["eps"] = 1e-11
    elif kind == "ctc_loss":
        attrs["logits"] = True
    elif kind == "pad" and isinstance(attrs.get("pad"), tuple) and len(attrs["pad"]) == 2 * ndim:
        pairs = [attrs["pad"][2 * i : 2 * i + 2] for i in range(ndim)]
        attrs["pad"] = tuple(value for pair in reversed(pairs) for value in pair)
