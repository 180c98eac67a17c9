"""A program as the same one in float64, so that float64 can judge it."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, helper, numpy_helper

NARROW = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16})
"""What becomes float64."""
CAST = {
    "Cast": "to", "RandomUniform": "dtype", "RandomNormal": "dtype", "RandomUniformLike": "dtype",
    "RandomNormalLike": "dtype", "EyeLike": "dtype", "Bernoulli": "dtype", "Attention": "softmax_precision",
    "LayerNormalization": "stash_type", "GroupNormalization": "stash_type", "RMSNormalization": "stash_type",
}  # fmt: skip
"""Operators that have a dtype of what they give, or of what they keep within, as an attribute, and its name."""
SINGLE = {"Resize": 2, "Upsample": 1}
"""Operators with an input that is float32 whatever the others are, scales, and its place."""
NARROW_UNLESS_SAID = {
    "ConstantOfShape": helper.make_attribute("value", numpy_helper.from_array(np.zeros(1))),
    **{name: helper.make_attribute("dtype", TensorProto.DOUBLE) for name in ("RandomUniform", "RandomNormal")},
}
"""Operators that give float32 where an attribute is left out, and the attribute that says float64."""
FLOATS = {"value_float": "f", "value_floats": "floats"}


def doubled(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same program with all narrower floats as float64: weights, constants, casts, inputs and outputs."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    _graph(found.graph)
    for function in found.functions:
        for node in function.node:
            _node(node)
    return found


def _graph(graph: GraphProto) -> None:
    places = ((node.input, SINGLE[node.op_type]) for node in graph.node if node.op_type in SINGLE)
    kept = {inputs[place] for inputs, place in places if place < len(inputs)}
    for tensor in graph.initializer:
        if tensor.name not in kept:
            _tensor(tensor)
    for node in graph.node:
        if node.op_type != "Constant" or node.output[0] not in kept:
            _node(node)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type in NARROW:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE


def _node(node: NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.TENSOR:
            _tensor(attribute.t)
        elif attribute.type == AttributeProto.GRAPH:
            _graph(attribute.g)
        elif attribute.name == CAST.get(node.op_type) and attribute.i in NARROW:
            attribute.i = TensorProto.DOUBLE
    said = NARROW_UNLESS_SAID.get(node.op_type)
    if said is not None and said.name not in {attribute.name for attribute in node.attribute}:
        node.attribute.append(said)
    if node.op_type == "Constant" and node.attribute[0].name in FLOATS:
        given = node.attribute[0]
        value = np.asarray(getattr(given, FLOATS[given.name]), np.float64)
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(value)))


def _tensor(tensor: TensorProto) -> None:
    if tensor.data_type in NARROW:
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), name))
