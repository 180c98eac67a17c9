"""Each operator is read as the lab's vocabulary has it: the formula of what was read gives what the node gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nlblocks.exchange.side import OnnxModel
from nlblocks.parity.formulas import evaluate
from nlblocks.parity.running import Subject
from nlblocks.parity.tracing import Op, Trace

RNG = np.random.default_rng(0)
IMAGE = (2, 8, 6, 5)
W, B = RNG.uniform(0.5, 1.5, 8), RNG.normal(size=8)
KERNEL, TURNED = RNG.normal(size=(6, 4, 3, 3)), RNG.normal(size=(8, 3, 3, 3))
SCALES = np.array([1.0, 1.0, 2.0, 2.0], np.float32)
NONE = None


def traced(op: str, opset: int, inputs: list[Any], shape: tuple[int, ...] = IMAGE, **attrs: Any) -> tuple[Trace, Op]:
    """The node's run in float64: the first input is the model's, the others are in the file."""
    held = {f"c{i}.w": np.asarray(value) for i, value in enumerate(inputs) if value is not None}
    names = ["x", *("" if value is None else f"c{i}.w" for i, value in enumerate(inputs))]
    outputs = ["y", "z"] if op == "Split" else ["y"]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", *outputs)]
    tensors = [numpy_helper.from_array(v.astype(np.float32) if v.dtype.kind == "f" else v, n) for n, v in held.items()]
    graph = helper.make_graph([helper.make_node(op, names, outputs, **attrs)], "g", values[:1], values[1:], tensors)
    graph.input[0].type.tensor_type.shape.SetInParent()
    graph.input[0].type.tensor_type.ClearField("shape")
    model = OnnxModel(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9))
    trace = Subject.alone(model, shape, 0).run(training=False)
    assert not trace.error, trace.error
    (found,) = (one for one in trace.ops if one.kind != "constant")
    return trace, found


CASES: list[tuple[str, int, list[Any], dict[str, Any], str]] = [
    ("Conv", 17, [KERNEL, B[:6]], {"group": 2, "pads": [1, 2, 1, 0], "strides": [2, 1]}, "conv"),
    ("Conv", 17, [KERNEL], {"group": 2, "auto_pad": "SAME_UPPER", "strides": [2, 2]}, "conv"),
    ("Conv", 17, [KERNEL], {"group": 2, "auto_pad": "SAME_LOWER"}, "conv"),
    ("ConvTranspose", 17, [TURNED], {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
     "conv_transpose"),
    ("BatchNormalization", 17, [W, B, B, W], {"epsilon": 1e-3}, "batch_norm"),
    ("BatchNormalization", 9, [W, B, B, W], {}, "batch_norm"),
    ("InstanceNormalization", 17, [W, B], {"epsilon": 1e-3}, "instance_norm"),
    ("GroupNormalization", 21, [W, B], {"num_groups": 4}, "group_norm"),
    ("LayerNormalization", 17, [W[:5], B[:5]], {"epsilon": 1e-3}, "layer_norm"),
    ("LayerNormalization", 17, [RNG.normal(size=(6, 5))], {"axis": 2}, "layer_norm"),
    ("MatMul", 17, [RNG.normal(size=(5, 3))], {}, "matmul"),
    ("MaxPool", 17, [], {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}, "max_pool"),
    ("MaxPool", 17, [], {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, "max_pool"),
    ("AveragePool", 17, [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}, "avg_pool"),
    ("AveragePool", 17, [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, "avg_pool"),
    ("GlobalAveragePool", 17, [], {}, "adaptive_avg_pool"),
    ("GlobalMaxPool", 17, [], {}, "adaptive_max_pool"),
    ("Resize", 17, [NONE, SCALES], {"mode": "linear"}, "interpolate"),
    ("Resize", 17, [NONE, SCALES],
     {"mode": "linear", "coordinate_transformation_mode": "align_corners"}, "interpolate"),
    ("Resize", 17, [NONE, NONE, np.array([2, 8, 7, 3])],
     {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, "interpolate"),
    ("Upsample", 9, [SCALES], {"mode": "nearest"}, "interpolate"),
    ("Softmax", 17, [], {"axis": 1}, "softmax"), ("Softmax", 11, [], {"axis": 3}, "softmax"),
    ("Softmax", 11, [], {}, "softmax"), ("LogSoftmax", 17, [], {}, "log_softmax"),
    ("LeakyRelu", 17, [], {"alpha": 0.2}, "leaky_relu"), ("LeakyRelu", 17, [], {}, "leaky_relu"),
    ("Elu", 17, [], {"alpha": 0.7}, "elu"), ("Celu", 17, [], {"alpha": 0.7}, "celu"), ("Selu", 17, [], {}, "selu"),
    ("HardSigmoid", 17, [], {}, "hard_sigmoid"), ("HardSwish", 17, [], {}, "hard_swish"), ("Mish", 18, [], {}, "mish"),
    ("Gelu", 20, [], {}, "gelu"), ("Gelu", 20, [], {"approximate": "tanh"}, "gelu"), ("Relu", 17, [], {}, "relu"),
    ("PRelu", 17, [W.reshape(8, 1, 1)], {}, "prelu"), ("Softplus", 17, [], {}, "softplus"),
    ("Sigmoid", 17, [], {}, "sigmoid"), ("Tanh", 17, [], {}, "tanh"), ("Exp", 17, [], {}, "exp"),
    ("Clip", 17, [np.float32(-0.5), np.float32(0.7)], {}, "clip"), ("Clip", 17, [NONE, np.float32(0.7)], {}, "clip"),
    ("Clip", 6, [], {"min": 0.0, "max": 6.0}, "relu6"),
    ("Add", 17, [np.float32(0.1)], {}, "add"), ("Sub", 17, [B[:5]], {}, "sub"),
    ("Div", 17, [np.float32(3.0)], {}, "div"),
    ("Pow", 17, [np.float32(2.0)], {}, "pow"), ("Max", 17, [B[:5]], {}, "maximum"), ("Min", 17, [B[:5]], {}, "minimum"),
    ("ReduceMean", 17, [], {"axes": [2, -1], "keepdims": 0}, "mean"),
    ("ReduceMean", 18, [np.array([1])], {}, "mean"), ("ReduceSum", 13, [np.array([-1])], {"keepdims": 0}, "sum"),
    ("ReduceMax", 17, [], {"axes": [1]}, "amax"), ("ReduceMean", 17, [], {}, "mean"),
    ("Concat", 17, [RNG.normal(size=IMAGE)], {"axis": -1}, "cat"),
    ("Slice", 17, [np.array([1, -1]), np.array([6, -7]), np.array([1, 2]), np.array([2, -1])], {}, "getitem"),
    ("Slice", 9, [], {"starts": [1], "ends": [1000], "axes": [3]}, "getitem"),
    ("Gather", 17, [np.array(-1)], {"axis": 2}, "getitem"),
    ("Pad", 17, [np.array([0, 0, 1, 2, 0, 0, 0, 3])], {"mode": "reflect"}, "pad"),
    ("Pad", 17, [np.array([0, 1, 0, 2, 0, 0, 0, 3]), np.float32(0.3)], {}, "pad"),
    ("Pad", 18, [np.array([1, 2]), NONE, np.array([3])], {"mode": "edge"}, "pad"),
    ("Pad", 10, [], {"pads": [0, 0, 1, 0, 0, 0, 0, 1]}, "pad"),
    ("DepthToSpace", 17, [], {"blocksize": 2}, "pixel_shuffle"),
    ("DepthToSpace", 17, [], {"blocksize": 2, "mode": "CRD"}, "pixel_shuffle"),
    ("Einsum", 17, [RNG.normal(size=(8, 3))], {"equation": "bchw,ck->bkhw"}, "einsum"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("op", "opset", "inputs", "attrs", "kind"), CASES, ids=[f"{c[0]} {c[1]} {sorted(c[3])}" for c in CASES]
)
def test_the_formula_of_what_was_read(op: str, opset: int, inputs: list[Any], attrs: dict[str, Any], kind: str) -> None:
    trace, found = traced(op, opset, inputs, **attrs)
    assert found.kind == kind
    arrays = {role: trace.values[number] for role, number in zip(found.roles, found.inputs, strict=True)}
    result = evaluate(found.kind, {**arrays}, found.attrs)
    own = trace.values[found.outputs[0]]
    assert result.shape == own.shape
    np.testing.assert_allclose(result, own, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("op", "inputs", "attrs", "kind"),
    [
        ("Reshape", [np.array([0, -1])], {}, "reshape"), ("Flatten", [], {}, "flatten"),
        ("Transpose", [], {"perm": [0, 2, 3, 1]}, "permute"), ("Unsqueeze", [np.array([1])], {}, "unsqueeze"),
        ("Split", [], {"axis": 1}, "split"), ("Expand", [np.array([3, 1, 1, 1, 1])], {}, "expand"),
        ("Tile", [np.array([1, 2, 1, 1])], {}, "repeat"), ("Cast", [], {"to": TensorProto.FLOAT}, "cast"),
        ("Erf", [], {}, "erf"), ("Det", [], {}, "det"),
    ],
)  # fmt: skip
def test_what_has_no_formula_keeps_its_kind(op: str, inputs: list[Any], attrs: dict[str, Any], kind: str) -> None:
    _, found = traced(op, 17, inputs, (2, 8, 5, 5), **attrs)
    assert (found.kind, found.roles) == (kind, ("x",))


def test_layers_by_their_weights() -> None:
    for turned in (0, 1):
        weight = RNG.normal(size=(4, 5) if turned else (5, 4))
        trace, found = traced("Gemm", 17, [weight, B[:4]], (3, 5), transB=turned)
        assert (found.kind, found.attrs["layout"]) == ("linear", "out_in" if turned else "in_out")
        assert trace.parameter(found.of("weight") or -1) == "c0.w"
    table = RNG.normal(size=(9, 3))
    node = helper.make_node("Gather", ["t.w", "x"], ["y"])
    values = [helper.make_tensor_value_info("x", TensorProto.INT64, [4])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "g", values, outputs, [numpy_helper.from_array(table.astype(np.float32), "t.w")])
    file: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    trace = Subject.alone(OnnxModel(file), np.array([1, 8, 0, 1]), 0).run(training=False)
    (found,) = trace.ops
    assert (found.kind, found.roles) == ("embedding", ("x", "weight"))
