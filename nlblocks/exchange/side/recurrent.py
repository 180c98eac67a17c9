"""Recurrent networks: the format keeps all gates of all directions in one tensor, in an order of its own.

Here each direction has its weights as the frameworks keep them, under the names that torch gives them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from nlblocks.backend import Array, State
from nlblocks.exchange.programs import Evaluator
from nlblocks.exchange.side.naming import scope_of
from nlblocks.parity.recording import Recurrent

GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""Where the gates of the frameworks lie in the format: input, forget, cell, output; reset, update, new."""
PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
DIRECTIONS = {"forward": ("",), "reverse": ("_reverse",), "bidirectional": ("", "_reverse")}
USUAL = {"direction", "hidden_size", "linear_before_reset"}
"""Attributes of networks that frameworks have too; with others a node stays as it is."""
UNUSUAL = {"layout", "input_forget"}
"""Others, which say nothing where they are 0."""
JOINING = frozenset({"Concat", "Constant", "Identity", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators that exporters join and turn weights by."""
OPSET = 17
"""The version of these that are read: axes are inputs since 13."""
NO_WEIGHTS = frozenset({1, 2, 3})
"""Where a node that was split has lengths and what it starts from; its weights come behind."""


def split(graph: onnx.GraphProto, held: State) -> State:
    """The weights of recurrent nodes by direction; the nodes take [x, lengths, state, state, *weights] from then on."""
    found, layers = State(), Counter[str]()
    held = {**held, **_folded(graph, held)}
    for node in graph.node:
        attrs = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        given = [*node.input, *[""] * 8][:8]
        told = {name for name, value in attrs.items() if name not in UNUSUAL or value}
        usual = told <= USUAL and given[4] == given[7] == ""
        gates = GATES.get(node.op_type)
        if gates is None or not usual or not {*given[1:4], ""} <= {*held, ""} or given[1] == "":
            continue
        scope, direction = scope_of(node), attrs.get("direction", b"forward").decode()
        names = [f"{scope}.{part}_l{layers[scope]}{end}" for end in DIRECTIONS[direction] for part in PARTS]
        size = held[given[2]].shape[-1]
        tensors = [held[given[1]], held[given[2]]]
        if given[3]:
            tensors += np.split(held[given[3]], 2, axis=-1)
        taken = []
        for place, name in enumerate(names):
            of, part = divmod(place, len(PARTS))
            if part < len(tensors):
                parts = np.split(tensors[part][of], range(size, size * len(gates), size))
                found[name] = np.concatenate([parts[gate] for gate in gates])
                taken.append(name)
        layers[scope] += 1
        states = ["" if name in held and not held[name].any() else name for name in given[5:7]]  # zeros are the default
        node.input[:] = [given[0], given[4], *states, *taken]
    return found


def _folded(graph: onnx.GraphProto, held: State) -> State:
    """What recurrent nodes take that is computed from constants alone: an exporter may join weights in the graph."""
    wanted = [name for node in graph.node if node.op_type in GATES for name in (*node.input[1:4], *node.input[5:7])]
    makers = {name: node for node in graph.node for name in node.output}
    nodes: dict[int, onnx.NodeProto] = {}
    found = [name for name in wanted if name in makers and name not in held and _fixed(name, makers, held, nodes)]
    if not found:
        return {}
    kept = [node for node in graph.node if id(node) in nodes]
    used = {name for node in kept for name in node.input}
    part = onnx.helper.make_graph(
        kept, "weights", [], [onnx.ValueInfoProto(name=name) for name in dict.fromkeys(found)],
        [numpy_helper.from_array(value, name) for name, value in held.items() if name in used and name not in makers],
    )  # fmt: skip
    return Evaluator(onnx.helper.make_model(part, opset_imports=[onnx.helper.make_opsetid("", OPSET)])).run({})


def _fixed(name: str, makers: Mapping[str, onnx.NodeProto], held: State, nodes: dict[int, onnx.NodeProto]) -> bool:
    """Whether a value is computed from constants alone; by which ``nodes``."""
    node = makers.get(name)
    if node is None:
        return name == "" or name in held
    if node.op_type not in JOINING or not all(_fixed(taken, makers, held, nodes) for taken in node.input):
        return False
    nodes[id(node)] = node
    return True


def is_split(inputs: Sequence[str]) -> bool:
    """Whether a node takes these because it was split."""
    return len(inputs) > len(NO_WEIGHTS) + 1 and f".{PARTS[0]}_l" in inputs[len(NO_WEIGHTS) + 1]


def reader(name: str, args: Sequence[Any]) -> Recurrent:
    """(x, states, weights, how their names end by direction, whether the reset comes first) as the lab has them."""
    x, states, weights, ends, first = args
    told = {"reversed": ends == DIRECTIONS["reverse"], **({"reset": "before"} if first else {})}
    parts, kind = PARTS[: len(weights) // len(ends)], {"RNN": "rnn_tanh"}.get(name, name.lower())
    return Recurrent(
        kind=kind, x=x, states=states, weights=weights, groups=(parts,), layers=1,
        bidirectional=len(ends) > 1, time_major=True, told=told,
        args=args, p=None, dropping=False,
        single=lambda x, states, weights: args,
    )  # fmt: skip


def ends_of(op: Any) -> tuple[str, ...]:
    """How the names of a node's weights end, by direction."""
    direction = getattr(op, "direction", None) or "forward"
    return DIRECTIONS[direction.decode() if isinstance(direction, bytes) else direction]


def resets_first(op: Any) -> bool:
    """Whether a GRU's reset gate is applied before the product with its state, as the format has it unless told."""
    return type(op).__name__.startswith("GRU") and not getattr(op, "linear_before_reset", 0)


def run(
    kind: str, x: Array, states: Sequence[Array], weights: Sequence[Array], ends: Sequence[str], first: bool
) -> list[Array]:
    """x [T, B, I] → all hidden states [T, directions, B, H], and the last of each state [directions, B, H].

    ``first`` says that a GRU resets its state before the product.
    """
    each = len(weights) // len(ends)
    size = weights[1].shape[-1]
    found: list[list[Array]] = []
    for index, end in enumerate(ends):
        own = weights[index * each : (index + 1) * each]
        zeros = np.zeros((x.shape[1], size), x.dtype)
        now = [state[index] for state in states] or [zeros] * (2 if kind == "LSTM" else 1)
        outputs = np.zeros((x.shape[0], x.shape[1], size), x.dtype)
        for t in range(x.shape[0])[:: -1 if end else 1]:
            now = _step(kind, x[t], now, own, first)
            outputs[t] = now[0]
        found.append([outputs, *now])
    return [np.stack(parts, 1 if place == 0 else 0) for place, parts in enumerate(zip(*found, strict=True))]


def _step(kind: str, x: Array, now: Sequence[Array], own: Sequence[Array], first: bool) -> list[Array]:
    """One step of one direction."""
    biases = own[2:] or (np.zeros(1, x.dtype),) * 2
    given, kept = x @ own[0].T + biases[0], now[0] @ own[1].T + biases[1]
    if kind == "RNN":
        return [np.tanh(given + kept)]
    if kind == "GRU":
        (a, b, c), (d, e, f) = np.split(given, 3, -1), np.split(kept, 3, -1)
        reset, update = _logistic(a + d), _logistic(b + e)
        kept = np.split((reset * now[0]) @ own[1].T + biases[1], 3, -1)[2] if first else reset * f
        return [(1 - update) * np.tanh(c + kept) + update * now[0]]
    enter, forget, cell, leave = np.split(given + kept, 4, -1)
    state = _logistic(forget) * now[1] + _logistic(enter) * np.tanh(cell)
    return [_logistic(leave) * np.tanh(state), state]


def _logistic(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x > 0, 1, e) / (1 + e)
