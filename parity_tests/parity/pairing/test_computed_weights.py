"""Weights that are computed before they are used: each parameter goes to the layer that computes with it, and is turned
as that layer's weight is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.pairing.pair import Pairing, pair  # noqa: E402
from nlblocks.parity.running import Subject  # noqa: E402

TF, PF = torch.nn.functional, paddle.nn.functional
Shapes = Mapping[str, list[int]]
Forward = Callable[[Any, Any], Any]
ROWS, IMAGE = (3, 5), (2, 3, 5, 5)


class Torch(torch.nn.Module):
    """Parameters, and what is computed with them; a "fc" or "conv" is a layer whose weight the forward takes."""

    def __init__(self, shapes: Shapes, forward: Forward) -> None:
        super().__init__()
        self.spelling = forward
        for name, shape in shapes.items():
            if name == "fc":
                self.fc = torch.nn.Linear(*shape)
            elif name == "conv":
                self.conv = torch.nn.Conv2d(*shape)
            else:
                setattr(self, name, torch.nn.Parameter(torch.randn(*shape)))

    def forward(self, x: Any) -> Any:
        return self.spelling(self, x)


class Paddle(paddle.nn.Layer):
    def __init__(self, shapes: Shapes, forward: Forward) -> None:
        super().__init__()
        self.spelling = forward
        for name, shape in shapes.items():
            if name == "fc":
                self.fc = paddle.nn.Linear(*shape)
            elif name == "conv":
                self.conv = paddle.nn.Conv2D(*shape)
            else:
                normal = paddle.nn.initializer.Normal()
                setattr(self, name, self.create_parameter(shape, default_initializer=normal))

    def forward(self, x: Any) -> Any:
        return self.spelling(self, x)


def standardised(library: Any) -> Forward:
    def forward(s: Any, x: Any) -> Any:
        w = s.conv.weight
        gap = w - w.mean((1, 2, 3), keepdim=True)
        w = gap / library.sqrt((gap * gap).mean((1, 2, 3), keepdim=True) + 1e-5)
        conv = TF.conv2d if library is torch else PF.conv2d
        return conv(x, w * s.gain.reshape((4, 1, 1, 1)), s.conv.bias)

    return forward


def own_batch_norm(s: Any, x: Any) -> Any:
    """As timm standardises weights: by a batch norm of the weight itself."""
    rows, gain = s.conv.weight.reshape(1, 4, -1), s.gain.view(-1)
    w = TF.batch_norm(rows, None, None, weight=gain, training=True, momentum=0.0, eps=1e-5)
    return TF.conv2d(x, w.reshape_as(s.conv.weight), s.conv.bias)


COMPUTED: dict[str, tuple[Any, Any, tuple[int, ...]]] = {
    "equalised": (
        ({"w": [5, 5], "b": [5]}, lambda s, x: TF.linear(x, s.w * 0.3, s.b * 0.1)),
        ({"weight": [5, 5], "bias": [5]}, lambda s, x: PF.linear(x, s.weight * 0.3, s.bias * 0.1)), ROWS,
    ),
    "low rank": (
        ({"fc": [5, 5], "a": [5, 5], "b": [5, 5]},
         lambda s, x: TF.linear(x, s.fc.weight + 2 * s.b @ s.a, s.fc.bias)),
        ({"fc": [5, 5], "a": [5, 5], "b": [5, 5]},
         lambda s, x: PF.linear(x, s.fc.weight + 2 * s.a @ s.b, s.fc.bias)), ROWS,
    ),
    "standardised": (
        ({"conv": [3, 4, 3], "gain": [4, 1, 1, 1]}, standardised(torch)),
        ({"conv": [3, 4, 3], "gain": [4]}, standardised(paddle)), IMAGE,
    ),
    "standardised by a norm": (
        ({"conv": [3, 4, 3], "gain": [4, 1, 1, 1]}, own_batch_norm),
        ({"gain": [4], "conv": [3, 4, 3]}, standardised(paddle)), IMAGE,
    ),
}  # fmt: skip


def nets(how: str) -> tuple[Any, Any, tuple[int, ...]]:
    left, right, shape = COMPUTED[how]
    torch.manual_seed(0)
    return Torch(*left), Paddle(*right), shape


def paired(left: Any, right: Any, shape: tuple[int, ...]) -> Pairing:
    return pair(*Subject.structures(*Subject.both(left, right, np.zeros(shape), 0), training=True))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("how", COMPUTED)
def test_a_computed_weight_is_its_layers(how: str, turned: bool) -> None:
    left, right, shape = nets(how)
    left, right = (right, left) if turned else (left, right)
    report = parity.compare(left, right, shape, training=False)
    assert report.verdict == "same", report
    moves = {row.role.partition(":")[0]: row.move for row in report.pairing.rows() if len(row.left_shape) == 2}
    assert set(moves.values()) <= {"transposed"}


@pytest.mark.parametrize("make", [torch.nn.utils.weight_norm, torch.nn.utils.parametrizations.weight_norm])
def test_the_length_and_direction_of_a_weight_are_each_others(make: Callable[..., Any]) -> None:
    with pytest.warns() if make is torch.nn.utils.weight_norm else nullcontext():
        left = torch.nn.Sequential(make(torch.nn.Linear(5, 5)))
    right = paddle.nn.Sequential(paddle.nn.utils.weight_norm(paddle.nn.Linear(5, 5), dim=1))
    report = parity.compare(left, right, ROWS, training=False)
    assert report.verdict == "same", report
    assert {(row.right, row.move) for row in report.pairing.rows()} == {
        ("0.weight_v", "transposed"), ("0.weight_g", "reshaped"), ("0.bias", ""),
    }  # fmt: skip
    wrong = paddle.nn.Sequential(paddle.nn.utils.weight_norm(paddle.nn.Linear(5, 5), dim=0))
    assert parity.compare(left, wrong, ROWS, training=False).verdict == "different"


def test_the_vectors_of_a_power_iteration_are_moved_too() -> None:
    left = torch.nn.Sequential(torch.nn.utils.spectral_norm(torch.nn.Linear(5, 4)))
    right = paddle.nn.Sequential(paddle.nn.utils.spectral_norm(paddle.nn.Linear(5, 4)))
    report = parity.compare(left, right, ROWS)
    assert report.verdict == "same", report
    names = report.pairing.names
    assert (names["0.weight_u"], names["0.weight_v"]) == ("0.weight_u", "0.weight_v")
    other = paddle.nn.Sequential(paddle.nn.utils.spectral_norm(paddle.nn.Linear(5, 4), dim=0))
    report = parity.compare(left, other, ROWS)
    assert report.verdict == "different"
    assert report.finding.cause == "parameters.shape"
    assert "weight_u" in report.finding.explanation
    assert report.finding.explanation.endswith("its dim")


def test_factors_in_the_wrong_order_are_a_fault() -> None:
    left, _, shape = nets("low rank")
    wrong = Paddle({"fc": [5, 5], "a": [5, 5], "b": [5, 5]},
                   lambda s, x: PF.linear(x, s.fc.weight + 2 * s.b @ s.a, s.fc.bias))  # fmt: skip
    assert parity.compare(left, wrong, shape, training=False).verdict == "different"


def beit(library: Any, empty: Callable[[Any], Any], names: str) -> Forward:
    """Attention whose bias is three parts, of which the middle is none, and whose map has a table's entries added."""
    q_name, v_name = names

    def forward(s: Any, x: Any) -> Any:
        q_bias, v_bias = getattr(s, q_name), getattr(s, v_name)
        bias = (torch.cat if library is torch else paddle.concat)([q_bias, empty(s), v_bias])
        qkv = (TF if library is torch else PF).linear(x, s.qkv.weight, bias)
        q, k, v = qkv[..., :6], qkv[..., 6:12], qkv[..., 12:]
        index = library.arange(16).reshape((4, 4)) % 7
        table = s.table[index.reshape((-1,))].reshape((4, 4))
        turned = k.transpose(1, 2) if library is torch else k.transpose((0, 2, 1))
        return s.fc(library.nn.functional.softmax(q @ turned + table, -1) @ v)

    return forward


def test_biases_in_parts_and_tables_are_found_through_all_that_lays_them_out() -> None:
    shapes: Shapes = {"table": [7], "a": [6], "b": [6], "fc": [6, 6]}
    left, right = (
        Torch(shapes, beit(torch, lambda s: s.none, "ab")),
        Paddle(shapes, beit(paddle, lambda s: paddle.zeros_like(s.a), "ba")),
    )
    left.register_buffer("none", torch.zeros(6), persistent=False)
    left.qkv, right.qkv = torch.nn.Linear(6, 18, bias=False), paddle.nn.Linear(6, 18, bias_attr=False)
    report = parity.compare(left, right, (2, 4, 6), rename={"a": "b", "b": "a"}, training=False)
    assert report.verdict == "same", report
    assert report.pairing.names["table"] == "table"
    report = parity.compare(left, right, (2, 4, 6), training=False)  # by their names they are exchanged
    assert report.verdict == "different", report


@pytest.mark.parametrize("turned", [False, True])
def test_a_bias_in_parts_is_a_whole_one_in_rows(turned: bool) -> None:
    def whole(s: Any, x: Any) -> Any:
        q, k, v = s.qkv(x).chunk(3, -1)
        return torch.softmax(q @ k.transpose(1, 2), -1) @ v

    def parts(s: Any, x: Any) -> Any:
        q, k, v = PF.linear(x, s.qkv.weight, paddle.concat([s.q, s.k, s.v])).chunk(3, -1)
        return PF.softmax(q @ k.transpose((0, 2, 1)), -1) @ v

    left, right = Torch({}, whole), Paddle({"v": [6], "k": [6], "q": [6]}, parts)
    left.qkv, right.qkv = torch.nn.Linear(6, 18), paddle.nn.Linear(6, 18, bias_attr=False)
    nets = (right, left) if turned else (left, right)
    report = parity.compare(*nets, (2, 4, 6))
    assert report.verdict == "same", report
    assert ("qkv.bias[12:18]", "v")[:: -1 if turned else 1] in report.pairing.names.items()


SCALES: dict[str, tuple[Forward, Forward]] = {
    "by unsqueeze": (
        lambda s, x: x + s.gamma.view(-1, 1, 1) * s.conv(x),
        lambda s, x: x + s.gamma.unsqueeze(-1).unsqueeze(-1) * s.conv(x),
    ),
    "after a permute": (
        lambda s, x: x + (s.conv(x).permute(0, 2, 3, 1) * s.gamma).permute(0, 3, 1, 2),
        lambda s, x: s.conv(x) * s.gamma.reshape((1, 3, 1, 1)) + x,
    ),
    "before it is needed": (
        lambda s, x: (lambda scale: x + s.conv(x) * scale)(s.gamma.reshape(1, -1, 1, 1).exp()),
        lambda s, x: x + s.conv(x) * s.gamma.exp().reshape((3, 1, 1)),
    ),
}


@pytest.mark.parametrize("how", SCALES)
def test_a_layers_scale_is_found_however_it_is_laid_out(how: str) -> None:
    shapes: Shapes = {"gamma": [3], "conv": [3, 3, 1]}
    left, right = Torch(shapes, SCALES[how][0]), Paddle(shapes, SCALES[how][1])
    assert parity.compare(left, right, IMAGE, training=False).verdict == "same"
    wrong = Paddle(shapes, lambda s, x: SCALES[how][1](s, x) + x * s.gamma.reshape((1, 3, 1, 1)))
    assert parity.compare(left, wrong, IMAGE, training=False).verdict == "different"


TABLES: dict[str, tuple[Any, Any]] = {
    "turned": (
        ({"pos": [1, 3, 5], "fc": [5, 5]}, lambda s, x: s.fc(x + s.pos)),
        ({"pos": [1, 5, 3], "fc": [5, 5]}, lambda s, x: s.fc(x + s.pos.transpose((0, 2, 1)))),
    ),
    "in one axis": (
        ({"pos": [1, 1, 3, 5], "fc": [5, 5]}, lambda s, x: s.fc(x + s.pos.reshape(1, 3, 5))),
        ({"pos": [15], "fc": [5, 5]}, lambda s, x: s.fc(x + s.pos.reshape((3, 5)))),
    ),
}


@pytest.mark.parametrize("how", TABLES)
def test_a_table_is_turned_where_nothing_else_fits(how: str) -> None:
    left, right = TABLES[how]
    report = parity.compare(Torch(*left), Paddle(*right), (2, 3, 5), training=False)
    assert report.verdict == "same", report


def test_a_reshape_that_happens_to_fit_is_refused() -> None:
    left = Torch({"pos": [1, 2, 6], "fc": [6, 3]}, lambda s, x: s.fc(x + s.pos))
    right = Paddle({"pos": [1, 3, 4], "fc": [6, 3]}, lambda s, x: s.fc(x + s.pos.reshape((1, 2, 6))))
    report = parity.compare(left, right, (2, 2, 6), training=False)
    assert report.finding.cause == "parameters.shape"
    assert "[1, 2, 6] on the left, [1, 3, 4] on the right" in report.finding.explanation
