"""Operations of the vocabulary as NumPy formulas, so that a hypothesis can be tried without any framework.

``evaluate(kind, arrays, attrs)`` computes one operation from its inputs by role; weights of linear layers are
[out, in]. It raises :class:`Unknown` for what it has no formula for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas import losses, recurrent, windowed
from nlblocks.parity.formulas.windowed import Unknown

Arrays = Mapping[str, Array]
Attrs = Mapping[str, Any]
Formula = Callable[[Arrays, Attrs], Array]
FORMULAS: dict[str, Formula] = {}


def evaluate(kind: str, arrays: Arrays, attrs: Attrs) -> Array:
    """The first output of an operation, in float64."""
    if kind not in FORMULAS:
        raise Unknown(kind)
    with np.errstate(all="ignore"):
        try:
            return FORMULAS[kind](arrays, attrs)
        except (ValueError, IndexError, TypeError, KeyError, ZeroDivisionError, AttributeError) as error:
            raise Unknown(f"{kind}: {error}") from None


def formula(*kinds: str) -> Callable[[Formula], Formula]:
    def register(function: Formula) -> Formula:
        FORMULAS.update(dict.fromkeys(kinds, function))
        return function

    return register


for _kind in (
    "conv",
    "conv_transpose",
    "max_pool",
    "avg_pool",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "interpolate",
    "pad",
    "grid_sample",
    "affine_grid",
    "pixel_shuffle",
):
    FORMULAS[_kind] = getattr(windowed, _kind)


for _kind in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
    FORMULAS[_kind] = lambda arrays, attrs, kind=_kind: recurrent.recurrent(kind, arrays, attrs)  # type: ignore[misc]


def erf(x: Array) -> Array:
    return np.vectorize(math.erf, otypes=[np.float64])(x) if x.size else x


def sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0.0, -x))


ACTIVATIONS: dict[str, Callable[[Array, Attrs], Array]] = {
    "relu": lambda x, a: np.maximum(x, 0.0),
    "relu6": lambda x, a: np.clip(x, 0.0, 6.0),
    "leaky_relu": lambda x, a: np.where(x > 0, x, x * a.get("slope", 0.01)),
    "elu": lambda x, a: np.where(x > 0, x, a.get("alpha", 1.0) * np.expm1(np.minimum(x, 0.0))),
    "celu": lambda x, a: np.where(x > 0, x, a.get("alpha", 1.0) * np.expm1(np.minimum(x, 0.0) / a.get("alpha", 1.0))),
    "selu": lambda x, a: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0.0))),
    "gelu": lambda x, a: (
        0.5 * x * (1.0 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        if a.get("approximate") == "tanh"
        else 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))
    ),
    "silu": lambda x, a: x * sigmoid(x),
    "mish": lambda x, a: x * np.tanh(np.logaddexp(0.0, x)),
    "hard_swish": lambda x, a: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0,
    "hard_sigmoid": lambda x, a: np.clip(x * float(np.float32(a.get("slope", 1 / 6))) + a.get("offset", 0.5), 0.0, 1.0),
    "sigmoid": lambda x, a: sigmoid(x),
    "log_sigmoid": lambda x, a: -np.logaddexp(0.0, -x),
    "tanh": lambda x, a: np.tanh(x),
    "softplus": lambda x, a: np.logaddexp(0.0, x * a.get("beta", 1.0)) / a.get("beta", 1.0),
    "exp": lambda x, a: np.exp(x),
    "log": lambda x, a: np.log(x),
    "sqrt": lambda x, a: np.sqrt(x),
    "rsqrt": lambda x, a: 1.0 / np.sqrt(x),
    "square": lambda x, a: x * x,
    "abs": lambda x, a: np.abs(x),
    "neg": lambda x, a: -x,
    "identity": lambda x, a: x,
    "clone": lambda x, a: x,
    "detach": lambda x, a: x,
    "clip": lambda x, a: np.clip(x, a.get("low"), a.get("high")),
    "scale": lambda x, a: (
        x * a["scale"] + a["bias"] if a.get("bias_after_scale", True) else (x + a["bias"]) * a["scale"]
    ),
}
for _kind, _function in ACTIVATIONS.items():
    FORMULAS[_kind] = lambda arrays, attrs, function=_function: function(arrays["x"], attrs)  # type: ignore[misc]


def _channel(vector: Array | None, x: Array) -> Any:
    return 0.0 if vector is None else vector.reshape(1, -1, *[1] * (x.ndim - 2))


def _scaled(y: Array, arrays: Arrays, x: Array) -> Array:
    if "weight" in arrays:
        y = y * _channel(arrays["weight"], x)
    return y + _channel(arrays.get("bias"), x)


@formula("prelu")
def prelu(arrays: Arrays, attrs: Attrs) -> Array:
    x, weight = arrays["x"], arrays["weight"]
    return np.where(x > 0, x, x * (weight if weight.size == 1 else _channel(weight, x)))


@formula("glu")
def glu(arrays: Arrays, attrs: Attrs) -> Array:
    value, gate = np.split(arrays["x"], 2, axis=attrs["axis"])
    return gate * sigmoid(value) if attrs.get("swapped") else value * sigmoid(gate)


@formula("linear")
def linear(arrays: Arrays, attrs: Attrs) -> Array:
    return arrays["x"] @ arrays["weight"].T + arrays.get("bias", 0.0)


@formula("matmul")
def matmul(arrays: Arrays, attrs: Attrs) -> Array:
    left, right = arrays["x"], arrays["other"]
    left = np.swapaxes(left, -1, -2) if attrs.get("transpose_x") else left
    right = np.swapaxes(right, -1, -2) if attrs.get("transpose_other") else right
    return left @ right


@formula("einsum")
def einsum(arrays: Arrays, attrs: Attrs) -> Array:
    operands = [value for role, value in arrays.items() if role.startswith("x")]
    return np.einsum(attrs["equation"], *operands)


@formula("batch_norm")
def batch_norm(arrays: Arrays, attrs: Attrs) -> Array:
    x = arrays["x"]
    if attrs.get("training"):
        axes = (0, *range(2, x.ndim))
        mean, var = x.mean(axes), x.var(axes, ddof=int(attrs.get("ddof", 0)))
    else:
        mean, var = arrays["running_mean"], arrays["running_var"]
    y = (x - _channel(mean, x)) / np.sqrt(_channel(var, x) + attrs["eps"])
    return _scaled(y, arrays, x)


@formula("instance_norm")
def instance_norm(arrays: Arrays, attrs: Attrs) -> Array:
    x = arrays["x"]
    axes = tuple(range(2, x.ndim))
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(
        x.var(axes, keepdims=True, ddof=int(attrs.get("ddof", 0))) + attrs["eps"]
    )
    return _scaled(y, arrays, x)


@formula("group_norm")
def group_norm(arrays: Arrays, attrs: Attrs) -> Array:
    x, groups = arrays["x"], int(attrs["groups"])
    grouped = x.reshape(x.shape[0], groups, -1)
    y = grouped - grouped.mean(-1, keepdims=True)
    y = y / np.sqrt(grouped.var(-1, keepdims=True, ddof=int(attrs.get("ddof", 0))) + attrs["eps"])
    return _scaled(y.reshape(x.shape), arrays, x)


@formula("layer_norm")
def layer_norm(arrays: Arrays, attrs: Attrs) -> Array:
    x = arrays["x"]
    count = attrs.get("count") or (len(attrs["axes"]) if isinstance(attrs.get("axes"), tuple) else 1)
    axes = tuple(range(x.ndim - count, x.ndim))
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(
        x.var(axes, keepdims=True, ddof=int(attrs.get("ddof", 0))) + attrs["eps"]
    )
    shape = x.shape[x.ndim - count :]
    if "weight" in arrays:
        y = y * arrays["weight"].reshape(shape)
    return y + arrays["bias"].reshape(shape) if "bias" in arrays else y


@formula("rms_norm")
def rms_norm(arrays: Arrays, attrs: Attrs) -> Array:
    x = arrays["x"]
    y = x / np.sqrt((x * x).mean(-1, keepdims=True) + (attrs.get("eps") or 2.0**-52))
    return y * arrays["weight"] if "weight" in arrays else y


@formula("normalize")
def normalize(arrays: Arrays, attrs: Attrs) -> Array:
    x, p = arrays["x"], float(attrs.get("p", 2.0))
    norm = (np.abs(x) ** p).sum(attrs["axis"], keepdims=True) ** (1.0 / p)
    return x / np.maximum(norm, attrs.get("eps", 1e-12))


@formula("softmax", "log_softmax")
def softmax(arrays: Arrays, attrs: Attrs) -> Array:
    shifted = np.exp(arrays["x"] - arrays["x"].max(attrs["axis"], keepdims=True))
    return shifted / shifted.sum(attrs["axis"], keepdims=True)


FORMULAS["log_softmax"] = lambda arrays, attrs: np.log(softmax(arrays, attrs))


@formula("attention")
def attention(arrays: Arrays, attrs: Attrs) -> Array:
    """[..., L, D]; ``layout`` "blhd" has heads after positions."""
    query, key, value = arrays["query"], arrays["key"], arrays["value"]
    if attrs.get("layout") == "blhd":
        query, key, value = (np.swapaxes(array, 1, 2) for array in (query, key, value))
    scale = attrs.get("scale") or query.shape[-1] ** -0.5
    scores = query @ np.swapaxes(key, -1, -2) * scale
    if attrs.get("causal"):
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    if "mask" in arrays:
        mask = arrays["mask"]
        mask = ~mask if attrs.get("inverted") and mask.dtype == bool else mask
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    result = softmax({"x": scores}, {"axis": -1}) @ value
    return np.swapaxes(result, 1, 2) if attrs.get("layout") == "blhd" else result


@formula("mask")
def mask(arrays: Arrays, attrs: Attrs) -> Array:
    given = arrays["mask"]
    if given.dtype == bool:
        return np.where(~given if attrs.get("inverted") else given, arrays["x"], -np.inf)
    if attrs.get("inverted"):
        given = np.where(given == 0, given.min(), 0.0)
    return arrays["x"] + given


@formula("masked_fill")
def masked_fill(arrays: Arrays, attrs: Attrs) -> Array:
    given = arrays["mask"]
    value: Any = arrays["value"] if "value" in arrays else attrs["value"]
    return np.where(~given if attrs.get("inverted") else given, value, arrays["x"])


@formula("where")
def where(arrays: Arrays, attrs: Attrs) -> Array:
    given = arrays["mask"].astype(bool)
    given = ~given if attrs.get("inverted") else given
    x, other = _operands(arrays, attrs)
    return np.where(given, x, other)


@formula("dropout", "dropout_channels")
def dropout(arrays: Arrays, attrs: Attrs) -> Array:
    x, p = arrays["x"], float(attrs["p"])
    scaled = attrs.get("mode", "upscale_in_train") == "upscale_in_train"
    if not attrs.get("training"):
        return x if scaled else x * (1.0 - p)
    if p == 0.0:
        return x
    drawn = attrs["uniform"]  # the numbers that the mask was drawn from
    return x * (drawn >= p) * (1.0 / (1.0 - p) if scaled else 1.0)


def _operands(arrays: Arrays, attrs: Attrs) -> tuple[Any, Any]:
    return arrays.get("x", attrs.get("x")), arrays.get("other", attrs.get("other"))


BINARY: dict[str, Callable[[Any, Any], Array]] = {
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
for _kind, _binary in BINARY.items():
    FORMULAS[_kind] = lambda arrays, attrs, function=_binary: function(*_operands(arrays, attrs))  # type: ignore[misc]


@formula("add")
def add(arrays: Arrays, attrs: Attrs) -> Array:
    x, other = _operands(arrays, attrs)
    return x + other * (attrs.get("alpha", 1) or 1)


@formula("cat")
def cat(arrays: Arrays, attrs: Attrs) -> Array:
    return np.concatenate([value for role, value in arrays.items() if role != "axis"], axis=attrs["axis"])


@formula("stack")
def stack(arrays: Arrays, attrs: Attrs) -> Array:
    return np.stack(list(arrays.values()), axis=attrs["axis"])


REDUCTIONS: dict[str, Callable[..., Array]] = {
    "mean": np.mean,
    "sum": np.sum,
    "max": np.max,
    "min": np.min,
    "amax": np.max,
    "amin": np.min,
}
for _kind, _reduction in REDUCTIONS.items():
    FORMULAS[_kind] = lambda arrays, attrs, function=_reduction: np.asarray(  # type: ignore[misc]
        function(arrays["x"], axis=attrs.get("axis"), keepdims=bool(attrs.get("keepdim")))
    )


@formula("var", "std")
def var(arrays: Arrays, attrs: Attrs) -> Array:
    ddof = 1 if attrs.get("unbiased", True) else 0
    return np.asarray(arrays["x"].var(axis=attrs.get("axis"), ddof=ddof, keepdims=bool(attrs.get("keepdim"))))


FORMULAS["std"] = lambda arrays, attrs: np.sqrt(var(arrays, attrs))


@formula("median")
def median(arrays: Arrays, attrs: Attrs) -> Array:
    x, axis = arrays["x"], attrs.get("axis")
    if attrs.get("even", "lower") == "mean":
        return np.asarray(np.median(x, axis=axis, keepdims=bool(attrs.get("keepdim"))))
    x = x.reshape(-1) if axis is None else x
    result = np.take(np.sort(x, axis=axis if axis is not None else 0), (x.shape[axis or 0] - 1) // 2, axis=axis or 0)
    return np.expand_dims(result, axis) if attrs.get("keepdim") and axis is not None else result


@formula("embedding")
def embedding(arrays: Arrays, attrs: Attrs) -> Array:
    result = arrays["weight"][arrays["x"].astype(np.int64)]
    if attrs.get("zero_padding") and attrs.get("padding_index") is not None:
        result = np.where((arrays["x"] == attrs["padding_index"])[..., None], 0.0, result)
    return result


@formula("getitem")
def getitem(arrays: Arrays, attrs: Attrs) -> Array:
    def index(value: Any) -> Any:
        if isinstance(value, tuple) and value[:1] == ("slice",):
            return slice(*value[1:])
        if isinstance(value, tuple):
            return tuple(index(item) for item in value)
        return Ellipsis if value == "..." else value

    return arrays["x"][index(attrs["index"])]


@formula("flip")
def flip(arrays: Arrays, attrs: Attrs) -> Array:
    return np.flip(arrays["x"], attrs["axis"])


@formula("roll")
def roll(arrays: Arrays, attrs: Attrs) -> Array:
    return np.roll(arrays["x"], attrs["shifts"], attrs.get("axis"))


FORMULAS |= losses.FORMULAS
