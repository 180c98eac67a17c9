"""The update rules of optimisers in NumPy: what a step makes of a weight, its gradient and what is remembered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.parity.optimising.settings import Clip, Settings

Memory = dict[str, Any]
"""What is kept of a parameter between steps; ``step`` counts them, from 1 on."""


def replayed(start: State, told: Sequence[Mapping[str, Settings]], gradients: Sequence[State]) -> list[State]:
    """The weights after each step by these settings, where the gradients were these; what has none stays."""
    memory: dict[str, Memory] = {name: {"step": 0} for name in start}
    weights = {name: np.asarray(value, np.float64) for name, value in start.items()}
    states = []
    for settings, given in zip(told, gradients, strict=True):
        seen = _clipped(settings, given)
        for name, gradient in seen.items():
            if name in weights:
                weights[name] = stepped(settings[name], memory[name], weights[name], gradient)
        states.append(dict(weights))
    return states


def _clipped(settings: Mapping[str, Settings], gradients: State) -> State:
    groups: dict[tuple[Clip | None, int], State] = defaultdict(dict)
    for name, gradient in gradients.items():
        if name in settings:
            clip = settings[name].clip
            groups[clip, clip.group if clip else 0][name] = gradient
    found: State = {}
    for (clip, _), members in groups.items():
        found |= clip.of(members) if clip else members
    return found


def stepped(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """The weight after one more step; ``kept`` is brought forward."""
    kept["step"] += 1
    g = (-g if s.maximize else g) + s.l1 * np.sign(w) + s.l2 * w
    if s.decoupled and s.rule != "lamb":
        w = w * (1 - s.lr * s.weight_decay)
    elif s.rule != "lamb":
        g = g + s.weight_decay * w
    with np.errstate(all="ignore"):
        return w - RULES[s.rule](s, kept, w, g)


def _moments(s: Settings, kept: Memory, g: Array) -> tuple[Array, Array, float, float]:
    """The running means of the gradient and of its square, and what their start at zero makes too little of them."""
    kept["m"] = s.beta1 * kept.get("m", 0.0) + (1 - s.beta1) * g
    kept["v"] = s.beta2 * kept.get("v", 0.0) + (1 - s.beta2) * g * g
    return kept["m"], kept["v"], 1 - s.beta1 ** kept["step"], 1 - s.beta2 ** kept["step"]


def sgd(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """lr · b, with b = momentum · b + (1 - dampening) · g, and the gradient alone at first"""
    if not s.momentum:
        return s.lr * g
    kept["b"] = s.momentum * kept["b"] + (1 - s.dampening) * g if "b" in kept else g
    return s.lr * (g + s.momentum * kept["b"] if s.nesterov else kept["b"])


def adam(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """lr · m / (√v + eps)"""
    m, v, first, second = _moments(s, kept, g)
    if s.amsgrad:
        v = kept["most"] = np.maximum(kept.get("most", 0.0), v)
    return s.lr / first * m / (np.sqrt(v / second) + s.eps)


def adamax(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """lr · m / the largest of |g| and of what is kept of it"""
    kept["m"] = s.beta1 * kept.get("m", 0.0) + (1 - s.beta1) * g
    old, new = s.beta2 * kept.get("u", 0.0), np.abs(g)
    kept["u"] = np.maximum(old + s.eps, new) if s.eps_in == "to what is kept" else np.maximum(old, new + s.eps)
    return s.lr / (1 - s.beta1 ** kept["step"]) * kept["m"] / kept["u"]


def nadam(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """Adam with Nesterov's momentum, whose share grows by 0.96 ** (step · momentum_decay)"""
    m, v, _, second = _moments(s, kept, g)
    now, later = (s.beta1 * (1 - 0.5 * 0.96 ** (t * s.momentum_decay)) for t in (kept["step"], kept["step"] + 1))
    product = kept["mu"] = kept.get("mu", 1.0) * now
    return s.lr * (g * (1 - now) / (1 - product) + m * later / (1 - product * later)) / (np.sqrt(v / second) + s.eps)


def radam(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """Adam, rectified: plain momentum while too few squares are known"""
    m, v, first, second = _moments(s, kept, g)
    most = 2 / (1 - s.beta2) - 1
    length = most - 2 * kept["step"] * s.beta2 ** kept["step"] / second
    if length <= 5.0:
        return s.lr * m / first
    rectified = ((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)) ** 0.5
    return s.lr * m / first * rectified * second**0.5 / (np.sqrt(v) + s.eps)


def adagrad(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """lr · g / (√(sum of squares) + eps)"""
    kept["sum"] = kept.get("sum", s.accumulator) + g * g
    return s.lr / (1 + (kept["step"] - 1) * s.lr_decay) * g / (np.sqrt(kept["sum"]) + s.eps)


def adadelta(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """lr · g · √(mean squared step + eps) / √(mean squared gradient + eps)"""
    kept["v"] = s.alpha * kept.get("v", 0.0) + (1 - s.alpha) * g * g
    step = g * np.sqrt(kept.get("d", 0.0) + s.eps) / np.sqrt(kept["v"] + s.eps)
    kept["d"] = s.alpha * kept.get("d", 0.0) + (1 - s.alpha) * step * step
    return s.lr * step


def rmsprop(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """lr · g / √(mean square), with momentum"""
    kept["v"] = s.alpha * kept.get("v", 0.0) + (1 - s.alpha) * g * g
    square = kept["v"]
    if s.centered:
        kept["m"] = s.alpha * kept.get("m", 0.0) + (1 - s.alpha) * g
        square = square - kept["m"] ** 2
    step = g / (np.sqrt(square + s.eps) if s.eps_in == "under the root" else np.sqrt(square) + s.eps)
    kept["b"] = s.momentum * kept.get("b", 0.0) + (s.lr * step if s.lr_kept else step)
    return kept["b"] if s.lr_kept else s.lr * kept["b"]


def rprop(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """A step of its own for each weight, longer while the sign of the gradient stays"""
    turned = g * kept.get("g", 0.0)
    shrink, grow = s.factors
    length = kept.get("length", np.full_like(w, s.lr)) * np.where(turned > 0, grow, np.where(turned < 0, shrink, 1.0))
    kept["length"] = np.clip(length, *s.range)
    kept["g"] = np.where(turned < 0, 0.0, g)
    return np.sign(kept["g"]) * kept["length"]


def asgd(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """torch's: SGD with a decay and a rate that falls; its averages are beside the weights"""
    rate = s.lr / (1 + s.lambd * s.lr * (kept["step"] - 1)) ** s.power
    return rate * (s.lambd * w + g)


def sag(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """Paddle's ASGD: the mean of the last gradient of each batch"""
    last = kept.setdefault("last", {})
    place = (kept["step"] - 1) % s.batches
    kept["d"] = kept.get("d", 0.0) - last.get(place, 0.0) + g
    last[place] = g
    return s.lr * kept["d"] / min(kept["step"], s.batches)


def lamb(s: Settings, kept: Memory, w: Array, g: Array) -> Array:
    """Adam, in proportion to the weights' own norm"""
    m, v, first, second = _moments(s, kept, g)
    step = m / first / (np.sqrt(v / second) + s.eps) + s.weight_decay * w
    own, other = float(np.linalg.norm(w)), float(np.linalg.norm(step))
    adapted = (s.weight_decay > 0 or s.always_adapt) and own > 0 and other > 0
    return s.lr * step * (own / other if adapted else 1.0)


RULES: Mapping[str, Callable[[Settings, Memory, Array, Array], Array]] = {
    rule.__name__: rule
    for rule in (sgd, adam, adamax, nadam, radam, adagrad, adadelta, rmsprop, rprop, asgd, sag, lamb)
}
"""How far a weight goes, by the name of the rule."""
