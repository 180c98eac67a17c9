"""Paddle's kernels that hold a constant as float32, whatever the dtype: computed with the numbers as they are given.

By kernel, as ``paddle._C_ops`` names them: every public spelling ends in one. Where a kernel takes other arguments that
say the same, and that float32 holds, it is called with these (:data:`REPHRASED`); else the operation is written out in
Paddle's own operators, which compute in float64 (:data:`WRITTEN`), with the gradient of the kernel where it has a kink.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import paddle
from paddle import Tensor

from nlblocks.backend import Array
from nlblocks.parity.recording import Held
from nlblocks_paddle.lab import places as read
from nlblocks_paddle.lab.calls import SIXTH
from nlblocks_paddle.lab.held_functions import FUNCTIONS

Kernel = Callable[..., Any]
Rule = Callable[..., "Tensor | None"]
GIVEN = ("held", "kernel", "own")
"""What a rule is given beside the arguments of the call."""
METHODS = {"__pow__": "C.pow"}
"""Methods that call a kernel past ``paddle._C_ops``."""


def exact(name: str, function: Kernel, held: Held) -> Kernel:
    """What runs in place of a function of Paddle: the function itself, where it holds no constant as float32."""
    kind, _, kernel = METHODS.get(name, name).partition(".")
    if held.active and name in FUNCTIONS:
        return functools.partial(FUNCTIONS[name], held, function)
    if kind != "C" or not held.active:
        return function
    if kernel == "one_hot":
        return lambda *args: function(*args).astype("float64")
    if kernel in REPHRASED:
        rephrased = REPHRASED[kernel]
        return _where_double(function, rephrased, functools.partial(rephrased, held, function))
    plain = kernel.removesuffix("_")
    if plain not in WRITTEN:
        return function
    run = functools.partial(_overwritten if kernel != plain else _written, held, plain, function)
    return _where_double(function, WRITTEN[plain][1], run)


@functools.cache
def _arguments(rule: Kernel) -> tuple[int, int]:
    """How many arguments of a call a rule takes, at least and at most."""
    known = [value for name, value in inspect.signature(rule).parameters.items() if name not in GIVEN]
    return sum(value.default is inspect.Parameter.empty for value in known), len(known)


def _where_double(function: Kernel, rule: Kernel, run: Kernel) -> Kernel:
    """``run`` on float64 tensors, where the call has the arguments that the rule knows: versions of Paddle differ."""
    least, most = _arguments(rule)

    def call(*args: Any, **kwargs: Any) -> Any:
        more = any(value is not None for value in kwargs.values()) or not least <= len(args) <= most
        double = args and isinstance(args[0], Tensor) and args[0].dtype == paddle.float64
        return run(*args) if double and not more else function(*args, **kwargs)

    return call


def _written(held: Held, name: str, kernel: Kernel, *args: Any) -> Any:
    """What a kernel gives, or what stands for it."""
    what, rule = WRITTEN[name]
    own = kernel(*args)
    homogeneous = rule in HOMOGENEOUS
    rounds = held.rounds(*(value for value in args if isinstance(value, float)))
    if not (homogeneous or rounds or rule is softplus):
        return own
    found = rule(held, kernel, own, *args)
    if found is None:
        return own
    places, least = max(args[0].shape) if rule is interp else 1, 0.0 if homogeneous else 1.0
    return found if held.replaces(name, what, own.numpy(), found.numpy(), places=places, least=least) else own


def _overwritten(held: Held, name: str, kernel: Kernel, x: Tensor, *args: Any) -> Tensor:
    """The same where the kernel writes to its first argument."""

    def elsewhere(y: Tensor, *rest: Any) -> Any:
        return kernel(y.clone(), *rest)

    return paddle.assign(_written(held, name, elsewhere, x.clone(), *args), output=x)


# with other arguments


def scaled(eps: float) -> tuple[float, float]:
    """(s, a power of two) with which normalising s x adds exactly what normalising x adds with eps."""
    power = 2.0 ** math.floor(math.log2(eps))
    return math.sqrt(power / eps), power


def layer_norm(held: Held, kernel: Kernel, x: Tensor, weight: Any, bias: Any, eps: float, axis: int) -> Any:
    """Over the axes from one on."""
    if not held.rounds(eps):
        return kernel(x, weight, bias, eps, axis)
    held.note("layer_norm", "eps")
    factor, power = scaled(held.number(eps))
    return kernel(x * factor, weight, bias, power, axis)


def instance_norm(held: Held, kernel: Kernel, x: Tensor, weight: Any, bias: Any, eps: float) -> Any:
    """Over the positions of each instance."""
    if not held.rounds(eps):
        return kernel(x, weight, bias, eps)
    held.note("instance_norm", "eps")
    factor, power = scaled(held.number(eps))
    return kernel(x * factor, weight, bias, power)


def batch_norm(
    held: Held, kernel: Kernel, x: Tensor, mean: Tensor, var: Tensor, weight: Any, bias: Any, testing: bool,
    momentum: float, eps: float, layout: str, use_global: Any, trainable: bool,
) -> Any:  # fmt: skip
    """Over batch and positions; the running statistics move by the momentum that was given."""
    rest = layout, use_global, trainable
    alone = x.size == mean.size  # one value a channel: the kernel gives x itself
    if alone or not held.rounds(eps, momentum, 1.0 - momentum):
        return kernel(x, mean, var, weight, bias, testing, momentum, eps, *rest)
    held.note("batch_norm", "eps and momentum")
    given = held.number(eps)
    factor, power = scaled(given)
    if (testing and not trainable) or use_global:
        moved = var + (given - power)
        return kernel(x, mean, moved, weight, bias, testing, momentum, power, *rest)
    own, square = paddle.zeros_like(mean), paddle.zeros_like(var)  # with momentum 0, those of this batch
    result = kernel(x * factor, own, square, weight, bias, testing, 0.0, power, *rest)
    with paddle.no_grad():
        paddle.assign(mean * momentum + own * ((1.0 - momentum) / factor), output=mean)
        paddle.assign(var * momentum + square * ((1.0 - momentum) / factor**2), output=var)
    return result


# written out


def hardsigmoid(
    held: Held, kernel: Kernel, own: Tensor, x: Tensor, slope: float = SIXTH, offset: float = 0.5
) -> Tensor:
    """slope x + offset between 0 and 1."""
    y = x * held.number(1 / 6 if slope == SIXTH else slope) + held.number(offset)
    return _between(y, 0.0, 1.0)


def hardtanh(held: Held, kernel: Kernel, own: Tensor, x: Tensor, low: float, high: float) -> Tensor:
    """x between two bounds."""
    return _between(x, held.number(low), held.number(high))


def elu(held: Held, kernel: Kernel, own: Tensor, x: Tensor, alpha: float) -> Tensor:
    """x, or α (exp(x) - 1) where x ≤ 0."""
    return paddle.where(x > 0, x, held.number(alpha) * paddle.expm1(_negative(x)))


def celu(held: Held, kernel: Kernel, own: Tensor, x: Tensor, alpha: float) -> Tensor:
    """x, or α (exp(x / α) - 1) where x ≤ 0."""
    alpha = held.number(alpha)
    return paddle.where(x > 0, x, alpha * paddle.expm1(_negative(x) / alpha))


def selu(held: Held, kernel: Kernel, own: Tensor, x: Tensor, scale: float, alpha: float) -> Tensor:
    """ELU times a scale."""
    return held.number(scale) * elu(held, kernel, own, x, alpha)


def rrelu(held: Held, kernel: Kernel, own: Tensor, x: Tensor, low: float, high: float, testing: bool) -> Tensor | None:
    """x, times the middle of two slopes where x < 0; what is drawn in training is left to the kernel."""
    return paddle.where(x >= 0, x, x * held.number((low + high) / 2)) if testing else None


def dropout(
    held: Held,
    kernel: Kernel,
    own: Tensor,
    x: Tensor,
    seed: Any,
    p: float,
    testing: bool,
    mode: str,
    number: int,
    fixed: bool,
) -> Tensor | None:
    """x times the share that is kept, where evaluation scales; what is drawn in training is left to the kernel."""
    return x * (1.0 - held.number(p)) if testing and mode == "downgrade_in_infer" else None


def softplus(
    held: Held, kernel: Kernel, own: Tensor, x: Tensor, beta: float = 1.0, threshold: float = 20.0
) -> Tensor | None:
    """log(1 + exp(β x)) / β, as far as that is not x; None where the kernel itself gives it."""
    line = held.softplus_line(threshold, float(beta * x.max())) if x.size else threshold
    return None if line == threshold else kernel(x, beta, line)


def softshrink(held: Held, kernel: Kernel, own: Tensor, x: Tensor, threshold: float) -> Tensor:
    """x nearer to 0 by a threshold."""
    by, none = held.number(threshold), paddle.zeros_like(x)
    return paddle.where(x > by, x - by, paddle.where(x < -by, x + by, none))


def thresholded_relu(held: Held, kernel: Kernel, own: Tensor, x: Tensor, threshold: float, value: float) -> Tensor:
    """x, or a value where x is not above a threshold."""
    return paddle.where(x > threshold, x, paddle.full_like(x, held.number(value)))


def stanh(held: Held, kernel: Kernel, own: Tensor, x: Tensor, inner: float, outer: float) -> Tensor:
    """outer tanh(inner x)."""
    return held.number(outer) * paddle.tanh(x * held.number(inner))


def power(held: Held, kernel: Kernel, own: Tensor, x: Tensor, exponent: Any) -> Tensor | None:
    """x to a power."""
    plain = isinstance(exponent, float | int) and held.rounds(exponent)
    return paddle.pow(x, _double(held.number(exponent))) if plain else None


def p_norm(
    held: Held, kernel: Kernel, own: Tensor, x: Tensor, p: float, axis: int, eps: float, keepdim: bool, flat: bool
) -> Tensor | None:
    """(Σ |x|ᵖ) to the power 1 / p, without the epsilon that the kernel's gradient adds.

    A vector of zeros, where that has no gradient, is left to the kernel.
    """
    if p != 2 and (p <= 0 or math.isinf(p) or not held.rounds(p, 1.0 / p)):
        return None
    powers = x * x if p == 2 else paddle.pow(paddle.abs(x), _double(p))
    total = powers.sum(None if flat else axis, keepdim=keepdim)
    if bool((total == 0).any()):
        return None
    return paddle.sqrt(total) if p == 2 else paddle.pow(total, _double(1.0 / p))


def dist(held: Held, kernel: Kernel, own: Tensor, x: Tensor, other: Tensor, p: float) -> Tensor | None:
    """The norm of a difference."""
    return p_norm(held, kernel, own, x - other, p, -1, 0.0, False, True)


def addmm(
    held: Held, kernel: Kernel, own: Tensor, added: Tensor, x: Tensor, y: Tensor, beta: float, alpha: float
) -> Tensor:
    """β added + α x y."""
    return added * held.number(beta) + paddle.matmul(x, y) * held.number(alpha)


def label_smooth(held: Held, kernel: Kernel, own: Tensor, label: Tensor, prior: Any, eps: float) -> Tensor:
    """(1 - ε) label + ε of the prior, or of the same share for each class."""
    eps = held.number(eps)
    return label * (1.0 - eps) + (eps / label.shape[-1] if prior is None else prior * eps)


def huber_loss(held: Held, kernel: Kernel, own: Any, x: Tensor, label: Tensor, delta: float) -> Tensor:
    """Half the square of the difference, or a line from δ on."""
    apart, delta = label - x, held.number(delta)
    line = delta * (paddle.abs(apart) - 0.5 * delta)
    return paddle.where(paddle.abs(apart) <= delta, 0.5 * apart * apart, line)


def pool(
    held: Held, kernel: Kernel, own: Tensor, x: Tensor, size: Any, stride: Any, padding: Any, ceil: bool,
    exclusive: bool, layout: str, kind: str, whole: bool, adaptive: bool, padded: str,
) -> Tensor | None:  # fmt: skip
    """The mean of each window: the kernel holds the count as float32 in its gradient."""
    if kind != "avg" or whole:
        return None
    if adaptive:
        return _along(x, {axis: read.bins(x.shape[axis], own.shape[axis]) for axis in _spatial(layout, x)})
    windows = _windows(own, x, size, stride, padding, layout, padded)
    if windows is None:
        return None
    ones = paddle.ones_like(x)
    counted = kernel(ones, size, stride, padding, ceil, exclusive, layout, kind, whole, adaptive, padded)
    return _along(x, windows) / paddle.round(_along(ones, windows) / counted)


def lp_pool(
    held: Held, kernel: Kernel, own: Tensor, x: Tensor, size: Any, stride: Any, padding: Any, ceil: bool,
    exclusive: bool, layout: str, kind: str, whole: bool, adaptive: bool, padded: str, p: float,
) -> Tensor | None:  # fmt: skip
    """The p-norm of each window; one of zeros, where that has no gradient, is left to the kernel."""
    windows = None if whole or adaptive else _windows(own, x, size, stride, padding, layout, padded)
    if windows is None or not held.rounds(p, 1.0 / p):
        return None
    total = _along(paddle.pow(x, _double(p)), windows)
    return paddle.pow(total, _double(1.0 / p)) if bool((total > 0).all()) else None


def interp(
    held: Held, kernel: Kernel, own: Tensor, x: Tensor, _size: Any, _sizes: Any, given: Any, layout: str, _d: int,
    _h: int, _w: int, scale: Sequence[float], method: str, aligned: bool, mode: int,
) -> Tensor | None:  # fmt: skip
    """x between its elements, by a ratio of extents."""
    axes = _spatial(layout, x)
    scales = list(scale or ([] if given is None else given.numpy().ravel().tolist()))
    scales = scales * len(axes) if len(scales) == 1 else scales or [0.0] * len(axes)
    matrices = {}
    for axis, factor in zip(axes, scales, strict=True):
        where = read.targets(x.shape[axis], own.shape[axis], factor, aligned, bool(mode) and method != "bicubic",
                               clipped=method != "bicubic")  # fmt: skip
        matrices[axis] = (read.cubic if method == "bicubic" else read.linear)(x.shape[axis], where)
    return _along(x, matrices)


def _between(y: Tensor, low: float, high: float) -> Tensor:
    """y between bounds, at which there is no gradient."""
    bounds = paddle.full_like(y, low), paddle.full_like(y, high)
    return paddle.where(y <= low, bounds[0], paddle.where(y >= high, bounds[1], y))


def _negative(x: Tensor) -> Tensor:
    """x where it is not positive, else 0, which no exponential overflows at."""
    return paddle.where(x > 0, paddle.zeros_like(x), x)


def _double(number: float) -> Tensor:
    return paddle.full([], number, "float64")


def _spatial(layout: str, x: Tensor) -> range:
    return range(1, x.ndim - 1) if layout.endswith("C") else range(2, x.ndim)


def _windows(
    own: Tensor, x: Tensor, size: Any, stride: Any, padding: Any, layout: str, padded: str
) -> dict[int, Array] | None:
    """What sums the windows of a pooling along each axis; None where their extents are tensors."""
    if not all(isinstance(v, list | tuple) and all(isinstance(n, int) for n in v) for v in (size, stride, padding)):
        return None
    axes, found = _spatial(layout, x), {}
    for i, axis in enumerate(axes):
        extents = x.shape[axis], own.shape[axis], size[i], stride[i]
        found[axis] = read.windows(*extents, read.before(padding, i, len(axes), padded, *extents))
    return found


def _along(x: Tensor, matrices: Mapping[int, Array]) -> Tensor:
    """x with a matrix [out, in] applied along each axis."""
    for axis, matrix in matrices.items():
        turned = paddle.matmul(paddle.moveaxis(x, axis, -1), paddle.to_tensor(matrix.T, "float64", x.place))
        x = paddle.moveaxis(turned, -1, axis)
    return x


REPHRASED: Mapping[str, Kernel] = {"layer_norm": layer_norm, "instance_norm": instance_norm, "batch_norm": batch_norm}
"""What calls a kernel with arguments that float32 holds."""
WRITTEN: Mapping[str, tuple[str, Rule]] = {
    "hardsigmoid": ("slope and offset", hardsigmoid),
    "hardtanh": ("the bounds", hardtanh),
    "elu": ("alpha", elu),
    "celu": ("alpha", celu),
    "selu": ("scale and alpha", selu),
    "rrelu": ("the slope", rrelu),
    "dropout": ("the share that is dropped", dropout),
    "softplus": ("is a line from 20 on", softplus),
    "softshrink": ("the threshold", softshrink),
    "thresholded_relu": ("the value", thresholded_relu),
    "stanh": ("both factors", stanh),
    "pow": ("the exponent", power),
    "p_norm": ("its order", p_norm),
    "dist": ("its order", dist),
    "addmm": ("beta and alpha", addmm),
    "label_smooth": ("epsilon", label_smooth),
    "huber_loss": ("delta", huber_loss),
    **{f"pool{n}d": ("the count in its gradient", pool) for n in (2, 3)},
    "lp_pool2d": ("its order", lp_pool),
    **{f"{kind}_interp": ("the ratio of extents", interp) for kind in ("linear", "bilinear", "trilinear", "bicubic")},
}
"""What stands for a kernel, and what that holds."""
HOMOGENEOUS = (pool, lp_pool, interp, p_norm, dist)
"""Rules of kernels whose result is as large as what goes in. They hold more than the numbers of their call."""
