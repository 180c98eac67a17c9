"""Files that are no program, or a bad one: how each is made, and what must be said of it."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

Made = onnx.ModelProto | bytes | None
"""What becomes the file; None where the maker wrote it."""
BROKEN: dict[str, tuple[Callable[[Path], Made], str]] = {}


def says(words: str) -> Callable[[Callable[[Path], Made]], Callable[[Path], Made]]:
    """Register a bad file, and the words that must be in the line about it."""

    def registered(make: Callable[[Path], Made]) -> Callable[[Path], Made]:
        BROKEN[make.__name__] = (make, words)
        return make

    return registered


def good(**more: Any) -> onnx.ModelProto:
    """Y = x · w + c."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"], name="multiply"),
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(3, np.float32))),
        helper.make_node("Add", ["product", "c"], ["y"], name="add"),
    ]
    return model(nodes, [numpy_helper.from_array(np.ones((4, 3), np.float32), "w")], **more)


def model(
    nodes: list[onnx.NodeProto], weights: list[TensorProto] | None = None, opset: int = 17, **more: Any
) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in (("x", 4), ("y", 3)))
    graph = helper.make_graph(nodes, "g", [x], [y], weights or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **more)


def outside(location: str, **entries: object) -> onnx.ModelProto:
    """The weight in a file beside."""
    made = good()
    weight = made.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=str(value))
    return made


@says("is empty")
def nothing(_: Path) -> Made:
    return b""


@says("no ONNX file, or cut off")
def noise(_: Path) -> Made:
    return b"\xff" * 200


@says("no ONNX file, or cut off")
def half(_: Path) -> Made:
    return good().SerializeToString()[:-40]


@says("no ONNX file")
def text(_: Path) -> Made:
    return b"hello, this is no program at all\n" * 9


@says("page of the web")
def web_page(_: Path) -> Made:
    return b"<!DOCTYPE html><html></html>"


@says("Git LFS: run git lfs pull")
def pointer(_: Path) -> Made:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@says("zip archive.*a checkpoint")
def torch_checkpoint(_: Path) -> Made:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    return file.getvalue()


@says("a pickle: a checkpoint")
def paddle_checkpoint(_: Path) -> Made:
    return pickle.dumps({"w": np.ones(3)}, protocol=4)


@says("Paddle program; export it")
def paddle_program(folder: Path) -> Made:
    (folder / "a.pdmodel").write_bytes(b"\x0a\x04\x08\x00\x10\xff")
    return None


@says("onnxruntime's own format")
def runtime_format(_: Path) -> Made:
    return b"\x10\x00\x00\x00ORTM" + bytes(90)


@says("is a folder")
def folder(folder: Path) -> Made:
    (folder / "a.onnx").mkdir()
    return None


@says("cannot be read: No such file")
def missing(_: Path) -> Made:
    return None


@says("no regular file")
def pipe(folder: Path) -> Made:
    os.mkfifo(folder / "a.onnx")
    return None


@says("it has no graph")
def no_graph(_: Path) -> Made:
    made = good()
    made.ClearField("graph")
    return made


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


@says(r"'w': its shape \[1000000000000, 3\] takes 12000000000000 bytes, and holds 48")
def huge_shape(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].dims[0] = 10**12
    return made


@says(r"'w': its shape \[4, 4\] takes 64 bytes, and holds 48")
def too_few_bytes(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].dims[1] = 4
    return made


@says("takes 12 values, and holds 2")
def too_few_values(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].ClearField("raw_data")
    made.graph.initializer[0].float_data.extend([1.0, 2.0])
    return made


@says("holds values in float_data and elsewhere")
def values_twice(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].float_data.extend([1.0] * 12)
    return made


@says("holds FLOAT in int64_data instead of float_data")
def values_of_another_type(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].ClearField("raw_data")
    made.graph.initializer[0].int64_data.extend([1] * 12)
    return made


@says(r"its shape \[-4, 3\] has a negative extent")
def negative_shape(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].dims[0] = -4
    return made


@says("input 'x' has a negative extent")
def negative_input(_: Path) -> Made:
    made = good()
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = -7
    return made


@says("data type 77 is none of ONNX's")
def unknown_type(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].data_type = 77
    return made


@says("holds text as raw bytes")
def text_as_bytes(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].data_type = TensorProto.STRING
    return made


@says("tensor 'c0': its shape .* takes 4000000000000 bytes")
def huge_constant(_: Path) -> Made:
    made = good()
    tensor = made.graph.node[1].attribute[0].t
    tensor.name, tensor.dims[0] = "c0", 10**12
    return made


@says("in '../w.bin', outside of")
def above_the_folder(folder: Path) -> Made:
    (folder.parent / "w.bin").write_bytes(bytes(48))
    return outside("../w.bin")


@says("in 'inner/../../w.bin', outside of")
def above_by_a_detour(folder: Path) -> Made:
    (folder / "inner").mkdir()
    (folder.parent / "w.bin").write_bytes(bytes(48))
    return outside("inner/../../w.bin")


@says("in '/etc/passwd', outside of")
def anywhere(_: Path) -> Made:
    return outside("/etc/passwd")


@says("in 'w.bin', outside of")
def behind_a_link(folder: Path) -> Made:
    (folder.parent / "secret").write_bytes(bytes(48))
    (folder / "w.bin").symlink_to(folder.parent / "secret")
    return outside("w.bin")


@says("in 'w.bin', which is no file in .*copy it there")
def weights_forgotten(_: Path) -> Made:
    return outside("w.bin")


@says("which is no file in")
def weights_in_a_pipe(folder: Path) -> Made:
    os.mkfifo(folder / "w.bin")
    return outside("w.bin")


@says("in a file without a name")
def weights_in_no_file(_: Path) -> Made:
    return outside("")


@says("bytes 8 to 56 of 'w.bin', which has 48")
def offset_behind_the_end(folder: Path) -> Made:
    (folder / "w.bin").write_bytes(bytes(48))
    return outside("w.bin", offset=8)


@says("takes 48 bytes, and its length says 4000000000")
def length_behind_the_end(folder: Path) -> Made:
    (folder / "w.bin").write_bytes(bytes(48))
    return outside("w.bin", length=4_000_000_000)


@says("the offset of its values is '-8', no whole number")
def offset_below_zero(folder: Path) -> Made:
    (folder / "w.bin").write_bytes(bytes(48))
    return outside("w.bin", offset=-8)


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


def sparse(indices: list[int], dims: list[int]) -> onnx.ModelProto:
    made = model([helper.make_node("MatMul", ["x", "w"], ["y"])])
    values = numpy_helper.from_array(np.ones(len(indices), np.float32), "w")
    places = numpy_helper.from_array(np.array(indices, np.int64), "places")
    made.graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(values, places, dims))
    return made


@says(r"sparse tensor 'w': has indices outside of its shape \[4, 3\]")
def sparse_indices_outside(_: Path) -> Made:
    return sparse([0, 99], [4, 3])


@says("sparse tensor 'w': its shape .* is none that fits memory")
def sparse_and_huge(_: Path) -> Made:
    return sparse([0, 1], [10**9, 10**9])


@says("onnx.checker: .*ascending|onnx.checker: .*sorted|onnx.checker: .*order")
def sparse_out_of_order(_: Path) -> Made:
    return sparse([5, 2], [4, 3])


@says("onnx.checker: ")
def attribute_without_a_type(_: Path) -> Made:
    made = good()
    made.graph.node[1].attribute[0].type = AttributeProto.UNDEFINED
    return made
