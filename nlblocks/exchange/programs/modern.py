"""Programs of old opsets in the oldest one that the rest knows."""

from __future__ import annotations

import onnx
import onnx.version_converter
from onnx import helper

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
    """A float64 program of an older opset than 11 in that one, any other as it is. Raises InputError where none is."""
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
