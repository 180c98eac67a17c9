"""LSTM, GRU and plain recurrence as NumPy formulas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlblocks.backend import Array

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def recurrent(kind: str, arrays: Mapping[str, Array], attrs: Mapping[str, Any]) -> Array:
    """The output sequence, in the layout of the input: [T, B, I] where ``time_major``, else [B, T, I].

    ``swapped`` takes batch for time; ``gates`` is another order of the gates in the weights.
    """
    swap = bool(attrs.get("time_major")) == bool(attrs.get("swapped"))  # whether the first axis is the batch
    x = np.swapaxes(arrays["x"], 0, 1) if swap else arrays["x"]  # [T, B, I]
    directions = 2 if attrs.get("bidirectional") else 1
    for layer in range(int(attrs["layers"])):
        parts = []
        for direction in range(directions):
            suffix = f"_l{layer}{'_reverse' if direction else ''}"
            weights = [
                _gates(arrays.get(name + suffix), kind, attrs)
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            ]
            start = {role: arrays[role] for role in ("state0", "state1") if role in arrays}
            index = layer * directions + direction
            y = _scan(kind, x[::-1] if direction else x, weights, {role: value[index] for role, value in start.items()})
            parts.append(y[::-1] if direction else y)
        x = np.concatenate(parts, -1)
    return np.swapaxes(x, 0, 1) if swap else x


def _gates(weight: Array | None, kind: str, attrs: Mapping[str, Any]) -> Any:
    if weight is None:
        return 0.0
    order = attrs.get("gates")
    return weight if order is None else np.concatenate([np.split(weight, GATES[kind])[i] for i in order])


def _scan(kind: str, x: Array, weights: list[Any], start: Mapping[str, Array]) -> Array:
    w, u, b, c = weights
    hidden = u.shape[1]
    h = start.get("state0", np.zeros((x.shape[1], hidden)))
    if h.shape[0] != x.shape[1]:
        h = np.zeros((x.shape[1], hidden))
    cell = start.get("state1", np.zeros_like(h))
    cell = cell if cell.shape == h.shape else np.zeros_like(h)
    outputs = []
    for step in x:
        from_x, from_h = step @ w.T + b, h @ u.T + c
        if kind == "lstm":
            i, f, g, o = np.split(from_x + from_h, 4, -1)
            cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(cell)
        elif kind == "gru":
            (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3, -1), np.split(from_h, 3, -1)
            z = _sigmoid(xz + hz)
            h = (1 - z) * np.tanh(xn + _sigmoid(xr + hr) * hn) + z * h
        else:
            h = np.tanh(from_x + from_h) if kind == "rnn_tanh" else np.maximum(from_x + from_h, 0.0)
        outputs.append(h)
    return np.stack(outputs)


def _sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0.0, -x))
