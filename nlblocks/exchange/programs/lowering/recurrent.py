"""Recurrent layers, as a Scan over time."""

from __future__ import annotations

from collections.abc import Callable

from nlblocks.exchange.programs.lowering.registry import lowers
from nlblocks.exchange.programs.lowering.writing import Call, Unwritable, Value, Writer

Cell = Callable[[Writer, list[Value], Value, Value, "Value | None"], list[Value]]
"""The states h, c, ... and what the input gives at one time, R and its bias → the states after it."""
USUAL = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
"""The activations that are written, of each direction."""


@lowers("LSTM")
def lstm(write: Writer, call: Call) -> list[Value]:
    def cell(inner: Writer, states: list[Value], x: Value, weight: Value, _: Value | None) -> list[Value]:
        gates = x + states[0] @ weight
        i, o, f, g = inner.split(4, gates, -1)
        c = inner("Sigmoid", f) * states[1] + inner("Sigmoid", i) * inner("Tanh", g)
        return [inner("Sigmoid", o) * inner("Tanh", c), c]

    if call.input(7) is not None:
        raise Unwritable("it has peepholes")
    return _layer(write, call, cell, [call.input(5), call.input(6)])


@lowers("GRU")
def gru(write: Writer, call: Call) -> list[Value]:
    after = call.attribute("linear_before_reset")

    def cell(inner: Writer, states: list[Value], x: Value, weight: Value, bias: Value | None) -> list[Value]:
        (h,) = states
        xz, xr, xh = inner.split(3, x, -1)
        wz, wr, wh = inner.split(3, weight, -1)
        bz, br, bh = (None,) * 3 if bias is None else inner.split(3, bias, -1)
        z = inner("Sigmoid", _plus(xz + h @ wz, bz))
        r = inner("Sigmoid", _plus(xr + h @ wr, br))
        mixed = r * _plus(h @ wh, bh) if after else _plus((r * h) @ wh, bh)
        return [(1.0 - z) * inner("Tanh", xh + mixed) + z * h]

    return _layer(write, call, cell, [call.input(5)])


@lowers("RNN")
def rnn(write: Writer, call: Call) -> list[Value]:
    def cell(inner: Writer, states: list[Value], x: Value, weight: Value, _: Value | None) -> list[Value]:
        return [inner("Tanh", x + states[0] @ weight)]

    return _layer(write, call, cell, [call.input(5)])


def _plus(x: Value, bias: Value | None) -> Value:
    return x if bias is None else x + bias


def _layer(write: Writer, call: Call, cell: Cell, initial: list[Value | None]) -> list[Value]:
    """Y [T, D, B, H] and the states [D, B, H] after the last step; D is 2 for both directions, else 1."""
    ways = {"forward": [0], "reverse": [1], "bidirectional": [0, 1]}[call.attribute("direction")]
    usual = [name.lower() for name in USUAL[call.op]] * len(ways)
    if [name.lower() for name in call.attribute("activations", usual)][: len(usual)] != usual:
        raise Unwritable("its activations are not the usual ones")
    if call.attribute("clip") is not None or call.input(4) is not None or call.attribute("input_forget"):
        raise Unwritable("it is given clip, input_forget or sequence_lens")
    x, batch_first = call[0], call.attribute("layout")
    if batch_first:
        x = write("Transpose", x, perm=[1, 0, 2])
        initial = [None if h is None else write("Transpose", h, perm=[1, 0, 2]) for h in initial]
    results = [_direction(write, call, cell, x, initial, number, way) for number, way in enumerate(ways)]
    y, *states = (write("Concat", *parts, axis=axis) for axis, *parts in zip((1, 0, 0), *results, strict=False))
    if batch_first:
        y = write("Transpose", y, perm=[2, 0, 1, 3])
        states = [write("Transpose", h, perm=[1, 0, 2]) for h in states]
    return [y, *states]


def _direction(
    write: Writer, call: Call, cell: Cell, x: Value, initial: list[Value | None], number: int, is_reverse: int
) -> list[Value]:
    """Y [T, 1, B, H] and the last states [1, B, H] of one direction."""
    w, r = (write("Transpose", _of(write, call[place], number), perm=[1, 0]) for place in (1, 2))
    bias, given = call.input(3), x @ w
    if bias is not None:
        mine, theirs = write.split(2, _of(write, bias, number), 0)
        given, theirs_left = (given + mine, theirs) if call.op == "GRU" else (given + (mine + theirs), None)
    else:
        theirs_left = None
    width = call.attribute("hidden_size")
    zeros = write("Expand", 0.0, write.vector(write.size(x, 1, 2), width))
    starts = [zeros if h is None else _of(write, h, number) for h in initial]
    inner = write.inner()
    states, step = [inner.named(next(write.names)) for _ in initial], inner.named(next(write.names))
    after = cell(inner, states, step, r, theirs_left)
    body = inner.body([*states, step], [*after, inner("Identity", after[0])])
    found = write.several(
        len(starts) + 1, "Scan", *starts, given, body=body, num_scan_inputs=1,
        scan_input_directions=[is_reverse], scan_output_directions=[is_reverse],
    )  # fmt: skip
    return [write.unsqueeze(found[-1], 1), *(write.unsqueeze(h, 0) for h in found[:-1])]


def _of(write: Writer, x: Value, number: int) -> Value:
    """One of the directions along the first axis."""
    return write.squeeze(write.slice(x, [number], [number + 1], [0]), 0)
