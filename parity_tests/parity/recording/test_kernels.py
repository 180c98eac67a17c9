"""What Paddle's and torch's kernels hold as float32, as measured, and that a float64 run computes it as it was given.

Each row: a function of the framework, the same in plain operators of torch, and the kernels that hold a constant. The
kernel alone is off by what float32 rounds; as the lab runs it, it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import paddle.nn.functional as PF  # noqa: E402
import torch.nn.functional as TF  # noqa: E402

from nlblocks.parity.recording.options import RunOptions, output_gradient  # noqa: E402
from nlblocks.parity.running import Subject  # noqa: E402

EXACT = 1e-13
"""What float64 makes of one operation and its gradient, relative to the largest value."""


class TorchFunction(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


class PaddleFunction(paddle.nn.Layer):  # type: ignore[misc]
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


@dataclass(frozen=True)
class Row:
    """A function, what it is in plain operators, the kernel that holds a constant, and the shape of its input."""

    function: Callable[..., Any]
    plain: Callable[..., Any]
    kernel: str
    shape: tuple[int, ...] = (40,)


def _elu(x: Any, alpha: float) -> Any:
    return torch.where(x > 0, x, alpha * torch.expm1(x))


def _resized(mode: str, **options: Any) -> Row:
    """torch resizes exactly."""
    dims = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}[mode]
    layout, own = ("NCW", "NCHW", "NCDHW")[dims - 1], {k: v for k, v in options.items() if k != "data_format"}
    theirs = {k: tuple(v) if isinstance(v, list) else v for k, v in own.items()}
    return Row(
        lambda x: PF.interpolate(x, mode=mode, data_format=layout, **own),
        lambda x: TF.interpolate(x, mode=mode, **theirs), f"{mode}_interp", (2, 3, 6, 7, 5)[: dims + 2],
    )  # fmt: skip


def _norm(x: Any, eps: float, axes: tuple[int, ...]) -> Any:
    return (x - x.mean(axes, True)) / torch.sqrt(x.var(axes, unbiased=False, keepdim=True) + eps)


def _batch_norm(x: Any, training: bool) -> Any:
    mean, var = (make([6], dtype=x.dtype) for make in (paddle.zeros, paddle.ones))
    return PF.batch_norm(x, mean, var * 0.3, training=training, epsilon=9e-4)


def _label_smoothing(x: Any) -> Any:
    return PF.cross_entropy(x, paddle.to_tensor([1, 0, 4, 2]), label_smoothing=0.1)


PADDLE = {
    "hardsigmoid": Row(PF.hardsigmoid, lambda x: TF.relu6(x + 3) / 6, "hardsigmoid"),
    "hardsigmoid 0.2": Row(lambda x: PF.hardsigmoid(x, 0.2), lambda x: (0.2 * x + 0.5).clamp(0, 1), "hardsigmoid"),
    "hardsigmoid 0.3": Row(lambda x: PF.hardsigmoid(x, 0.25, 0.3), lambda x: (x / 4 + 0.3).clamp(0, 1), "hardsigmoid"),
    "hardtanh": Row(lambda x: PF.hardtanh(x, -0.3, 0.7), lambda x: x.clamp(-0.3, 0.7), "hardtanh"),
    "elu": Row(lambda x: PF.elu(x, 0.3), lambda x: _elu(x, 0.3), "elu"),
    "elu in place": Row(lambda x: PF.elu_(x * 1.0, 0.3), lambda x: _elu(x, 0.3), "elu"),
    "celu": Row(lambda x: PF.celu(x, 0.3), lambda x: _elu(x / 0.3, 1.0) * 0.3, "celu"),
    "selu": Row(PF.selu, lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772), "selu"),
    "rrelu": Row(lambda x: PF.rrelu(x, 0.1, 0.3, training=False), lambda x: torch.where(x >= 0, x, 0.2 * x), "rrelu"),
    "softshrink": Row(lambda x: PF.softshrink(x, 0.3), lambda x: TF.softshrink(x, 0.3), "softshrink"),
    "thresholded_relu": Row(
        lambda x: PF.thresholded_relu(x, 0.3, 0.7), lambda x: torch.where(x > 0.3, x, 0 * x + 0.7), "thresholded_relu"
    ),
    "dropout": Row(
        lambda x: PF.dropout(x, 0.2, training=False, mode="downscale_in_infer"), lambda x: x * (1 - 0.2), "dropout",
        (4, 5),
    ),
    "stanh": Row(paddle.stanh, lambda x: 1.7159 * torch.tanh(0.67 * x), "stanh"),
    "pow": Row(lambda x: paddle.pow(x * x + 1, 2.1), lambda x: torch.pow(x * x + 1, 2.1), "pow"),
    "**": Row(lambda x: (x * x + 1) ** 2.1, lambda x: torch.pow(x * x + 1, 2.1), "pow"),
    "norm 3": Row(lambda x: paddle.norm(x, 3, 1), lambda x: torch.pow((x.abs() ** 3).sum(1), 1 / 3), "p_norm", (4, 5)),
    "dist 3": Row(lambda x: paddle.dist(x, 2 * x.flip(0), 3), lambda x: torch.dist(x, 2 * x.flip(0), 3), "dist"),
    "addmm": Row(
        lambda x: paddle.addmm(x, x, x, beta=0.3, alpha=0.7), lambda x: 0.3 * x + 0.7 * (x @ x), "addmm", (4, 4)
    ),
    "label_smooth": Row(lambda x: PF.label_smooth(x, epsilon=0.1), lambda x: 0.9 * x + 0.1 / 5, "label_smooth", (4, 5)),
    "cross_entropy": Row(
        _label_smoothing, lambda x: TF.cross_entropy(x, torch.tensor([1, 0, 4, 2]), label_smoothing=0.1),
        "label_smooth", (4, 5),
    ),
    "smooth_l1": Row(
        lambda x: PF.smooth_l1_loss(x, paddle.zeros_like(x), delta=0.3),
        lambda x: TF.huber_loss(x, torch.zeros_like(x), delta=0.3), "huber_loss",
    ),
    "local_response_norm": Row(
        lambda x: PF.local_response_norm(x, 3, 0.01, 0.7, 1.1), lambda x: TF.local_response_norm(x, 3, 0.01, 0.7, 1.1),
        "pow", (2, 6, 4, 4),
    ),
    "layer_norm": Row(
        lambda x: PF.layer_norm(x, [6], epsilon=9e-4), lambda x: _norm(x, 9e-4, (1,)), "layer_norm", (4, 6)
    ),
    "instance_norm": Row(
        lambda x: PF.instance_norm(x, eps=9e-4), lambda x: _norm(x, 9e-4, (2, 3)), "instance_norm", (2, 6, 4, 3)
    ),
    "batch_norm": Row(
        lambda x: _batch_norm(x, True), lambda x: _norm(x, 9e-4, (0, 2, 3)), "batch_norm", (2, 6, 4, 3)
    ),
    "batch_norm fixed": Row(
        lambda x: _batch_norm(x, False), lambda x: x / torch.sqrt(torch.tensor(0.3, dtype=x.dtype) + 9e-4),
        "batch_norm", (2, 6, 4, 3),
    ),
    "avg_pool": Row(
        lambda x: PF.avg_pool2d(x, 3, 2, 1), lambda x: TF.avg_pool2d(x, 3, 2, 1, count_include_pad=False), "pool2d",
        (2, 3, 7, 6),
    ),
    "avg_pool ceil": Row(
        lambda x: PF.avg_pool1d(x, 3, 2, ceil_mode=True), lambda x: TF.avg_pool1d(x, 3, 2, ceil_mode=True), "pool2d",
        (2, 3, 8),
    ),
    "avg_pool 3": Row(lambda x: PF.avg_pool3d(x, 3), lambda x: TF.avg_pool3d(x, 3), "pool3d", (2, 3, 6, 6, 6)),
    "adaptive_avg_pool": Row(
        lambda x: PF.adaptive_avg_pool2d(x, 3), lambda x: TF.adaptive_avg_pool2d(x, 3), "pool2d", (2, 3, 7, 8)
    ),
    "lp_pool": Row(
        lambda x: PF.lp_pool2d(x * x + 1, 3.0, 3), lambda x: TF.lp_pool2d(x * x + 1, 3.0, 3), "lp_pool2d", (2, 3, 6, 9)
    ),
    "linear": _resized("linear", scale_factor=1.7),
    "bilinear": _resized("bilinear", size=[11, 13]),
    "bilinear aligned": _resized("bilinear", scale_factor=2.3, align_corners=True),
    "bicubic": _resized("bicubic", scale_factor=[0.6, 1.3]),
    "bicubic aligned": _resized("bicubic", scale_factor=1.7, align_corners=True),
    "trilinear": _resized("trilinear", size=[7, 9, 11], align_corners=True),
}  # fmt: skip
TORCH = {
    "hardsigmoid": Row(TF.hardsigmoid, lambda x: TF.relu6(x + 3) / 6, "hardsigmoid"),
    "hardsigmoid in place": Row(
        lambda x: TF.hardsigmoid(x * 1.0, inplace=True), lambda x: TF.relu6(x + 3) / 6, "hardsigmoid"
    ),
    "celu": Row(lambda x: TF.celu(x, 0.3), lambda x: _elu(x / 0.3, 1.0) * 0.3, "celu"),
}
CLEAR = 1e-12
"""A kernel that holds a constant as float32 is off by more than this: eps by the least."""


def off(found: Any, wanted: Any) -> float:
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(found, wanted, strict=True))


def alone(function: Callable[..., Any], x: Any, framework: str = "torch") -> tuple[Any, Any]:
    """What a function gives outside the lab, and the gradient of its argument."""
    tensor = torch.tensor(x, requires_grad=True) if framework == "torch" else paddle.to_tensor(x, stop_gradient=False)
    result = function(tensor)
    sent = output_gradient("", result.shape, "float64", RunOptions(inputs=()))
    (result * (torch.tensor(sent) if framework == "torch" else paddle.to_tensor(sent))).sum().backward()
    return result.detach().numpy(), tensor.grad.numpy()


@pytest.mark.parametrize("name", [f"paddle {name}" for name in PADDLE] + [f"torch {name}" for name in TORCH])
def test_a_float64_run_computes_what_a_kernel_rounds(name: str) -> None:
    framework, _, rest = name.partition(" ")
    row = (PADDLE if framework == "paddle" else TORCH)[rest]
    model = (PaddleFunction if framework == "paddle" else TorchFunction)(row.function)
    x = np.random.default_rng(0).normal(size=row.shape) * 1.5
    wanted = alone(row.plain, x)
    trace = Subject.alone(model, x, 0).tracer.run(model, {}, inputs=(x,), training=True, backward=True)
    assert not trace.error
    assert row.kernel in trace.held
    assert off((trace.output(""), trace.grad_inputs["0"]), wanted) < EXACT
    paddle.set_default_dtype("float64")
    try:
        assert CLEAR < off(alone(row.function, x, framework), wanted) < 1e-5
    finally:
        paddle.set_default_dtype("float32")


@pytest.mark.parametrize(
    ("function", "places"),
    [
        (lambda x: PF.hardsigmoid(x, 0.2, 0.5), (-2.5, 2.5)),
        (PF.hardsigmoid, (-3.0, 3.0)),
        (lambda x: PF.hardtanh(x, -0.3, 0.5), (0.5, 1.0)),
        (lambda x: PF.elu(x, 0.3), (0.0, 1.0)),
        (lambda x: PF.celu(x, 0.3), (0.0, 1.0)),
        (PF.selu, (0.0, 1.0)),
        (lambda x: PF.rrelu(x, 0.1, 0.3, training=False), (0.0, 1.0)),
        (lambda x: paddle.pow(x, 2.1), (0.0, 1.0)),
        (lambda x: PF.smooth_l1_loss(x, paddle.zeros_like(x), delta=0.3), (0.0, 0.3)),
    ],
)
def test_a_kink_has_the_gradient_that_the_kernel_gives_it(function: Any, places: Any) -> None:
    x = np.array(places)
    model = PaddleFunction(function)
    trace = Subject.alone(model, x, 0).tracer.run(model, {}, inputs=(x,), training=True, backward=True)
    assert trace.held
    assert np.allclose(trace.grad_inputs["0"], alone(function, x, "paddle")[1], rtol=1e-6, atol=0)


def test_running_statistics_move_by_the_momentum_that_was_given() -> None:
    layer = paddle.nn.BatchNorm2D(3, momentum=0.7)
    x = np.random.default_rng(0).normal(size=(4, 3, 5, 5))
    tracer = Subject.alone(layer, x, 0).tracer
    after = tracer.run(layer, tracer.state(layer), inputs=(x,), training=True).buffers_after
    assert off([after["running_mean"]], [0.3 * x.mean((0, 2, 3))]) < EXACT
    assert off([after["running_var"]], [0.7 + 0.3 * x.var((0, 2, 3))]) < EXACT
    assert layer._variance.numpy().tolist() == [1.0] * 3


def test_one_value_a_channel_comes_back_as_the_kernel_gives_it() -> None:
    layer = paddle.nn.BatchNorm1D(3)
    x = np.random.default_rng(0).normal(size=(1, 3))
    tracer = Subject.alone(layer, x, 0).tracer
    trace = tracer.run(layer, tracer.state(layer), inputs=(x,), training=True)
    assert np.array_equal(trace.output(""), x)
    assert trace.buffers_after["running_mean"].tolist() == [0.0] * 3


def test_a_wrong_gradient_of_the_kernel_itself_is_not_mended() -> None:
    """Group normalisation without a scale: Paddle's input gradient is wrong by percents, in float32 too."""
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 7))
    model = PaddleFunction(lambda x: PF.group_norm(x, 3, 9e-4))
    trace = Subject.alone(model, x, 0).tracer.run(model, {}, inputs=(x,), training=True, backward=True)
    output, gradient = alone(lambda x: TF.group_norm(x, 3, eps=9e-4), x)
    assert off([trace.output("")], [output]) < EXACT
    assert off([trace.grad_inputs["0"]], [gradient]) > 1e-3


def test_a_kernel_that_is_a_public_function_is_seen() -> None:
    """Paddle's own attention multiplies by paddle.tensor.matmul, which is the kernel itself."""

    own = paddle.tensor.matmul
    model = PaddleFunction(lambda x: paddle.tensor.tanh(paddle.tensor.matmul(x, x)))
    x = np.eye(3)
    trace = Subject.alone(model, x, 0).tracer.run(model, {}, inputs=(x,), training=False, backward=False)
    assert [op.kind for op in trace.ops] == ["matmul", "tanh"]
    assert paddle.tensor.matmul is own
