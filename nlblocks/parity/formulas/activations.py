"""Activations."""

from __future__ import annotations

import math

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.formula import Arrays, Attrs, erf, logistic, per_channel

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
"""With these, standard normal activations stay so from layer to layer (Klambauer et al. 2017)."""
GELU_SLOPE = 1.702
"""The slope of the sigmoid approximation of GELU (the same)."""
GELU_CUBE = 0.044715
"""The cubic term of the tanh approximation of GELU (Hendrycks and Gimpel 2016)."""


def relu(arrays: Arrays, attrs: Attrs) -> Array:
    """max(x, 0)"""
    return np.maximum(arrays["x"], 0.0)


def relu6(arrays: Arrays, attrs: Attrs) -> Array:
    """min(max(x, 0), 6)"""
    return np.clip(arrays["x"], 0.0, 6.0)


def leaky_relu(arrays: Arrays, attrs: Attrs) -> Array:
    """x, times the slope where x < 0"""
    x = arrays["x"]
    return np.where(x > 0, x, x * attrs.get("slope", 0.01))


def elu(arrays: Arrays, attrs: Attrs) -> Array:
    """x, or α (exp(x) - 1) where x < 0"""
    x = arrays["x"]
    return np.where(x > 0, x, attrs.get("alpha", 1.0) * np.expm1(np.minimum(x, 0.0)))


def celu(arrays: Arrays, attrs: Attrs) -> Array:
    """x, or α (exp(x / α) - 1) where x < 0"""
    x, alpha = arrays["x"], attrs.get("alpha", 1.0)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0) / alpha))


def selu(arrays: Arrays, attrs: Attrs) -> Array:
    """ELU at one α, times a scale"""
    x = arrays["x"]
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0.0)))


def gelu(arrays: Arrays, attrs: Attrs) -> Array:
    """x Φ(x), Φ the normal distribution; ``approximate`` says by "tanh", or by the "sigmoid" of 1.702 x"""
    x = arrays["x"]
    if attrs.get("approximate") == "sigmoid":
        return x * logistic(GELU_SLOPE * x)
    if attrs.get("approximate") == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2 / math.pi) * (x + GELU_CUBE * x**3)))
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))


def silu(arrays: Arrays, attrs: Attrs) -> Array:
    """x σ(x)"""
    return arrays["x"] * logistic(arrays["x"])


def mish(arrays: Arrays, attrs: Attrs) -> Array:
    """x tanh(log(1 + exp(x)))"""
    return arrays["x"] * np.tanh(np.logaddexp(0.0, arrays["x"]))


def hard_swish(arrays: Arrays, attrs: Attrs) -> Array:
    """x min(max(x + 3, 0), 6) / 6"""
    return arrays["x"] * np.clip(arrays["x"] + 3.0, 0.0, 6.0) / 6.0


def hard_sigmoid(arrays: Arrays, attrs: Attrs) -> Array:
    """slope x + offset between 0 and 1"""
    return np.clip(arrays["x"] * attrs.get("slope", 1 / 6) + attrs.get("offset", 0.5), 0.0, 1.0)


def sigmoid(arrays: Arrays, attrs: Attrs) -> Array:
    """1 / (1 + exp(-x))"""
    return logistic(arrays["x"])


def log_sigmoid(arrays: Arrays, attrs: Attrs) -> Array:
    """-log(1 + exp(-x))"""
    return -np.logaddexp(0.0, -arrays["x"])


def tanh(arrays: Arrays, attrs: Attrs) -> Array:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))"""
    return np.tanh(arrays["x"])


def softplus(arrays: Arrays, attrs: Attrs) -> Array:
    """log(1 + exp(β x)) / β"""
    beta = attrs.get("beta", 1.0)
    return np.logaddexp(0.0, arrays["x"] * beta) / beta


def prelu(arrays: Arrays, attrs: Attrs) -> Array:
    """x, times a slope per channel, or one for all, where x < 0"""
    x, weight = arrays["x"], arrays["weight"]
    return np.where(x > 0, x, x * (weight if weight.size == 1 else per_channel(weight, x)))


def glu(arrays: Arrays, attrs: Attrs) -> Array:
    """a σ(b) of the two halves of x; ``swapped``: b σ(a)"""
    value, gate = np.split(arrays["x"], 2, axis=attrs["axis"])
    return gate * logistic(value) if attrs.get("swapped") else value * logistic(gate)
