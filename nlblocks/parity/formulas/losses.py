"""Losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.activations import softplus
from nlblocks.parity.formulas.formula import Arrays, Attrs, Unknown


def _reduced(losses: Array, attrs: Attrs, count: Any = None, batch: int | None = None) -> Array:
    """The losses, their sum, or their sum divided by ``count``, which is how many there are unless given.

    "batchmean" divides by the extent of the first axis, which is ``batch`` unless the losses have it.
    """
    how = attrs.get("reduction", "mean")
    if how == "none":
        return losses
    if how == "sum":
        return np.asarray(losses.sum())
    if how == "batchmean":
        return np.asarray(losses.sum() / (losses.shape[0] if batch is None else batch))
    return np.asarray(losses.sum() / (losses.size if count is None else count))


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


def _logarithms(x: Array, axis: int) -> Array:
    """log softmax"""
    logs = x - x.max(axis, keepdims=True)
    return np.asarray(logs - np.log(np.exp(logs).sum(axis, keepdims=True)))


def cross_entropy(arrays: Arrays, attrs: Attrs) -> Array:
    """-w log softmax(x)[target], or -Σ target · w log softmax(x) of soft targets; classes on axis 1, or on ``axis``"""
    x, target = arrays["x"], arrays["target"]
    if attrs.get("softmax") is False:
        raise Unknown("cross-entropy of probabilities")
    axis = attrs.get("axis")
    axis = min(1, x.ndim - 1) if axis is None else int(axis) % x.ndim
    logs = np.moveaxis(_logarithms(x, axis), axis, -1)
    soft = target.dtype.kind == "f" and target.shape == x.shape
    return _soft(logs, np.moveaxis(target, axis, -1), arrays, attrs) if soft else _picked(logs, target, arrays, attrs)


def nll_loss(arrays: Arrays, attrs: Attrs) -> Array:
    """-w x[target]; classes on axis 1"""
    x = arrays["x"]
    return _picked(np.moveaxis(x, min(1, x.ndim - 1), -1), arrays["target"], arrays, attrs)


def _soft(logs: Array, target: Array, arrays: Arrays, attrs: Attrs) -> Array:
    """The mean is over the samples, whatever their weights."""
    smoothing = float(attrs.get("label_smoothing") or 0.0)
    target = target * (1 - smoothing) + smoothing / logs.shape[-1]
    return _reduced(-(target * logs * arrays.get("weight", np.ones(logs.shape[-1]))).sum(-1), attrs)


def _picked(logs: Array, target: Array, arrays: Arrays, attrs: Attrs) -> Array:
    """Of logarithms with the classes last."""
    classes = logs.shape[-1]
    target = target.astype(np.int64).reshape(logs.shape[:-1])
    valid = target != attrs.get("ignore_index", -100)
    chosen = np.where(valid, target, 0)
    weights = arrays["weight"] if "weight" in arrays else np.ones(classes)
    smoothing = float(attrs.get("label_smoothing") or 0.0)
    if attrs.get("weighing") == "smoothed":  # the smoothed label's weight, for the whole of its loss
        soft = np.eye(classes)[chosen] * (1 - smoothing) + smoothing / classes
        each = (soft * weights).sum(-1) * valid
        return _reduced(-(soft * logs).sum(-1) * each, attrs, each.sum())
    picked = -np.take_along_axis(logs, chosen[..., None], -1)[..., 0] * weights[chosen]
    losses = np.where(valid, (1 - smoothing) * picked - smoothing * (logs * weights).mean(-1), 0.0)
    count = valid.size if attrs.get("divide_by") == "all" else (weights[chosen] * valid).sum()
    return _reduced(losses, attrs, count)


def kl_div(arrays: Arrays, attrs: Attrs) -> Array:
    """other · (log other - x), 0 where other is; ``log_target``: exp(other) · (other - x)"""
    x, other = arrays["x"], arrays["other"]
    if attrs.get("log_target"):
        return _reduced(np.exp(other) * (other - x), attrs)
    return _reduced(np.where(other > 0, other * (np.log(np.where(other > 0, other, 1.0)) - x), 0.0), attrs)


def bce(arrays: Arrays, attrs: Attrs) -> Array:
    """-w (other log x + (1 - other) log(1 - x)), logarithms no less than -100"""
    x, other = arrays["x"], arrays["other"]
    losses = -(other * np.maximum(np.log(x), -100.0) + (1 - other) * np.maximum(np.log1p(-x), -100.0))
    return _reduced(losses * arrays.get("weight", 1.0), attrs)


def bce_logits(arrays: Arrays, attrs: Attrs) -> Array:
    """The same of sigmoid(x); ``pos_weight`` multiplies the first term"""
    x, other = arrays["x"], arrays["other"]
    losses = arrays.get("pos_weight", 1.0) * other * _softplus(-x) + (1 - other) * _softplus(x)
    return _reduced(losses * arrays.get("weight", 1.0), attrs)


def _softplus(x: Array) -> Array:
    return softplus({"x": x}, {"threshold": np.inf})


def focal(arrays: Arrays, attrs: Attrs) -> Array:
    """alpha (1 - p)^gamma · cross-entropy, with p the probability of the label; the sum over ``normalizer``"""
    x, other = arrays["x"], arrays["other"]
    p = 1 / (1 + np.exp(-x))
    right = p * other + (1 - p) * (1 - other)
    losses = other * _softplus(-x) + (1 - other) * _softplus(x)
    alpha, gamma = float(attrs.get("alpha", 0.25)), float(attrs.get("gamma", 2.0))
    weights = alpha * other + (1 - alpha) * (1 - other)
    return _reduced(weights * losses * (1 - right) ** gamma / arrays.get("normalizer", 1.0), attrs)


def dice(arrays: Arrays, attrs: Attrs) -> Array:
    """1 - 2 Σ x · label / (Σ x + Σ label + eps), the mean of the samples"""
    x = arrays["x"]
    label = np.eye(x.shape[-1])[arrays["target"].astype(np.int64)[..., 0]]
    axes = tuple(range(1, x.ndim))
    both = (x * label).sum(axes)
    return np.asarray((1 - 2 * both / (x.sum(axes) + label.sum(axes) + float(attrs.get("eps", 1e-5)))).mean())


def poisson_nll(arrays: Arrays, attrs: Attrs) -> Array:
    """exp(x) - target · x, or x - target · log(x + eps); ``full``: with Stirling's terms of targets above 1"""
    x, target = arrays["x"], arrays["target"]
    eps = float(attrs.get("eps", 1e-8))
    losses = np.exp(x) - target * x if attrs.get("log_input", True) else x - target * np.log(x + eps)
    if attrs.get("full"):
        safe = np.maximum(target, 1.0)
        losses = losses + np.where(target > 1, safe * np.log(safe) - safe + 0.5 * np.log(2 * np.pi * safe), 0.0)
    return _reduced(losses, attrs)


def gaussian_nll(arrays: Arrays, attrs: Attrs) -> Array:
    """(log v + (x - target)² / v) / 2, with the variance v no less than eps; ``full``: plus log(2π) / 2"""
    x, v = arrays["x"], arrays["variance"]
    v = np.maximum(v[..., None] if v.shape == x.shape[:-1] else v, float(attrs.get("eps", 1e-6)))
    losses = 0.5 * (np.log(v) + (x - arrays["target"]) ** 2 / v) + (0.5 * np.log(2 * np.pi) if attrs.get("full") else 0)
    return _reduced(losses, attrs)


def margin_ranking(arrays: Arrays, attrs: Attrs) -> Array:
    """max(0, margin - target (x - other))"""
    far = arrays["x"] - arrays["other"]
    return _reduced(np.maximum(0.0, float(attrs.get("margin", 0.0)) - arrays["target"] * far), attrs)


def hinge_embedding(arrays: Arrays, attrs: Attrs) -> Array:
    """x where the target is 1, max(0, margin - x) where it is -1"""
    x, target = arrays["x"], arrays["target"]
    apart = np.maximum(0.0, float(attrs.get("margin", 1.0)) - x)
    return _reduced(np.where(target == 1, x, np.where(target == -1, apart, 0.0)), attrs)


def cosine_embedding(arrays: Arrays, attrs: Attrs) -> Array:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1; eps is added to each squared length"""
    x, other, target = arrays["x"], arrays["other"], arrays["target"]
    lengths = [(v * v).sum(-1) + float(attrs.get("eps", 1e-12)) for v in (x, other)]
    cos = (x * other).sum(-1) / np.sqrt(lengths[0] * lengths[1])
    apart = np.maximum(0.0, cos - float(attrs.get("margin", 0.0)))
    return _reduced(np.where(target == 1, 1 - cos, np.where(target == -1, apart, 0.0)), attrs)


def triplet_margin(arrays: Arrays, attrs: Attrs) -> Array:
    """max(0, |x - positive| - |x - negative| + margin); ``swap``: the negative's distance from the nearer of both"""
    x, positive, negative = arrays["x"], arrays["positive"], arrays["negative"]
    eps, p = float(attrs.get("eps", 1e-6)), float(attrs.get("p", 2.0))

    def far(a: Array, b: Array) -> Array:
        return np.asarray(np.linalg.norm(a - b + eps, p, -1))

    apart = far(x, negative)
    if attrs.get("swap"):
        apart = np.minimum(apart, far(positive, negative))
    return _reduced(np.maximum(0.0, far(x, positive) - apart + float(attrs.get("margin", 1.0))), attrs)


def soft_margin(arrays: Arrays, attrs: Attrs) -> Array:
    """log(1 + exp(-target · x))"""
    return _reduced(_softplus(-arrays["target"] * arrays["x"]), attrs)


def multi_label_soft_margin(arrays: Arrays, attrs: Attrs) -> Array:
    """The mean over classes of the cross-entropy of each class for itself"""
    each = bce_logits({**arrays, "other": arrays["target"]}, {"reduction": "none"})
    return _reduced(each.mean(-1), attrs)


def multi_margin(arrays: Arrays, attrs: Attrs) -> Array:
    """The mean over the other classes of w max(0, margin - x[target] + x)^p"""
    x, target = arrays["x"], arrays["target"].astype(np.int64).reshape(-1)
    margin, p = float(attrs.get("margin", 1.0)), float(attrs.get("p", 1))
    far = np.maximum(0.0, margin - np.take_along_axis(x, target[:, None], 1) + x) ** p
    far[np.arange(len(target)), target] = 0.0
    weights = arrays["weight"][target][:, None] if "weight" in arrays else 1.0
    return _reduced((weights * far).sum(1) / x.shape[1], attrs)


def ctc(arrays: Arrays, attrs: Attrs) -> Array:
    """-log of the probability of all ways to say the target; x is [T, N, C], logarithms or, with ``logits``, not yet.

    The mean divides each loss by the length of its target; "mean of all" and "batchmean" do not.
    """
    x, target = arrays["x"], arrays["target"].astype(np.int64)
    x = x[:, None] if x.ndim == 2 else x
    logs = _logarithms(x, -1) if attrs.get("logits") else x
    lengths = [_lengths(arrays, attrs, name, x.shape[1]) for name in ("input_lengths", "target_lengths")]
    starts = np.concatenate([[0], np.cumsum(lengths[1])])
    blank = int(attrs.get("blank", 0))
    losses = np.array([
        _of_one(logs[: lengths[0][n], n], target[starts[n]:starts[n + 1]] if target.ndim == 1 and x.shape[1] > 1
                else np.atleast_2d(target)[n, : lengths[1][n]], blank)
        for n in range(x.shape[1])
    ])  # fmt: skip
    if attrs.get("zero_infinity"):
        losses = np.where(np.isinf(losses), 0.0, losses)
    if attrs.get("reduction", "mean") == "mean":
        return np.asarray((losses / np.maximum(lengths[1], 1)).mean())
    return _reduced(losses, attrs)


def _lengths(arrays: Arrays, attrs: Attrs, name: str, count: int) -> Array:
    """A list of numbers, or a tensor of them."""
    found = arrays[name] if name in arrays else np.asarray(attrs[name])
    return np.broadcast_to(np.asarray(found, np.int64).reshape(-1), (count,))


def _of_one(logs: Array, target: Array, blank: int) -> float:
    """The forward recursion of one sample, on logarithms."""
    states: Sequence[int] = [blank, *(s for label in target for s in (int(label), blank))]
    score = np.full(len(states), -np.inf)
    score[:2] = logs[0, states[:2]]
    jumps = np.array([k >= 2 and s != blank and s != states[k - 2] for k, s in enumerate(states)])
    for row in logs[1:]:
        one = np.concatenate([[-np.inf], score[:-1]])
        two = np.where(jumps, np.concatenate([[-np.inf, -np.inf], score])[: len(states)], -np.inf)
        score = np.logaddexp(np.logaddexp(score, one), two) + row[states]
    return -float(np.logaddexp.reduce(score[-2:]))
