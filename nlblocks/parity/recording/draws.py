"""Random draws: the same numbers in every framework, whichever way a model asks for them.

A draw is computed from one of two streams of numbers, uniform and standard normal, that depend on the comparison's
seed, on the shape, its axes of one aside and in any order, and on how many draws of that shape there were before. So a
dropout, ``rand() < keep``, ``floor(keep + rand())`` and ``bernoulli(keep)`` of one shape keep the same elements, and
an exponential draw is the same wherever it is drawn. What follows neither stream is drawn by the framework itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.init import generator
from nlblocks.parity.formulas import dropout_draw
from nlblocks.parity.recording.call import Call
from nlblocks.parity.recording.recorder import Recorder
from nlblocks.parity.tracing import vocabulary

Parameters = Callable[[str], Any]
"""A parameter of a distribution by name: a number, or an array over the draw's shape."""
HALF_STEP = 2.0**-25
"""Uniform numbers are multiples of 2^-24: half a step away from 0, a logarithm is finite."""
SELU = 1.6732632423543772 * 1.0507009873554805
"""What SELU goes to on the left, with the other sign: what an alpha dropout puts in the place of what it drops."""


def run(recorder: Recorder, call: Call, function: Callable[..., Any], args: Any, kwargs: Any) -> Any | None:
    """What a call gives that draws random numbers; None where it draws none, or none that are known here."""
    if call.kind.startswith(f"{vocabulary.RANDOM}."):
        return _distributed(recorder, call, function, args, kwargs)
    if call.kind in COMPOSED and (call.kind == "gumbel_softmax" or call.attrs.get("training")):
        return COMPOSED[call.kind](recorder, call)
    return None


def _distributed(recorder: Recorder, call: Call, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Let the framework make the tensor, and fill it with the numbers of this comparison."""
    name = call.kind.partition(".")[2]
    call.kind = vocabulary.RANDOM
    result = function(*args, **kwargs)
    framework = recorder.framework

    def parameter(role: str) -> Any:
        value = call.arguments.get(role)
        return framework.to_numpy(value).astype(np.float64) if isinstance(value, framework.tensor_type) else value

    if name in DISTRIBUTIONS:
        family, values = DISTRIBUTIONS[name]
        shape = tuple(result.shape)
        if name == "multinomial" and not _repeats(parameter):
            shape = tuple(call.arguments["x"].shape)
        base = uniform(recorder, call, shape) if family == "uniform" else normal(recorder, call, shape)
        drawn = values(base, parameter)
        framework.write(result, np.asarray(drawn).reshape(tuple(result.shape)))
    taken = [(n, role) for n, role in zip(call.inputs, call.roles, strict=True) if not role.startswith("_")]
    call.inputs, call.roles = tuple(n for n, _ in taken), tuple(role for _, role in taken)
    call.attrs["distribution"] = name
    return result


def uniform(recorder: Recorder, call: Call, shape: Sequence[int]) -> Array:
    """Uniform numbers for a call, from [0, 1)."""
    own = (*shape, recorder.count(tuple(shape)))
    drawn = call.attrs["drawn"] = recorder.options.masks.get(call.site, own)
    return dropout_draw(drawn, recorder.options.seed).reshape(tuple(shape))


def normal(recorder: Recorder, call: Call, shape: Sequence[int]) -> Array:
    """Standard normal numbers for a call."""
    extents = tuple(sorted(extent for extent in shape if extent != 1))
    count = recorder.count(("normal", *extents))
    call.attrs["drawn_normal"] = (*shape, count)
    order = np.argsort([extent for extent in shape if extent != 1], kind="stable")
    numbers = generator(recorder.options.seed, f"normal:{list(extents)}:{count}").normal(size=extents)
    return numbers.astype(np.float32).astype(np.float64).transpose(np.argsort(order)).reshape(tuple(shape))


def _bernoulli(u: Array, of: Parameters) -> Array:
    p = of("x") if of("p") is None else of("p")
    return u >= 1.0 - np.asarray(p, np.float64)


def _randint(u: Array, of: Parameters) -> Array:
    low, high = of("low"), of("high")
    if high is None or isinstance(high, list | tuple) or not np.isscalar(high):  # one bound, which is the upper
        low, high = 0, low
    low = low or 0
    return np.floor(low + u * (high - low))


def _uniform(u: Array, of: Parameters) -> Array:
    low = 0.0 if of("low") is None else of("low")
    high = 1.0 if of("high") is None else of("high")
    return np.asarray(u if (low, high) == (0.0, 1.0) else low + (high - low) * u)


def _normal(z: Array, of: Parameters) -> Array:
    mean, std = of("mean"), of("std")
    return np.asarray((0.0 if mean is None else mean) + (1.0 if std is None else std) * z)


def _repeats(of: Parameters) -> bool:
    return bool(of("replacement")) and int(of("count") or 1) > 1


def _multinomial(u: Array, of: Parameters) -> Array:
    """Rows of places: by the largest of log p + Gumbel noise, or, where places may come again, by cumulated p."""
    p, count = of("x"), int(of("count") or 1)
    if not _repeats(of):
        with np.errstate(divide="ignore"):
            return np.argsort(-(np.log(p) + _gumbel(u)), axis=-1, kind="stable")[..., :count]
    steps = np.cumsum(p, axis=-1) / p.sum(-1, keepdims=True)
    return np.minimum((u[..., :, None] >= steps[..., None, :]).sum(-1), p.shape[-1] - 1)


def _gumbel(u: Array) -> Array:
    return -np.log(-np.log(u + HALF_STEP))


DISTRIBUTIONS: Mapping[str, tuple[str, Callable[[Array, Parameters], Array]]] = {
    "uniform": ("uniform", _uniform),
    "bernoulli": ("uniform", _bernoulli),
    "randint": ("uniform", _randint),
    "exponential": ("uniform", lambda u, of: -np.log1p(-u - HALF_STEP) / of("rate")),
    "geometric": ("uniform", lambda u, of: np.maximum(np.ceil(np.log1p(-u) / np.log1p(-of("p"))), 1.0)),
    "cauchy": ("uniform", lambda u, of: of("median") + of("sigma") * np.tan(np.pi * (u + HALF_STEP - 0.5))),
    "permutation": ("uniform", lambda u, of: np.argsort(u, kind="stable")),
    "multinomial": ("uniform", _multinomial),
    "normal": ("normal", _normal),
    "log_normal": ("normal", lambda z, of: np.exp(_normal(z, of))),
}
"""What is drawn: from which stream, and how its numbers are made into it."""


def _rrelu(recorder: Recorder, call: Call) -> Any:
    """Slopes between two bounds, where the input is negative."""
    x, (low, high) = call.arguments["x"], (float(call.attrs["lower"]), float(call.attrs["upper"]))
    slopes = low + (high - low) * uniform(recorder, call, tuple(x.shape))
    return x * recorder.framework.like(np.where(recorder.framework.to_numpy(x) < 0, slopes, 1.0), x)


def _alpha_dropout(recorder: Recorder, call: Call) -> Any:
    """What is dropped goes to SELU's lower end; mean and variance are kept."""
    x, p, framework = call.arguments["x"], float(call.attrs["p"]), recorder.framework
    shape = tuple(x.shape)
    if call.kind.startswith("feature"):
        shape = (*shape[:2], *(1 for _ in shape[2:]))
    kept = np.broadcast_to(uniform(recorder, call, shape) >= p, tuple(x.shape))
    scale = ((1.0 - p) * (1.0 + p * SELU**2)) ** -0.5 if p < 1 else 0.0
    return x * framework.like(kept * scale, x) + framework.like(scale * SELU * (p - ~kept), x)


def _gumbel_softmax(recorder: Recorder, call: Call) -> Any:
    """A softmax of logits with Gumbel noise; with ``hard`` its largest, and the gradient of the softmax."""
    x, framework, axis = call.arguments["x"], recorder.framework, int(call.arguments["axis"])
    noise = _gumbel(uniform(recorder, call, tuple(x.shape)))
    soft = framework.functions["softmax"]((x + framework.like(noise, x)) / float(call.attrs["tau"]), axis)
    if not call.attrs["hard"]:
        return soft
    values = framework.to_numpy(soft)
    one = np.zeros_like(values)
    np.put_along_axis(one, np.expand_dims(values.argmax(axis), axis), 1.0, axis)
    return soft + framework.like(one - values, x)


COMPOSED: Mapping[str, Callable[[Recorder, Call], Any]] = {
    "rrelu": _rrelu,
    "alpha_dropout": _alpha_dropout,
    "feature_alpha_dropout": _alpha_dropout,
    "gumbel_softmax": _gumbel_softmax,
}
"""Kinds that draw and compute: written out, so that they draw what others do."""
