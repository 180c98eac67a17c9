"""Every graph and every tensor of a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import AttributeProto, GraphProto, NodeProto, SparseTensorProto, TensorProto


def graphs(model: onnx.ModelProto) -> Iterator[GraphProto]:
    """The graph, those within it, and those of the program's own functions, each as a graph."""
    yield from _within(model.graph)
    for function in model.functions:
        yield from _within(GraphProto(node=function.node))


def graphs_of(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs that a node holds."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _within(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for inner in graphs_of(node):
            yield from _within(inner)


def tensors(found: Iterable[GraphProto]) -> Iterator[TensorProto]:
    """The dense tensors of graphs: weights and attributes."""
    for graph in found:
        yield from graph.initializer
        for attribute in _attributes(graph):
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def sparse_tensors(found: Iterable[GraphProto]) -> Iterator[SparseTensorProto]:
    """The sparse tensors of graphs."""
    for graph in found:
        yield from graph.sparse_initializer
        for attribute in _attributes(graph):
            if attribute.HasField("sparse_tensor"):
                yield attribute.sparse_tensor
            yield from attribute.sparse_tensors


def _attributes(graph: GraphProto) -> Iterator[AttributeProto]:
    for node in graph.node:
        yield from node.attribute
