"""Which constants of a graph are a model's parameters, and what they are called.

A file may keep a parameter as an initialiser or as the value of a node, and use it through others that move its
elements; a number of the program (an eps, a factor, the sides of a padding) is kept the same way. A parameter is what a
value that depends on the input is computed with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import numpy_helper

from nlblocks.backend import Array
from nlblocks.exchange.side import recurrent
from nlblocks.exchange.side.naming import of_one, said, scope_of, unique
from nlblocks.exchange.side.operators import ARITHMETIC, DATALESS, MOVING, RANDOM, ROWS

BUFFERS = {"BatchNormalization": (3, 4)}
"""Inputs of operators that are statistics, which nothing trains."""
ROLES = {
    "BatchNormalization": ("", "weight", "bias", "running_mean", "running_var"),
    **dict.fromkeys(
        ("Conv", "ConvTranspose", "Gemm", "LayerNormalization", "InstanceNormalization", "GroupNormalization"),
        ("", "weight", "bias"),
    ),
    "MatMul": ("weight", "weight"), "PRelu": ("", "weight"), "Add": ("bias", "bias"), "Gather": ("weight", ""),
}  # fmt: skip
"""What a layer calls its inputs."""
SCALED = {"InstanceNormalization", "GroupNormalization", "LayerNormalization"}
"""Operators that must be given a scale and a shift: without a name of their own, ones and zeros are no parameters."""
MASKED = -1e4
"""A constant of nothing but 0 and numbers from here down is a mask, and no parameter that is trained."""


@dataclass(slots=True)
class Tensors:
    """The constants of a graph: ``parameters`` by their names, ``constants`` by the value that they are.

    ``names`` tells the parameter that a value is; ``buffers`` are the parameters that nothing trains. ``fixed`` are
    the values that depend on none of the model's inputs and parameters. ``float32`` are the constants that a file
    holds as float32, whatever was written.
    """

    parameters: dict[str, Array] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    buffers: set[str] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)


def tensors_of(graph: onnx.GraphProto) -> Tensors:
    """The constants of a graph, told apart; what an exporter joined or repeated is put back in the graph."""
    _expanded(graph)
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    own = set(held)
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            held[node.output[0]] = _value(node)
    held |= recurrent.split(graph, held)
    inputs = {value.name for value in inputs_of(graph)}
    copied = _copied(graph.node, held)
    held |= copied
    data = _data(graph.node, _dynamic(graph.node, inputs))
    found = Tensors(copies=set(copied))
    for name, array in held.items():
        floating, kept = array.dtype.kind == "f" and name in data, name in own or name in copied
        if floating and _is_parameter(name, array, kept, name in copied, data[name]):
            use = data[name]
            called = unique(_called(name, use.node, use.place), found.parameters)
            found.parameters[called], found.names[name] = array, called
            if use.place in BUFFERS.get(use.node.op_type, ()) or _is_mask(array):
                found.buffers.add(called)
        else:
            found.constants[name] = array
    moving = _dynamic(graph.node, inputs | set(found.names))
    made = {name for node in graph.node for name in node.output}
    found.fixed = (made | set(found.constants)) - moving
    return found


@dataclass(frozen=True, slots=True)
class Use:
    """The first node that computes with the input and a value, and where it takes it.

    ``by`` is the operator that first computes with the value, if only with other constants.
    """

    node: onnx.NodeProto
    place: int
    by: str


def _value(node: onnx.NodeProto) -> Array:
    """What a Constant holds."""
    (given,) = node.attribute
    value = onnx.helper.get_attribute_value(given)
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    kind = np.int64 if "int" in given.name else np.float32 if "float" in given.name else object
    return np.asarray(value, kind)


def _copied(nodes: Sequence[onnx.NodeProto], held: Mapping[str, Array]) -> dict[str, Array]:
    """Parameters that the exporter wrote as a copy of an equal one, or as that one: fresh layers are full of them.

    A layer that shares one gets a name of its own for it.
    """
    found: dict[str, Array] = {}
    used: set[str] = set()
    for node in nodes:
        for place, name in enumerate(node.input):
            array = held.get(name, found.get(name))
            if array is None or array.dtype.kind != "f" or not array.size or (array != array.flat[0]).any():
                continue
            if node.op_type == "Identity" and (array.size > 1 or said(name)):
                found[node.output[0]] = array.copy()
            elif array.size > 1 and _role(node, place) and (said(name) or node.op_type not in SCALED):
                if name in used:
                    node.input[place] = f"/{len(used)}/{name}"
                    found[node.input[place]] = array.copy()
                used.add(node.input[place])
    return found


def _role(node: onnx.NodeProto, place: int) -> str:
    """What a layer calls an input; "" where it is none of its own."""
    roles = ROLES.get(node.op_type, ())
    return roles[place] if place < len(roles) else ""


def inputs_of(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """What a graph takes: older files list their initialisers too."""
    held = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in held]


def _expanded(graph: onnx.GraphProto) -> None:
    """Put back the node that repeats a parameter for each image, where an exporter wrote down what it gives.

    A class token is one row; folded it is as many as the batch had that the file was made for.
    """
    shapes = [value.type.tensor_type.shape.dim for value in inputs_of(graph)[:1]]
    batch = next((dims[0].dim_value for dims in shapes if dims), 0)
    for tensor in list(graph.initializer):
        array = numpy_helper.to_array(tensor)
        if batch < 2 or array.ndim < 3 or array.shape[0] != batch or array.dtype.kind != "f" or "." in tensor.name:
            continue
        if (array == array[:1]).all():
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(array[:1].copy(), f"{name}_row"))
            shape = numpy_helper.from_array(np.array(array.shape, np.int64), f"{name}_shape")
            graph.initializer.append(shape)
            graph.node.insert(0, onnx.helper.make_node("Expand", [f"{name}_row", f"{name}_shape"], [name], name=name))


def _dynamic(nodes: Sequence[onnx.NodeProto], sources: set[str]) -> set[str]:
    """The values that depend on the values of ``sources``, or are drawn."""
    found = set(sources)
    for node in nodes:
        if node.op_type in DATALESS:
            continue
        taken = {*node.input, *captured(node)}
        if node.op_type in RANDOM or taken & found:
            found.update(node.output)
    return found


def captured(node: onnx.NodeProto) -> tuple[str, ...]:
    """The values that graphs inside a node take from around it."""
    graphs = [attribute.g for attribute in node.attribute if attribute.type == attribute.GRAPH]
    return tuple(dict.fromkeys(name for graph in graphs for name in taken_by(graph)))


def taken_by(graph: onnx.GraphProto) -> tuple[str, ...]:
    """The values that a graph inside a node takes from around it."""
    own = {value.name for value in (*graph.input, *graph.initializer)}
    own.update(name for node in graph.node for name in node.output)
    taken = [name for node in graph.node for name in (*node.input, *captured(node))]
    return tuple(dict.fromkeys(n for n in (*taken, *(v.name for v in graph.output)) if n and n not in own))


def _data(nodes: Sequence[onnx.NodeProto], dynamic: set[str]) -> dict[str, Use]:
    """The values that go into what depends on the input, as operands, with the first node that computes with them."""
    found: dict[str, Use] = {}
    for node in reversed(nodes):
        into = next((found[name] for name in node.output if name in found), None)
        if into is None and not any(name in dynamic for name in node.output):
            continue
        shaped = recurrent.NO_WEIGHTS if recurrent.is_split(node.input) else frozenset[int]()
        shaped = ROWS[node.op_type].shaped if node.op_type in ROWS else shaped
        for place, name in enumerate((*node.input, *captured(node))):
            if name and place not in shaped:
                own = Use(node, place, node.op_type)
                follows = into is not None and not any(n in dynamic for n in node.output)
                if into is not None and follows:
                    own = into if node.op_type in MOVING else replace(into, by=node.op_type)
                found[name] = own
    return found


def _is_parameter(name: str, array: Array, own: bool, copied: bool, use: Use) -> bool:
    """Whether a floating constant is no number of the program; ``own`` ones are initialisers, or copies of such."""
    layers = use.by == use.node.op_type and use.by not in ARITHMETIC and _role(use.node, use.place) != ""
    if array.size == 1 and not layers:
        return own and of_one(name, array.ndim)
    neutral = array.size > 0 and array.flat[0] in (0, 1) and bool((array == array.flat[0]).all())
    return array.size > 0 and (copied or said(name) or use.node.op_type not in SCALED or not neutral)


def _is_mask(array: Array) -> bool:
    return bool(((array == 0) | (array <= MASKED)).all() and (array <= MASKED).any())


def _called(name: str, node: onnx.NodeProto, place: int) -> str:
    """What a parameter is called: by the file, or after the node that computes with it."""
    if said(name):
        return name
    return f"{scope_of(node)}.{_role(node, place) or 'weight'}".lstrip(".")
