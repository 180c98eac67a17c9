"""What a program holds as float32: attributes by format, and numbers that an exporter wrote so."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

from nlblocks.exchange.programs import written
from nlblocks.numerics.tolerance import EPSILON

SHORT = 2**12
"""Numbers that are a multiple of a power of two below this are meant as they are: 1, 0.5, 49."""
HIDING = 1e30
"""Numbers from here on hide scores: moved they would be infinite."""


def moved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same program with every number that float32 may have rounded off by as much: attributes and single numbers.

    What its results then move by is what such a rounding does.
    """
    found = onnx.ModelProto()
    found.CopyFrom(model)
    for tensor in found.graph.initializer:
        _move(tensor)
    for node in found.graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.FLOAT and _rounded(attribute.f):
                attribute.f = float(np.nextafter(np.float32(attribute.f), np.float32(np.inf)))
            elif attribute.type == AttributeProto.TENSOR:
                _move(attribute.t)
    return found


def exact_eps(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same float64 program with the eps of each batch normalisation as it was given, not as float32.

    The format holds attributes as float32. A number in double precision added to the variance says the same, with an
    attribute of 0.
    """
    found = onnx.ModelProto()
    found.CopyFrom(model)
    nodes: list[NodeProto] = []
    for node in found.graph.node:
        eps = next((a for a in node.attribute if a.name == "epsilon"), None)
        if node.op_type == "BatchNormalization" and (eps is None or eps.f):
            names = [f"{node.output[0]}_{what}" for what in ("eps", "variance")]
            held = 1e-5 if eps is None else eps.f
            value = np.array(written(held) or held)
            found.graph.initializer.append(numpy_helper.from_array(value, names[0]))
            nodes.append(helper.make_node("Add", [node.input[4], names[0]], [names[1]], name=names[1]))
            node.input[4] = names[1]
            if eps is not None:
                node.attribute.remove(eps)
            node.attribute.append(helper.make_attribute("epsilon", 0.0))
        nodes.append(node)
    del found.graph.node[:]
    found.graph.node.extend(nodes)
    return found


def _move(tensor: TensorProto) -> None:
    if tensor.data_type in (TensorProto.FLOAT, TensorProto.DOUBLE) and not any(extent != 1 for extent in tensor.dims):
        value, name = numpy_helper.to_array(tensor), tensor.name
        if value.size and _rounded(float(value.reshape(-1)[0])):
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(value * (1.0 + EPSILON["float32"]), value.dtype), name))


def _rounded(value: float) -> bool:
    """Whether a number may be the float32 of another."""
    if not np.isfinite(value) or abs(value) >= HIDING or value == 0.0:
        return False
    mantissa, _ = np.frexp(value)
    return bool(mantissa * SHORT != np.rint(mantissa * SHORT))
