"""What fused operations stand for, step by step: one table, by which they pair with, and are held against, steps.

A line is ``results = kind operands name=value``. Operands are the operation's inputs by role, or results of steps
before; those that a call lacks (a bias) are left out. ``name=@attribute`` is the operation's own attribute. What a cell
takes from its input and its state are linear layers: so its weights pair with those of layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RESULT = "y"
"""What the steps call the operation's results: the first, and ``y1`` the second."""
ROLES: Mapping[str, tuple[str, ...]] = {"linear": ("x", "weight", "bias"), "clip": ("x",), "scale": ("x",)}
"""What the operands of a step are to it, where not x and the other."""
_FROM_BOTH = """
    from_x = linear x weight_ih_l0 bias_ih_l0
    from_h = linear state0 weight_hh_l0 bias_hh_l0
"""
_GRU = f"""{_FROM_BOTH}
    xr xz xn = chunk from_x
    hr hz hn = chunk from_h
    r_sum = add xr hr
    r = sigmoid r_sum
    z_sum = add xz hz
    z = sigmoid z_sum
    kept = mul r hn
    n_sum = add xn kept
    n = tanh n_sum
    rest = sub z x=1.0
    new = mul rest n
    old = mul z state0
    y = add new old
"""
_LSTM = f"""{_FROM_BOTH}
    gates = add from_x from_h
    i_sum f_sum g_sum o_sum = chunk gates
    i = sigmoid i_sum
    f = sigmoid f_sum
    g = tanh g_sum
    o = sigmoid o_sum
    old = mul f state1
    new = mul i g
    y1 = add old new
    c = tanh y1
    y = mul o c
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of those that a fused one stands for: ``operands`` and ``results`` by name."""

    kind: str
    operands: tuple[str, ...]
    results: tuple[str, ...]
    attrs: Mapping[str, Any]


def _read(text: str) -> tuple[Step, ...]:
    steps = []
    for line in filter(None, map(str.strip, text.splitlines())):
        made, _, rest = line.partition(" = ")
        kind, *words = rest.split()
        named = dict(word.split("=") for word in words if "=" in word)
        attrs = {name: value if value.startswith("@") else float(value) for name, value in named.items()}
        steps.append(Step(kind, tuple(word for word in words if "=" not in word), tuple(made.split()), attrs))
    return tuple(steps)


STEPS: Mapping[str, tuple[Step, ...]] = {
    "lstm_cell": _read(_LSTM),
    "gru_cell": _read(_GRU),
    "rnn_tanh_cell": _read(f"{_FROM_BOTH}\nsum = add from_x from_h\ny = tanh sum"),
    "rnn_relu_cell": _read(f"{_FROM_BOTH}\nsum = add from_x from_h\ny = relu sum"),
    "silu": _read("s = sigmoid x\ny = mul x s"),
    "mish": _read("s = softplus x\nt = tanh s\ny = mul x t"),
    "hard_swish": _read("s = hard_sigmoid x slope=0.16666666666666666 offset=0.5\ny = mul x s"),
    "hard_sigmoid": _read("s = scale x scale=@slope bias=@offset\ny = clip s low=0 high=1"),
    "log_softmax": _read("s = softmax x axis=@axis\ny = log s"),
    "layer_norm": _read("s = layer_norm x axes=@axes eps=@eps\nt = mul s weight\ny = add t bias"),
    "rms_norm": _read("s = rms_norm x axes=@axes eps=@eps\ny = mul s weight"),
}
"""The steps of each kind, ``RESULT`` last or on the way."""
