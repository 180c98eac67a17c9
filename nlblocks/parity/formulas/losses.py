"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.formula import Arrays, Attrs


def _reduced(losses: Array, attrs: Attrs, count: Any = None) -> Array:
    """The losses, their sum, or their sum divided by ``count``, which is how many there are unless given."""
    how = attrs.get("reduction", "mean")
    if how == "none":
        return losses
    return np.asarray(losses.sum() if how == "sum" else losses.sum() / (losses.size if count is None else count))


def mse_loss(arrays: Arrays, attrs: Attrs) -> Array:
    """(x - other)²"""
    return _reduced((arrays["x"] - arrays["other"]) ** 2, attrs)


def l1_loss(arrays: Arrays, attrs: Attrs) -> Array:
    """|x - other|"""
    return _reduced(np.abs(arrays["x"] - arrays["other"]), attrs)


def smooth_l1(arrays: Arrays, attrs: Attrs) -> Array:
    """d² / 2 of the distance d below β and β (d - β / 2) above it; ``scaled``: divided by β"""
    far, beta = np.abs(arrays["x"] - arrays["other"]), float(attrs.get("beta", 1.0))
    losses = np.where(far < beta, 0.5 * far * far, beta * (far - 0.5 * beta))
    return _reduced(losses / beta if attrs.get("scaled") else losses, attrs)


def cross_entropy(arrays: Arrays, attrs: Attrs) -> Array:
    """-w log softmax(x)[target]; targets are class indices, classes on axis 1 (``axis`` -1: on the last)"""
    x, target = arrays["x"], arrays["target"].astype(np.int64)
    x = np.moveaxis(x, 1, -1) if x.ndim > 2 and attrs.get("axis") is None else x
    target = target.reshape(x.shape[:-1])
    logs = x - x.max(-1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(-1, keepdims=True))
    valid = target != attrs.get("ignore_index", -100)
    chosen = np.where(valid, target, 0)
    weights = arrays["weight"] if "weight" in arrays else np.ones(x.shape[-1])
    smoothing = float(attrs.get("label_smoothing") or 0.0)
    if attrs.get("weighing") == "smoothed":  # the smoothed label's weight, for the whole of its loss
        soft = np.eye(x.shape[-1])[chosen] * (1 - smoothing) + smoothing / x.shape[-1]
        each = (soft * weights).sum(-1) * valid
        return _reduced(-(soft * logs).sum(-1) * each, attrs, each.sum())
    picked = -np.take_along_axis(logs, chosen[..., None], -1)[..., 0] * weights[chosen]
    losses = np.where(valid, (1 - smoothing) * picked - smoothing * (logs * weights).mean(-1), 0.0)
    count = valid.size if attrs.get("divide_by") == "all" else (weights[chosen] * valid).sum()
    return _reduced(losses, attrs, count)
