"""Programs that cannot run."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import AttributeProto, helper

from parity_tests.exchange.files.broken import Made, good, model, says


@says("its graph has no nodes")
def no_nodes(_: Path) -> Made:
    made = good()
    del made.graph.node[:]
    return made


@says("its graph has no outputs")
def no_outputs(_: Path) -> Made:
    made = good()
    del made.graph.output[:]
    return made


@says("its output 'y' is made by nothing")
def output_of_nothing(_: Path) -> Made:
    made = good()
    made.graph.node[2].output[0] = "z"
    return made


@says("says no opset")
def no_opset(_: Path) -> Made:
    made = good()
    del made.opset_import[:]
    return made


@says("opset 999 is none of 1 to .* install a newer onnx")
def opset_of_the_future(_: Path) -> Made:
    return good(opset=999)


@says("opset -3 is none of")
def negative_opset(_: Path) -> Made:
    return good(opset=-3)


@says("onnx.checker: .*ir_version")
def ir_of_the_future(_: Path) -> Made:
    made = good()
    made.ir_version = 99
    return made


@says("input 'x' has a negative extent")
def negative_input(_: Path) -> Made:
    made = good()
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = -7
    return made


@says("takes 'product', which is made after it")
def unsorted(_: Path) -> Made:
    made = good()
    nodes = [made.graph.node[place] for place in (1, 2, 0)]
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del made.graph.node[:]
    made.graph.node.extend(kept)
    return made


@says("takes 'y', which is made after it, or from it")
def circle(_: Path) -> Made:
    made = good()
    made.graph.node[0].input[0] = "y"
    return made


@says("node 'multiply' .MatMul. takes 'ghost', which nothing makes")
def input_of_nothing(_: Path) -> Made:
    made = good()
    made.graph.node[0].input[1] = "ghost"
    return made


@says("node 'add' makes 'product', which is there already")
def made_twice(_: Path) -> Made:
    made = good()
    made.graph.node[2].output[0] = "product"
    return made


@says("the weight 'w' is there twice")
def weight_twice(_: Path) -> Made:
    made = good()
    made.graph.initializer.append(made.graph.initializer[0])
    return made


@says("operator 'Frobnicate' of node 'add' is not in opset 17")
def unknown_operator(_: Path) -> Made:
    made = good()
    made.graph.node[2].op_type = "Frobnicate"
    return made


@says("operator 'Gelu' of node 'gelu' is not in opset 17")
def operator_of_a_later_opset(_: Path) -> Made:
    return model([helper.make_node("Gelu", ["x"], ["y"], name="gelu")])


@says("of domain 'com.microsoft', which onnx does not know.*before a runtime optimised it")
def optimised(_: Path) -> Made:
    made = good()
    made.graph.node[2].domain = "com.microsoft"
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return made


@says("of domain 'nowhere', whose opset is not said")
def unknown_domain(_: Path) -> Made:
    made = good()
    made.graph.node[2].domain = "nowhere"
    return made


@says("onnx.checker: .*alpha")
def unknown_attribute(_: Path) -> Made:
    made = good()
    made.graph.node[2].attribute.append(helper.make_attribute("alpha", 0.1))
    return made


@says("onnx.checker: ")
def too_many_inputs(_: Path) -> Made:
    made = good()
    made.graph.node[2].input.append("x")
    return made


@says("graphs within graphs, over 20 deep")
def deep(_: Path) -> Made:
    def branch(node: onnx.NodeProto, name: str) -> onnx.GraphProto:
        return helper.make_graph([node], name, [], [helper.make_empty_tensor_value_info(name)])

    inner = branch(helper.make_node("Identity", ["x"], ["end"]), "end")
    for depth in range(25):
        other = branch(helper.make_node("Identity", ["x"], ["other"]), "other")
        node = helper.make_node("If", ["x"], [f"n{depth}"], then_branch=inner, else_branch=other)
        inner = branch(node, f"n{depth}")
    return model([*inner.node, helper.make_node("Identity", ["n24"], ["y"])])


@says("no ONNX file, or cut off")
def bottomless(_: Path) -> Made:
    """More graphs within graphs than protobuf reads."""
    data = b""
    for _ in range(3000):
        attribute = b"\x32" + _length(data) + data  # AttributeProto.g
        node = b"\x2a" + _length(attribute) + attribute  # NodeProto.attribute
        data = b"\x0a" + _length(node) + node  # GraphProto.node
    return b"\x08\x08\x3a" + _length(data) + data


def _length(data: bytes) -> bytes:
    size, found = len(data), b""
    while size > 127:
        found += bytes([size & 127 | 128])
        size >>= 7
    return found + bytes([size])


def with_functions(*bodies: tuple[str, list[str]]) -> onnx.ModelProto:
    """Functions that call others, each with one input and one output; the graph calls the first."""
    made = model([helper.make_node(bodies[0][0], ["x"], ["y"], domain="own")])
    made.opset_import.append(helper.make_opsetid("own", 1))
    for name, calls in bodies:
        names = ["a", *(f"a{place}" for place in range(len(calls) - 1)), "b"]
        nodes = [
            helper.make_node(call, [names[place]], [names[place + 1]], domain="own" if call.startswith("F") else "")
            for place, call in enumerate(calls)
        ]
        imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
        made.functions.append(helper.make_function("own", name, ["a"], ["b"], nodes, imports))
    return made


@says("function 'F0' calls itself, without end")
def function_of_itself(_: Path) -> Made:
    return with_functions(("F0", ["F0"]))


@says("function 'F0' calls itself, without end")
def functions_in_a_circle(_: Path) -> Made:
    return with_functions(("F0", ["F1"]), ("F1", ["Relu", "F0"]))


@says("over 1000000 nodes once its functions are written out")
def functions_that_double(_: Path) -> Made:
    return with_functions(*((f"F{n}", [f"F{n + 1}"] * 2) for n in range(40)), ("F40", ["Relu"]))


@says("defines a function twice")
def function_twice(_: Path) -> Made:
    return with_functions(("F0", ["Relu"]), ("F0", ["Tanh"]))


@says("operator 'F9' of node .* is of domain 'own', which onnx does not know")
def function_that_is_missing(_: Path) -> Made:
    return with_functions(("F0", ["F9"]))


@says("onnx.checker: ")
def attribute_without_a_type(_: Path) -> Made:
    made = good()
    made.graph.node[1].attribute[0].type = AttributeProto.UNDEFINED
    return made
