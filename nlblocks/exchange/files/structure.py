"""Whether a program's graph can run: every tensor made once and before it is used, every operator known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import onnx
from onnx import FunctionProto, GraphProto, NodeProto, defs

from nlblocks.errors import InputError
from nlblocks.exchange.files.walking import graphs_of

ONNX = ("", "ai.onnx")
"""The names of ONNX's own domain."""
MOST_NODES = 1_000_000
"""Nodes that a program may have once its functions are written out: a chain of doubling ones has no end."""
MOST_FUNCTIONS = 500
"""Functions that may call each other in a row."""
DEEPEST = 20
"""Graphs within graphs."""

Key = tuple[str, str]


def check(model: onnx.ModelProto) -> None:
    """Raise InputError for a program that cannot run."""
    if not model.HasField("graph"):
        raise InputError("holds no graph; give a file that an exporter wrote")
    opsets = _opsets(model)
    functions = {(item.domain, item.name): item for item in model.functions}
    _check_functions(model, functions)
    graph = model.graph
    if not graph.node:
        raise InputError("its graph has no nodes; export a model that computes something")
    if not graph.output:
        raise InputError("its graph has no outputs; export it with the outputs that are wanted")
    _check_graph(graph, frozenset(), opsets, functions, 0)


def _opsets(model: onnx.ModelProto) -> dict[str, int]:
    """The version of each domain."""
    found = {("" if item.domain in ONNX else item.domain): item.version for item in model.opset_import}
    if not found:
        raise InputError("says no opset: what its operators mean is not known; export it again")
    newest = defs.onnx_opset_version()
    if not 1 <= found.get("", 1) <= newest:
        said = f"opset {found['']} is none of 1 to {newest}, which onnx {onnx.__version__} knows"
        raise InputError(f"{said}; export it with an older opset, or install a newer onnx")
    return found


def _check_functions(model: onnx.ModelProto, functions: Mapping[Key, FunctionProto]) -> None:
    """Whether the program's own functions end: none calls itself, and written out they are not too many nodes."""
    if len(functions) != len(model.functions):
        raise InputError("defines a function twice; export it again")
    sizes: dict[Key, int] = {}
    running: dict[Key, None] = {}

    def size(key: Key) -> int:
        if key in sizes:
            return sizes[key]
        if key in running:
            raise InputError(f"its function {key[1]!r} calls itself, without end; export it again")
        running[key] = None
        sizes[key] = count(functions[key].node)
        del running[key]
        return sizes[key]

    def count(nodes: Iterable[NodeProto]) -> int:
        total = 0
        for node in _within(nodes):
            total += size(key) if (key := (node.domain, node.op_type)) in functions else 1
            if total > MOST_NODES:
                raise InputError(f"has over {MOST_NODES} nodes once its functions are written out; export it again")
        return total

    if len(functions) > MOST_FUNCTIONS:
        raise InputError(f"defines {len(functions)} functions, over {MOST_FUNCTIONS}; export it again")
    count(model.graph.node)
    for key in functions:
        size(key)


def _within(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Nodes and those of the graphs within them."""
    for node in nodes:
        yield node
        for graph in graphs_of(node):
            yield from _within(graph.node)


def _check_graph(
    graph: GraphProto, around: frozenset[str], opsets: Mapping[str, int], functions: Mapping[Key, FunctionProto],
    depth: int,
) -> None:  # fmt: skip
    """Whether a graph can run where the tensors ``around`` it are known."""
    if depth > DEEPEST:
        raise InputError(f"holds graphs within graphs, over {DEEPEST} deep; export it again")
    where = "" if not depth else f" of the graph {graph.name!r} within it"
    here = {value.name for value in graph.input}
    if len(here) != len(graph.input):
        raise InputError(f"an input{where} has the name of another; export it again")
    for value in graph.input:
        if any(size.dim_value < -1 for size in value.type.tensor_type.shape.dim):
            raise InputError(f"its input {value.name!r}{where} has a negative extent; export it again")
    weights = [item.name for item in graph.initializer] + [item.values.name for item in graph.sparse_initializer]
    if len(set(weights)) != len(weights):
        double = next(name for name in weights if weights.count(name) > 1)
        raise InputError(f"the weight {double!r}{where} is there twice; export it again")
    here |= set(weights)
    made = {name for node in graph.node for name in node.output if name}
    for node in graph.node:
        _check_operator(node, opsets, functions)
        for name in node.input:
            if name and name not in here and name not in around:
                told = f"node {_called(node)} ({node.op_type}){where} takes {name!r}"
                if name in made:
                    raise InputError(f"{told}, which is made after it, or from it; sort the graph, or export it again")
                raise InputError(f"{told}, which nothing makes; export it again")
        for inner in graphs_of(node):
            _check_graph(inner, around | here, opsets, functions, depth + 1)
        for name in node.output:
            if name and (name in here or name in around):
                raise InputError(f"node {_called(node)}{where} makes {name!r}, which is there already; export it again")
            here |= {name}
    for value in graph.output:
        if value.name not in here and value.name not in around:
            raise InputError(f"its output {value.name!r}{where} is made by nothing; export it again")


def _check_operator(node: NodeProto, opsets: Mapping[str, int], functions: Mapping[Key, FunctionProto]) -> None:
    domain = "" if node.domain in ONNX else node.domain
    if (node.domain, node.op_type) in functions:
        return
    told = f"operator {node.op_type!r} of node {_called(node)}"
    if domain not in opsets:
        raise InputError(f"{told} is of domain {domain or 'ai.onnx'!r}, whose opset is not said; export it again")
    if domain not in _domains():
        raise InputError(
            f"{told} is of domain {domain!r}, which onnx does not know; "
            "give the file as it was exported, before a runtime optimised it"
        )
    if not defs.has(node.op_type, opsets[domain], domain):
        version = f"opset {opsets[domain]} of {domain or 'ai.onnx'}"
        raise InputError(f"{told} is not in {version}, as onnx {onnx.__version__} knows it; export it with another")


@cache
def _domains() -> frozenset[str]:
    """The domains whose operators onnx knows."""
    return frozenset(schema.domain for schema in defs.get_all_schemas())


def _called(node: NodeProto) -> str:
    return repr(node.name or ", ".join(node.output))
