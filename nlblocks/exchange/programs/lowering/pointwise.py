"""Functions of one number, as formulas of what has a float64 kernel: Exp, Log, Tanh, Min, Max, Where."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from onnx import TensorProto

from nlblocks.backend import Array
from nlblocks.exchange.programs.lowering.registry import lowers
from nlblocks.exchange.programs.lowering.writing import Call, Value, Writer

NODES_PER_UNIT, LAST, DEGREE = 8, 6, 14
"""Erf is a series about the nearest eighth: at 1/16 its 14th power is below 1e-16; from 6 on erf is 1 in float64."""


@lowers("LeakyRelu")
def leaky_relu(write: Writer, call: Call) -> Value:
    x = call[0]
    return write("Max", x, 0.0) + call.attribute("alpha") * write("Min", x, 0.0)


@lowers("PRelu")
def prelu(write: Writer, call: Call) -> Value:
    x = call[0]
    return write("Max", x, 0.0) + call[1] * write("Min", x, 0.0)


@lowers("ThresholdedRelu")
def thresholded_relu(write: Writer, call: Call) -> Value:
    x = call[0]
    return write("Where", write("Greater", x, call.attribute("alpha")), x, 0.0)


@lowers("HardSigmoid")
def hard_sigmoid(write: Writer, call: Call) -> Value:
    return clipped(write, call.attribute("alpha") * call[0] + call.attribute("beta"), 0.0, 1.0)


@lowers("HardSwish")
def hard_swish(write: Writer, call: Call) -> Value:
    x = call[0]
    return x * clipped(write, x * (1 / 6) + 0.5, 0.0, 1.0)


@lowers("Clip")
def clip(write: Writer, call: Call) -> Value | None:
    """Before opset 12 there is no float64."""
    low, high = call.input(1), call.input(2)
    if write.opset >= 12:
        return None
    return clipped(write, call[0], -math.inf if low is None else low, math.inf if high is None else high)


def clipped(write: Writer, x: Value, low: Value | float, high: Value | float) -> Value:
    return write("Min", write("Max", x, low), high)


@lowers("Softplus")
def softplus(write: Writer, call: Call) -> Value:
    return log_of_one_plus_exp(write, call[0])


@lowers("Mish")
def mish(write: Writer, call: Call) -> Value:
    x = call[0]
    return x * write("Tanh", log_of_one_plus_exp(write, x))


@lowers("Softsign")
def softsign(write: Writer, call: Call) -> Value:
    x = call[0]
    return x / (1.0 + write("Abs", x))


@lowers("Swish")
def swish(write: Writer, call: Call) -> Value:
    x = call[0]
    return x * _sigmoid(write, call.attribute("alpha") * x)


@lowers("Sigmoid")
def sigmoid(write: Writer, call: Call) -> Value:
    """Its float64 kernel is off by 1e-16, which is much where a sigmoid is 1e-13."""
    return _sigmoid(write, call[0])


def _sigmoid(write: Writer, x: Value) -> Value:
    return 1.0 / (1.0 + write("Exp", -x))


@lowers("Elu")
def elu(write: Writer, call: Call) -> Value:
    return _elu(write, call[0], call.attribute("alpha"))


@lowers("Selu")
def selu(write: Writer, call: Call) -> Value:
    alpha, gamma = (
        call.attribute("alpha"),
        call.attribute("gamma"),
    )
    return gamma * _elu(write, call[0], alpha)


@lowers("Celu")
def celu(write: Writer, call: Call) -> Value:
    x, alpha = call[0], call.attribute("alpha")
    return write("Max", x, 0.0) + alpha * exp_less_one(write, write("Min", x, 0.0) / alpha)


def _elu(write: Writer, x: Value, alpha: float) -> Value:
    return write("Max", x, 0.0) + alpha * exp_less_one(write, write("Min", x, 0.0))


def exp_less_one(write: Writer, x: Value) -> Value:
    """exp(x) - 1 of x <= 0, exact for a small x too: the rounding of u = exp(x) cancels in (u - 1) x / log(u)."""
    u = write("Exp", x)
    is_near, is_far = write("Equal", u, 1.0), write("Less", x, -1.0)
    safe = write("Where", write("Or", is_near, is_far), 0.5, u)
    near = write("Where", is_near, x, (safe - 1.0) * x / write("Log", safe))
    return write("Where", is_far, u - 1.0, near)


def log_of_one_plus_exp(write: Writer, x: Value) -> Value:
    """max(x, 0) + log(1 + u), u = exp(-|x|): the rounding of 1 + u cancels in u log(1 + u) / ((1 + u) - 1)."""
    u = write("Exp", -write("Abs", x))
    v = 1.0 + u
    is_small = write("Equal", v, 1.0)
    safe = write("Where", is_small, 2.0, v)
    return write("Max", x, 0.0) + write("Where", is_small, u, u * write("Log", safe) / (safe - 1.0))


@lowers("Mean")
def mean(write: Writer, call: Call) -> Value:
    given = [value for value in call.inputs if value is not None]
    return write("Sum", *given) / float(len(given))


@lowers("Erf")
def erf_node(write: Writer, call: Call) -> Value:
    return erf(write, call[0])


@lowers("Gelu")
def gelu(write: Writer, call: Call) -> Value:
    x = call[0]
    if call.attribute("approximate") == "tanh":
        return 0.5 * x * (1.0 + write("Tanh", math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return x * 0.5 * (1.0 + erf(write, x * math.sqrt(0.5)))


def erf(write: Writer, x: Value) -> Value:
    """A Taylor series about the nearest of some nodes."""
    size = write("Min", write("Abs", x), float(LAST))
    place = write("Floor", size * float(NODES_PER_UNIT) + 0.5)
    step = write.unsqueeze(size - place / float(NODES_PER_UNIT), -1)
    terms = write("Gather", series(), write("Cast", place, to=TensorProto.INT64), axis=0)
    found = write.reduce("Sum", terms * write("Pow", step, np.arange(DEGREE, dtype=np.float64)), -1, keepdims=0)
    return write("Sign", x) * found


@cache
def series() -> Array:
    """The coefficients of erf about each node: [nodes, degree]. The n-th derivative is a Hermite polynomial."""
    nodes = np.arange(LAST * NODES_PER_UNIT + 1) / NODES_PER_UNIT
    hermite = [np.ones_like(nodes), 2 * nodes]
    for n in range(1, DEGREE):
        hermite.append(2 * nodes * hermite[n] - 2 * n * hermite[n - 1])
    slope = 2 / math.sqrt(math.pi) * np.exp(-nodes * nodes)
    rows = [np.array([math.erf(node) for node in nodes])]
    rows += [(-1) ** (n - 1) * hermite[n - 1] * slope / math.factorial(n) for n in range(1, DEGREE)]
    return np.stack(rows, -1)
