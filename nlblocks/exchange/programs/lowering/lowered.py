"""The walk over a program that rewrites what onnxruntime cannot run in float64."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import onnx
from onnx import AttributeProto, GraphProto, NodeProto, TypeProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.exchange.files import LIMIT
from nlblocks.exchange.programs.lowering.registry import LOWERINGS, Lowering
from nlblocks.exchange.programs.lowering.writing import Call, Unwritable, Value, Writer
from nlblocks.exchange.programs.modern import modern, opset_of

MOVES = frozenset({"Cast", "Constant", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators behind which exporters hold weights: they move values and change none."""


def lowered(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float64 program as one that computes the same with operators that have float64 kernels.

    Every tensor keeps its name. Raises InputError for a node that cannot be rewritten.
    """
    found = onnx.ModelProto()
    found.CopyFrom(modern(model))
    _graph(found.graph, Writer(opset_of(found), _names(), {}, _types(found)))
    del found.graph.value_info[:]
    return found


def _graph(graph: GraphProto, write: Writer) -> None:
    """Rewrite a graph in place; ``write`` knows what the graphs around it hold."""
    constants = {**write.constants, **{tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}}
    write = Writer(write.opset, write.names, constants, write.types)
    for node in graph.node:
        _fold(node, constants, write.opset)
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                _graph(attribute.g, write)
        lowering = LOWERINGS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        made = _made(lowering, write, node) if lowering else None
        if made is None:
            node.name = node.name or node.output[0]  # what onnxruntime says of it names it
            write.nodes.append(node)
        else:
            _name(write, node, [made] if isinstance(made, Value) else made)
    del graph.node[:]
    graph.node.extend(write.nodes)


def _made(lowering: Lowering, write: Writer, node: NodeProto) -> Value | Sequence[Value] | None:
    """What a node gives, written anew. Raises InputError, which names it, where that cannot be."""
    told = f"operator {node.op_type} of node {node.name or ', '.join(node.output)!r}"
    try:
        return lowering(write, Call(node, write))
    except Unwritable as why:
        said = f"{told} has no float64 in onnxruntime, and {why}; the reference evaluator runs it"
    except Exception as error:  # whatever attributes that do not fit each other lead to
        said = f"{told} has attributes or inputs that do not fit: {type(error).__name__}: {error}; export it again"
    raise InputError(" ".join(said.split()))


def _name(write: Writer, node: NodeProto, made: Sequence[Value]) -> None:
    """Give what was written the names that the node gave."""
    for name, value in zip(node.output, made, strict=False):
        if name:
            write.nodes.append(onnx.helper.make_node("Identity", [value.name], [name]))


def _fold(node: NodeProto, constants: dict[str, Array], opset: int) -> None:
    """Add what a node gives to the constants, where it only moves some."""
    given = [name for name in node.input if name]
    if node.op_type in MOVES and node.domain in ("", "ai.onnx") and all(name in constants for name in given):
        values = [onnx.ValueInfoProto(name=name) for name in (*given, *node.output)]
        graph = onnx.helper.make_graph([node], "moves", values[: len(given)], values[len(given) :])
        program = ReferenceEvaluator(graph, opsets={"": opset})
        with contextlib.suppress(Exception):  # a shape that does not fit: onnxruntime names the node
            result: Any = program.run(None, {name: constants[name] for name in given})
            constants.update(zip(node.output, result, strict=True))


def _types(model: onnx.ModelProto) -> Mapping[str, TypeProto.Tensor]:
    """What is known of the tensors before the program runs; less where it is too large for onnx to look at."""
    graph = model.graph
    if model.ByteSize() <= LIMIT:
        with contextlib.suppress(onnx.shape_inference.InferenceError):
            graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    return {value.name: value.type.tensor_type for value in (*graph.input, *graph.output, *graph.value_info)}


def _names() -> Iterator[str]:
    """Names for what is written."""
    return (f"nlblocks.lowered.{number}" for number in itertools.count())
