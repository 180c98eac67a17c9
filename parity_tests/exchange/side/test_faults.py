"""Faults planted in exported files: each is found, where it is, and with its cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from nlblocks import parity
from nlblocks.exchange.side import OnnxModel
from parity_tests.helpers.onnx_files import exported

torch = pytest.importorskip("torch")
models = pytest.importorskip("parity_tests.helpers.onnx_models")
Fault = Callable[[onnx.ModelProto], None]
Plain, Mobile, UNet, ViT = models.Plain, models.Mobile, models.UNet, models.ViT


class Gate(torch.nn.Module):  # type: ignore[misc]
    """Operands that an order counts of."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(6, 6), torch.nn.Linear(6, 6)

    def forward(self, x: Any) -> Any:
        u, v = self.a(x), self.b(x)
        w = (torch.sigmoid(u) - v.tanh()).softmax(-1)
        return torch.cat([w[:, 1:], v[:, :1]], 1) / (1.5 + u.abs())


SHAPES = {**models.SHAPES, Gate: (3, 4, 6)}


def of(file: onnx.ModelProto, kind: str, index: int = 0) -> onnx.NodeProto:
    return [node for node in file.graph.node if node.op_type == kind][index]


def attribute(kind: str, name: str, value: Any, index: int = 0) -> Fault:
    def fault(file: onnx.ModelProto) -> None:
        node = of(file, kind, index)
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])

    return fault


def dropped(kind: str, index: int = 0) -> Fault:
    """The node is gone, and its first input in its place."""

    def fault(file: onnx.ModelProto) -> None:
        node = of(file, kind, index)
        node.op_type = "Identity"
        del node.input[1:], node.attribute[:]

    return fault


def swapped(kind: str, index: int = 0) -> Fault:
    def fault(file: onnx.ModelProto) -> None:
        node = of(file, kind, index)
        node.input[0], node.input[1] = node.input[1], node.input[0]

    return fault


def another(kind: str, other: str, index: int = 0) -> Fault:
    def fault(file: onnx.ModelProto) -> None:
        of(file, kind, index).op_type = other

    return fault


def constant(value: float, other: float, ndim: int = 0) -> Fault:
    """The first constant of this value has another."""

    def fault(file: onnx.ModelProto) -> None:
        for node in file.graph.node:
            if node.op_type == "Constant":
                tensor = node.attribute[0].t
                array = numpy_helper.to_array(tensor)
                if array.size == 1 and array.ndim == ndim and array.item() == value:
                    tensor.CopyFrom(numpy_helper.from_array(np.full_like(array, other)))
                    return
        raise AssertionError(f"no constant is {value}")

    return fault


def opset(version: int) -> Fault:
    """Softmax without an axis, which means another one before opset 13."""

    def fault(file: onnx.ModelProto) -> None:
        file.opset_import[0].version = version
        del of(file, "Softmax").attribute[:]

    return fault


def both(*faults: Fault) -> Fault:
    def fault(file: onnx.ModelProto) -> None:
        for one in faults:
            one(file)

    return fault


narrow = both(attribute("Conv", "dilations", [1, 1], 1), attribute("Conv", "pads", [1, 1, 1, 1], 1))
FAULTS: list[tuple[str, Any, Fault, str | None, str]] = [
    ("eps of a batch norm", Plain, attribute("BatchNormalization", "epsilon", 1e-4), "batch_norm.eps", "net.1"),
    ("slope", Plain, attribute("LeakyRelu", "alpha", 0.2), "leaky_relu.slope", "net.2"),
    ("window of a pool", Plain, attribute("MaxPool", "kernel_shape", [3, 3]), "max_pool.kernel", "net.3"),
    ("padding counted", Plain, attribute("AveragePool", "count_include_pad", 1), "avg_pool.count_include_pad", "net.7"),
    ("bound of ReLU6", Plain, constant(6.0, 0.5), "activation.kind", "net.6"),
    ("activation missing", Plain, dropped("LeakyRelu"), "activation.missing", "net.2"),
    ("norm missing", Plain, dropped("BatchNormalization"), "layer.missing", "net.1"),
    ("dilation", Plain, narrow, "conv.dilation", "net.4"),
    ("padding", Plain, attribute("Conv", "pads", [0, 0, 2, 2]), "conv.padding", "net.0"),
    ("axis of a softmax", Plain, attribute("LogSoftmax", "axis", 0), "softmax.axis", ""),
    ("GELU approximated", ViT, attribute("Gelu", "approximate", "tanh"), "gelu.approximate", "blocks.0"),
    ("eps of a layer norm", ViT, attribute("LayerNormalization", "epsilon", 1e-3, 1), "layer_norm.eps", "blocks.0.n2"),
    ("axis of attention", ViT, attribute("Softmax", "axis", -2), "softmax.axis", "blocks.0"),
    ("scale of attention", ViT, constant(-0.5, -0.25), "attention.scale", "blocks.0"),
    ("heads turned", ViT, attribute("Transpose", "perm", [2, 0, 1, 3, 4], 1), None, "blocks.0"),
    ("another token", ViT, constant(0, 1), "reshape.order", ""),
    ("operands of a difference", Gate, swapped("Sub"), "operands.swapped", ""),
    ("order of a concatenation", Gate, swapped("Concat"), "cat.order", ""),
    ("constant", Gate, constant(1.5, 1.25), "shift.constant", ""),
    ("slope of a hard sigmoid", Mobile, attribute("HardSigmoid", "alpha", 0.2), "hard_sigmoid.slope", ""),
    ("mean for maximum", Mobile, another("GlobalAveragePool", "GlobalMaxPool"), "pool.kind", ""),
    ("corners", UNet, attribute("Resize", "coordinate_transformation_mode", "align_corners"),
     "interpolate.align_corners", ""),
    ("mode of padding", UNet, attribute("Pad", "mode", "edge"), "pad.mode", "u"),
    ("alpha", UNet, attribute("Elu", "alpha", 0.5), "elu.alpha", "d2.2"),
    ("eps of a group norm", UNet, attribute("InstanceNormalization", "epsilon", 1e-2, 1), None, "g"),
    ("meaning of an opset", Gate, opset(12), "softmax.axis", ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def files() -> dict[Any, tuple[Any, onnx.ModelProto]]:
    found = {}
    for kind in (Plain, Mobile, UNet, ViT, Gate):
        net = models.made(kind, trained=True)
        opsets = {"opset_version": 13} if kind is Gate else {}
        found[kind] = net, exported(net, torch.randn(SHAPES[kind]), **opsets)
    return found


@pytest.mark.parametrize(("kind", "fault", "cause", "layer"), [row[1:] for row in FAULTS], ids=[r[0] for r in FAULTS])
def test_a_fault_is_found_and_explained(files: Any, kind: Any, fault: Fault, cause: str | None, layer: str) -> None:
    net, file = files[kind][0], onnx.ModelProto()
    file.CopyFrom(files[kind][1])
    fault(file)
    found = parity.compare(OnnxModel(file), net, SHAPES[kind]).faults
    assert [one for one in found if one.cause == cause and layer in (one.layer_right, one.layer_left)], [
        str(one) for one in found
    ]
