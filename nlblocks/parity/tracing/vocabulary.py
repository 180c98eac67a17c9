"""One vocabulary for operations: how a framework's call is read, how its attributes and what it leaves are written.

A framework describes its functions in lines such as ``"avg_pool: x kernel stride=None padding=0"``: the kind,
then the arguments in the function's own positional order under the vocabulary's names, ``name|alias`` where it
calls them otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.tolerance import EPSILON, FLOAT32_EQUAL
from nlblocks.parity.tracing.decomposition import RESULT as RESULT
from nlblocks.parity.tracing.decomposition import ROLES as ROLES
from nlblocks.parity.tracing.decomposition import STEPS as STEPS
from nlblocks.parity.tracing.decomposition import Step as Step

Key = tuple[str, str]
"""What a run is judged by: ("output", "grad_input", "grad_params" or "buffers", name)."""
Spot = tuple[str, int]
"""A result by the operation's site and its position among the operation's results: the same in every run of a model."""
Constant = tuple[str, str | int, float]
"""The site of a call, the argument or the position of the result that is a constant, and another value for it."""
LAYOUT = {
    "view", "reshape", "flatten", "transpose", "permute", "squeeze", "unsqueeze", "contiguous", "clone", "identity",
    "expand", "detach", "unflatten", "swapaxes", "movedim", "cast", "slice", "chunk", "split", "getitem", "unbind",
    "constant", "repeat", "mutated",
}  # fmt: skip
"""Kinds that move elements and compute nothing."""
VALUELESS = {
    "zeros", "zeros_like", "ones", "ones_like", "eye", "empty", "empty_like", "new_empty", "new_zeros", "new_ones",
}  # fmt: skip
"""Kinds whose result depends on shapes alone."""
CONSTANT = VALUELESS | {"full", "full_like", "new_full", "arange"}
"""Kinds whose result depends on no values of other tensors."""
UNTRACED = "untraced"
"""The kind of what made a tensor out of the tracer's sight: its inputs are what it may have been made from."""
RANDOM = "random"
"""The kind of a random draw, but for a dropout's."""
ESCAPES = {
    "item", "tolist", "numpy", "__float__", "__int__", "__index__", "__complex__", "__array__", "__dlpack__",
}  # fmt: skip
"""Functions that give the values of a tensor to Python or NumPy, out of the tracer's sight."""
ACTIVATIONS = {
    "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "hard_swish", "hard_sigmoid", "sigmoid",
    "tanh", "softplus", "mish", "prelu", "softsign", "hardtanh",
}  # fmt: skip
DROPOUTS = {"dropout", "dropout_channels"}
AFFINE = {"conv", "linear", "matmul"}
"""Kinds that one weight may be used by: a 1x1 convolution is a linear layer, and a product with a matrix."""
NORMALISATIONS = {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"}
RECURRENCES = ("lstm", "gru", "rnn_tanh", "rnn_relu")
"""Kinds of whole recurrent networks; with ``_cell`` behind, of cells that take one step."""
LOSSES: Mapping[str, str] = {
    **dict.fromkeys(
        ("mse_loss", "l1_loss", "smooth_l1", "huber", "kl_div", "bce", "bce_logits", "focal_loss"), "other"
    ),
    **dict.fromkeys((
        "cross_entropy", "nll_loss", "ctc_loss", "dice_loss", "poisson_nll_loss", "gaussian_nll_loss",
        "margin_ranking_loss", "hinge_embedding_loss", "cosine_embedding_loss", "soft_margin_loss",
        "multi_label_soft_margin_loss", "multi_margin_loss",
    ), "target"),
    "triplet_margin_loss": "",
}  # fmt: skip
"""Losses, and the role of what they are to be near: a label, where there is one."""
INCIDENTAL = {"layout", "equation", "variance", "drawn", "align_mode", "extent_one", "value", "part", "time_major"}
"""Attributes that say how a call is written, or that other evidence speaks for: not compared by value."""
PER_AXIS = {"kernel", "stride", "padding", "dilation", "output_padding"}
SCALARS = frozenset({bool, int, float, str, type(None)})
"""Types of arguments that hold no tensor: told apart first, for most arguments are one of them."""
COMPLEX = {"float64": "complex128", "float32": "complex64"}
"""The dtype of complex tensors in a run of each precision."""
LONGEST = 60
"""Characters of an attribute's text that are kept; of what is longer, an array say, only its type's name is."""
HELD_ZERO = 1e-30
"""Numbers this close to 0 are 0, whatever their ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A parameter or buffer of a model, by its own name and in its own layout.

    What is not ``saved`` is in no checkpoint: a constant of the model's code.
    """

    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    buffer: bool
    saved: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A tensor of a model's checkpoint. ``own`` is the name that a trace has for it, "" for integers, which have none.

    Of such ``value`` is a copy of what the model holds.
    """

    own: str
    shape: tuple[int, ...]
    buffer: bool
    value: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What two operations of a ``kind`` differ in: the ``name`` of the attribute, and both values.

    ``function`` is what the right calls. Where the right has another kind in that place, the name is "kind".
    """

    kind: str
    name: str
    left: Any
    right: Any
    function: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What a run takes in place of its own: attributes by an operation's site, results, gradients of results."""

    attributes: Mapping[str, Mapping[str, float]]
    values: Mapping[Spot, Array]
    gradients: Mapping[Spot, Array]


@dataclass(frozen=True, slots=True)
class Signature:
    """How a function is called: its kind and (name, aliases, default) of each argument, in positional order."""

    kind: str
    arguments: tuple[tuple[str, tuple[str, ...], Any], ...]

    def read(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The call's arguments under the vocabulary's names; the unknown ones are left out."""
        found: dict[str, Any] = {}
        for position, (name, aliases, default) in enumerate(self.arguments):
            if position < len(args):
                found[name] = args[position]
            else:
                found[name] = next((kwargs[key] for key in (name, *aliases) if key in kwargs), default)
        return found

    def replace(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], name: str, change: Callable[[Any], Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """The call with one argument changed; the default of the function is left to the function."""
        values, named = list(args), dict(kwargs)
        for position, (own, aliases, _) in enumerate(self.arguments):
            if own == name:
                if position < len(values):
                    values[position] = change(values[position])
                for key in (own, *aliases):
                    if key in named:
                        named[key] = change(named[key])
        return values, named

    def give(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], name: str, value: Any
    ) -> tuple[list[Any], dict[str, Any]]:
        """The call with one argument set, whether or not the caller left it to its default."""
        for position, (own, aliases, _) in enumerate(self.arguments):
            keys = (own, *aliases)
            if own == name and position >= len(args) and not any(key in kwargs for key in keys):
                return list(args), {**kwargs, keys[-1]: value}
        return self.replace(args, kwargs, name, lambda _: value)


@cache
def signature(line: str) -> Signature:
    """Parse one line of a framework's table."""
    kind, _, rest = line.partition(":")
    arguments = []
    for word in rest.split():
        names, _, default = word.partition("=")
        name, *aliases = names.split("|")
        arguments.append((name, tuple(aliases), _literal(default)))
    return Signature(kind, tuple(arguments))


def _literal(text: str) -> Any:
    known = {"": None, "None": None, "True": True, "False": False}
    if text in known:
        return known[text]
    try:
        return float(text) if "." in text or "e-" in text else int(text)
    except ValueError:
        return text


def plain(value: Any, prefix: str = "") -> Any:
    """An attribute as JSON can hold it: numbers, text, None and tuples of them; the text without the prefix."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return value
    if isinstance(value, slice):
        return ("slice", plain(value.start, prefix), plain(value.stop, prefix), plain(value.step, prefix))
    if value is Ellipsis:
        return "..."
    if isinstance(value, list | tuple):
        return tuple(plain(item, prefix) for item in value)
    if hasattr(value, "item") and getattr(value, "size", None) == 1:
        return plain(value.item(), prefix)
    text = str(value)
    return text.replace(prefix, "") if len(text) < LONGEST else type(value).__name__


def written(value: Any) -> str:
    """An attribute as a call is written: windows that are the same on every axis as one number.

    "" for padding that is not the same before and after: it has another form in every framework.
    """
    while isinstance(value, tuple) and value and all(item == value[0] for item in value):
        value = value[0]
    if isinstance(value, tuple):
        nested = any(not isinstance(item, int | float) for item in value)
        return "" if nested else f"({', '.join(map(written, value))})"
    return f"{value:.8g}" if isinstance(value, float) else repr(value)


def normalise(kind: str, attrs: dict[str, Any], ndim: int) -> dict[str, Any]:
    """Attributes in one form: window sizes as tuples, padding as (before, after) pairs, axes from the front."""
    attrs = {name: value for name, value in attrs.items() if not name.startswith("_")}
    if kind in ("max_pool", "avg_pool") and attrs.get("stride") in (None, (), []):
        attrs["stride"] = attrs.get("kernel")
    if kind in ("mean", "sum") and isinstance(attrs.get("axis"), tuple):
        attrs["axis"] = tuple(sorted(a % ndim for a in attrs["axis"]))
    spatial = max(ndim - 2, 1)
    if kind in ("conv", "conv_transpose", "max_pool", "avg_pool"):
        for name in PER_AXIS & set(attrs):
            attrs[name] = _window(name, attrs[name], spatial)
    if kind == "group_norm":
        attrs.pop("axes", None)
    for name in ("axis", "axes", "start", "stop"):
        value = attrs.get(name)
        if isinstance(value, bool) or value is None:
            continue
        if isinstance(value, int):
            attrs[name] = value % ndim if ndim else value
        elif isinstance(value, tuple) and all(isinstance(v, int) for v in value):
            attrs[name] = tuple(v % ndim if ndim else v for v in value)
            if len(attrs[name]) == 1 and kind in ("mean", "sum", "max", "min", "amax", "amin", "var", "std"):
                attrs[name] = attrs[name][0]
    return attrs


def _window(name: str, value: Any, spatial: int) -> Any:
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, int):
        value = (value,) * spatial
    if not isinstance(value, tuple):
        return value
    if len(value) == 1:
        value = value * spatial
    if name != "padding":
        return value
    if all(isinstance(v, tuple) for v in value):
        return tuple(value[-spatial:])
    if len(value) == spatial:
        return tuple((v, v) for v in value)
    if len(value) == 2 * spatial:
        return tuple((value[2 * i], value[2 * i + 1]) for i in range(spatial))
    return value


def same_padding(
    extents: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """What "same" pads on axes of these extents: (before, after) of each, the odd one after."""
    axes = zip(extents, kernel, stride, dilation, strict=True)
    totals = [max((math.ceil(size / s) - 1) * s + d * (k - 1) + 1 - size, 0) for size, k, s, d in axes]
    return tuple((total // 2, total - total // 2) for total in totals)


def write_out_padding(attrs: dict[str, Any], extents: Sequence[int], weight: Sequence[int] | None) -> None:
    """Padding that is a word as what it pads [B, C, *extents], by windows of the size of a weight [O, C, *window]."""
    kernel = tuple(weight[2:]) if weight is not None else attrs.get("kernel")
    spatial = len(extents) - 2
    if not isinstance(kernel, tuple) or len(kernel) != spatial:
        return
    if attrs.get("padding") == "valid":
        attrs["padding"] = ((0, 0),) * spatial
    elif attrs.get("padding") == "same":
        dilation = attrs.get("dilation") or (1,) * spatial
        attrs["padding"] = same_padding(extents[2:], kernel, attrs["stride"], dilation)


def tensors_in(value: Any, tensor: type[Any]) -> list[Any]:
    """All tensors, which are of this class, in nested lists, tuples and dicts, in order."""
    if isinstance(value, tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [found for item in value for found in tensors_in(item, tensor)]
    if type(value) not in SCALARS and isinstance(value, Mapping):
        return [found for item in value.values() for found in tensors_in(item, tensor)]
    return []


def same_number(a: Any, b: Any) -> bool:
    """Whether two attributes are equal, constants that a framework holds as float32 included."""
    if isinstance(a, bool) or isinstance(b, bool) or isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=FLOAT32_EQUAL, abs_tol=HELD_ZERO)
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return all(same_number(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def same_momentum(a: float, b: float) -> bool:
    """Whether two weights of the new statistic are equal, or those of the old are to float32, as Paddle holds them."""
    return same_number(a, b) or bool(np.float32(1.0 - a) == np.float32(1.0 - b))


def one_in_float32(a: float, b: float, *, scales: bool) -> bool:
    """Whether two constants may be one number that float32 holds: both are neighbours in it, one of them exactly.

    A constant that ``scales``, a rate or what it keeps, may be held as either, or as what is divided by it. Others are
    held as themselves: beside 1, float32 does not tell a bound of 1e-8 from 0.
    """
    pairs = [(a, b)]
    if scales:
        pairs += [(1.0 - a, 1.0 - b), *([(1.0 / a, 1.0 / b)] if a and b else [])]
    return any(_neighbours(*pair) for pair in pairs)


def _neighbours(a: float, b: float) -> bool:
    """Whether a float32 number is next to another number: no other one lies between the two."""
    if not all(map(math.isfinite, (a, b))):
        return False
    nearest = np.float32(a), np.float32(b)
    held = any(abs(float(near) - exact) <= EPSILON["float64"] for near, exact in zip(nearest, (a, b), strict=True))
    return held and abs(a - b) <= float(np.spacing(np.abs(max(nearest, key=abs))))
