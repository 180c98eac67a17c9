"""LSTM, GRU and plain recurrence: whole networks, and cells that take one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.formula import Arrays, Attrs, Formula, Unknown, logistic

Across = Callable[[Array], Array]
"""What a state gives to the gates."""
Cell = Callable[[Array, Across, Array, Array, Attrs], tuple[Array, Array]]
"""One step: from what the input gives to the gates, what a state gives to them, the state and the cell."""


def lstm(from_x: Array, across: Across, h: Array, cell: Array, attrs: Attrs) -> tuple[Array, Array]:
    """c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c')"""
    i, f, g, o = np.split(from_x + across(h), 4, -1)
    cell = logistic(f) * cell + logistic(i) * np.tanh(g)
    return logistic(o) * np.tanh(cell), cell


def gru(from_x: Array, across: Across, h: Array, cell: Array, attrs: Attrs) -> tuple[Array, Array]:
    """h' = (1 - σ(z)) tanh(n_x + σ(r) n_h) + σ(z) h

    ``reset`` "before" scales the state before its product, n_h of σ(r) h; ``update`` "new" has σ(z) weigh what is new.
    """
    (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3, -1), np.split(across(h), 3, -1)
    r, z = logistic(xr + hr), logistic(xz + hz)
    kept = np.split(across(r * h), 3, -1)[2] if attrs.get("reset") == "before" else r * hn
    new = np.tanh(xn + kept)
    return (z * new + (1 - z) * h if attrs.get("update") == "new" else (1 - z) * new + z * h), cell


def rnn_tanh(from_x: Array, across: Across, h: Array, cell: Array, attrs: Attrs) -> tuple[Array, Array]:
    """h' = tanh(x W + h U)"""
    return np.tanh(from_x + across(h)), cell


def rnn_relu(from_x: Array, across: Across, h: Array, cell: Array, attrs: Attrs) -> tuple[Array, Array]:
    """h' = max(x W + h U, 0)"""
    return np.maximum(from_x + across(h), 0.0), cell


CELLS: dict[str, tuple[Cell, int]] = {
    "lstm": (lstm, 4), "gru": (gru, 3), "rnn_tanh": (rnn_tanh, 1), "rnn_relu": (rnn_relu, 1),
}  # fmt: skip
"""Each kind's cell, and how many gates its weights hold."""


def recurrence(cell: Cell, gates: int) -> Formula:
    """The formula of a cell with so many gates: its states for a whole sequence.

    The output is in the layout of the input: [T, B, I] where ``time_major``, else [B, T, I]. ``swapped`` takes batch
    for time; ``reversed`` goes from the last step to the first; ``gates`` is another order of the gates in the weights.
    """

    def formula(arrays: Arrays, attrs: Attrs) -> Array:
        if attrs.get("p") and attrs.get("training"):
            raise Unknown(f"a dropout between its layers: {attrs['p']}")
        swap = bool(attrs.get("time_major")) == bool(attrs.get("swapped"))  # whether the first axis is the batch
        x = np.swapaxes(arrays["x"], 0, 1) if swap else arrays["x"]  # [T, B, I]
        directions = 2 if attrs.get("bidirectional") else 1
        for layer in range(int(attrs["layers"])):
            parts = []
            for direction in range(directions):
                weights = _weights(arrays, f"_l{layer}{'_reverse' if direction else ''}", gates, attrs)
                index = layer * directions + direction
                start = {role: arrays[role][index] for role in ("state0", "state1") if role in arrays}
                back = bool(direction) != bool(attrs.get("reversed"))
                y = _scan(cell, x[::-1] if back else x, weights, start, attrs)
                parts.append(y[::-1] if back else y)
            x = np.concatenate(parts, -1)
        return np.swapaxes(x, 0, 1) if swap else x

    return formula


def one_step(cell: Cell, gates: int) -> Formula:
    """The formula of a cell by itself: its next state [B, H] of x [B, I]; of ``result`` 1 an LSTM's cell."""

    def formula(arrays: Arrays, attrs: Attrs) -> Array:
        weights = _weights(arrays, "_l0", gates, attrs)
        return _scan(cell, arrays["x"][None], weights, arrays, attrs, int(attrs.get("result", 0)))[0]

    return formula


def _weights(arrays: Arrays, suffix: str, gates: int, attrs: Attrs) -> list[Any]:
    """The weights of one layer in one direction; 0 for none."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [_ordered(arrays.get(name + suffix), gates, attrs) for name in names]


def _ordered(weight: Array | None, gates: int, attrs: Attrs) -> Any:
    """A weight with its gates in the order of ``attrs``; 0 for none."""
    if weight is None:
        return 0.0
    order = attrs.get("gates")
    return weight if order is None else np.concatenate([np.split(weight, gates)[i] for i in order])


def _scan(cell: Cell, x: Array, weights: list[Any], start: Arrays, attrs: Attrs, result: int = 0) -> Array:
    """The states [T, B, H] of one layer in one direction, or the cells; a start of another size is taken for none."""
    w, u, b, c = weights
    shape = x.shape[1], u.shape[1]
    h = start.get("state0", np.zeros(shape))
    if h.shape[0] != x.shape[1]:
        h = np.zeros(shape)
    held = start.get("state1", np.zeros_like(h))
    held = held if held.shape == h.shape else np.zeros_like(h)
    outputs = []
    for step in x:
        h, held = cell(step @ w.T + b, lambda state: state @ u.T + c, h, held, attrs)
        outputs.append((h, held)[result])
    return np.stack(outputs)
