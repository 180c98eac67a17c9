"""Programs of old opsets in the oldest one that the rest knows."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.version_converter
from onnx import helper
from onnx.numpy_helper import from_array

from nlblocks.errors import InputError
from nlblocks.exchange.programs.doubled import doubled

OLDEST = 11
"""From here on Pad, Slice, Clip and Resize have what they need as inputs."""
FLOOR = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
"""What Resize meant before it said so; the converter leaves its rounding out."""


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators that a program uses; 0 where it uses none."""
    return max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=0)


def modern(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float64 program of an older opset than 11 in that one, any other as it is. Raises InputError where none is.

    A loop that is given no condition has one that holds: the reference evaluator takes none for one that does not.
    """
    return _conditioned(_converted(model))


def _conditioned(model: onnx.ModelProto) -> onnx.ModelProto:
    if not any(node.op_type == "Loop" and not node.input[1] for node in model.graph.node):
        return model
    found, nodes = onnx.ModelProto(), []
    found.CopyFrom(model)
    for node in found.graph.node:
        if node.op_type == "Loop" and not node.input[1]:
            node.input[1] = f"{node.output[0]}_holds"
            nodes.append(helper.make_node("Constant", [], [node.input[1]], value=from_array(np.array(True))))
        nodes.append(node)
    del found.graph.node[:]
    found.graph.node.extend(nodes)
    return found


def _converted(model: onnx.ModelProto) -> onnx.ModelProto:
    opset = opset_of(model)
    if opset >= OLDEST:
        return model
    try:
        found = doubled(onnx.version_converter.convert_version(model, OLDEST))  # what it adds is float32
    except Exception as error:  # of any kind
        said = " ".join(str(error).split())
        raise InputError(f"opset {opset} cannot be converted to {OLDEST}: {said}; export it again") from None
    for node in found.graph.node:
        if node.op_type == "Resize":
            kept = [item for item in node.attribute if item.name not in FLOOR]
            del node.attribute[:]
            node.attribute.extend([*kept, *(helper.make_attribute(name, value) for name, value in FLOOR.items())])
    return found
