"""Paddle layers as ONNX programs: exact in float64, with the names asked for, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.exchange.programs import Evaluator, doubled
from nlblocks.proof import sample
from nlblocks.specs import BlockSpec, CrissCrossAttention, EfficientChannelAttention, NonLocal, SpatialGate
from nlblocks.specs.inputs import joined, shape_of
from parity_tests.helpers.blocks import ONE_OF_EACH, built, example_inputs

onnx = pytest.importorskip("onnx")
paddle = pytest.importorskip("paddle")
pytest.importorskip("paddle2onnx")

from nlblocks_paddle import exporting  # noqa: E402  after the skips

# Some roundings of float64 in another order; what is held as float32 is 1e-9 away.
EXACT = 1e-14
# A float32 program beside the float64 model: its weights are the same, its sums are not.
SINGLE = 1e-5
# A float32 program made float64: an eps of 1e-5 was rounded to float32, and is small beside a variance.
HELD = 1e-10


class Net(paddle.nn.Layer):  # type: ignore[misc]  # Paddle's layers are untyped here
    """A user's layer: a linear map, and then any formula."""

    def __init__(self, formula: Callable[[Any], Any], dtype: str = "float64") -> None:
        super().__init__()
        self.linear = paddle.nn.Linear(4, 4)
        self.dropout = paddle.nn.Dropout(0.5)
        self.formula = formula
        self.to(dtype=dtype)

    def forward(self, x: Any) -> Any:
        return self.formula(self.dropout(self.linear(x)))


def numbers(x: Any) -> Any:
    """Python numbers on either side of every operation."""
    x = (0.9 - (x * 0.1 + 0.3) / 3.1 - 0.7) * 2.3
    return 1.7 / (x * x + 1.1) + x**2 + 1.2**x + paddle.scale(x, 0.3, 0.7, bias_after_scale=False)


def attributes(x: Any) -> Any:
    """What holds a double beside its tensors: a slope, an eps, a scale."""
    x = paddle.nn.functional.group_norm(paddle.nn.functional.leaky_relu(x, 0.25).reshape([-1, 2, 2, 1]), 2)
    return paddle.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")


def hidden(x: Any) -> Any:
    return paddle.where(x > 0, x, paddle.full_like(x, float("-inf"))).max(-1)


def halved(x: Any) -> Any:
    return x.astype("float32").astype("float64") / 2


def inverted(x: Any) -> Any:
    return x.erfinv()


def undefined(x: Any) -> Any:
    return x.no_such_method()


def both(x: Any) -> Any:
    return {"twice": x * 2, "none": None, "parts": (x + 1, x - 1)}


def furthest(model: Any, feeds: dict[str, Any], expected: list[Any]) -> float:
    """The largest difference of a program's outputs, relative to the largest value."""
    onnx.checker.check_model(model, full_check=True)
    found = Evaluator(model).run(feeds).values()
    return max(
        float(np.abs(array - tensor.numpy()).max() / np.abs(tensor.numpy()).max())
        for array, tensor in zip(found, expected, strict=True)
    )


def results(spec: BlockSpec, *xs: Any) -> list[Any]:
    """Output and maps of the block in float64."""
    block = built(spec, "paddle", "float64")
    block.eval()
    tensors = [paddle.to_tensor(x) for x in xs]
    if not spec.attention_shapes(shape_of(joined(xs))):
        return [block(*tensors)]
    output, maps = block(*tensors, return_attention=True)
    return [output, *(maps.values() if isinstance(maps, dict) else [maps])]


def exported(spec: BlockSpec, dtype: str, *xs: Any, **how: Any) -> Any:
    maps = list(spec.attention_shapes(shape_of(joined(xs))))
    block = built(spec, "paddle", dtype)
    return exporting.exported(block, xs, names=spec.inputs, outputs=["output", *maps], attention=bool(maps), **how)


@pytest.mark.parametrize("spec", ONE_OF_EACH)
def test_a_block_is_exact_in_float64(spec: BlockSpec) -> None:
    spec = spec.deterministic()
    xs = example_inputs(spec)
    feeds = dict(zip(spec.inputs, xs, strict=True))
    assert furthest(exported(spec, "float64", *xs), feeds, results(spec, *xs)) <= EXACT


@pytest.mark.parametrize("spec", [NonLocal(in_channels=6), SpatialGate(), CrissCrossAttention(in_channels=6)])
def test_a_block_in_float32_and_what_float64_makes_of_it(spec: BlockSpec) -> None:
    x = sample.random_array(spec.example_shape(), 0, "x")
    model = exported(spec, "float32", x)
    assert furthest(model, {"x": x.astype("float32")}, results(spec, x)) <= SINGLE
    assert furthest(doubled(model), {"x": x}, results(spec, x)) <= HELD


@pytest.mark.parametrize(
    "spec", [NonLocal(in_channels=6, sub_sample="after"), SpatialGate(), CrissCrossAttention(in_channels=6)]
)
def test_open_axes_take_any_extent(spec: BlockSpec) -> None:
    shape = spec.example_shape()
    axes = {0: "batch", 2: "height", 3: "width"}
    model = exported(spec, "float64", sample.random_array(shape, 0, "x"), dynamic=[axes])
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["batch", shape[1], "height", "width"]
    for more in (0, 1, 2):
        x = sample.random_array((1 + more, shape[1], shape[2] + more, shape[3] + 2 * more), 1, "x")
        assert furthest(model, {"x": x}, results(spec, x)) <= EXACT


def test_names_are_those_asked_for_and_of_the_state_dict() -> None:
    spec = NonLocal(in_channels=6)
    block = built(spec, "paddle", "float64")
    x = sample.random_array(spec.example_shape(), 0, "x")
    graph = exporting.exported(block, [x], names=["image"], outputs=["z", "map"], attention=True).graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["image", "z", "map"]
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert held.keys() == block.state_dict().keys()
    for name, tensor in block.state_dict().items():
        np.testing.assert_array_equal(held[name], tensor.numpy())


@pytest.mark.parametrize("opset", [11, 13, exporting.OPSETS[-1]])
def test_the_opset_asked_for_is_written(opset: int) -> None:
    spec = EfficientChannelAttention(in_channels=6)
    x = sample.random_array(spec.example_shape(), 0, "x")
    model = exported(spec, "float64", x, opset=opset)
    assert [entry.version for entry in model.opset_import] == [opset]
    assert furthest(model, {"x": x}, results(spec, x)) <= EXACT


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_users_numbers_are_exact(dtype: str) -> None:
    net = Net(numbers, dtype)
    x = sample.random_array((3, 4), 0, "x").astype(dtype)
    model = exporting.exported(net, [x], names=["x"], outputs=["y"], dynamic=[{0: "n"}])
    net.eval()
    assert furthest(model, {"x": x}, [net(paddle.to_tensor(x))]) <= (EXACT if dtype == "float64" else SINGLE)


@pytest.mark.parametrize("formula", [attributes, hidden])
def test_attributes_that_paddle_holds_as_doubles_are_read(formula: Any) -> None:
    net = Net(formula)
    net.eval()
    x = sample.random_array((3, 4), 0, "x")
    model = exporting.exported(net, [x], names=["x"], outputs=["y"])
    assert furthest(model, {"x": x}, [net(paddle.to_tensor(x))]) <= HELD


def test_a_cast_of_the_users_own_stays() -> None:
    net = Net(halved)
    net.eval()
    x = sample.random_array((3, 4), 0, "x")
    model = exporting.exported(net, [x], names=["x"], outputs=["y"])
    y = Evaluator(model).run({"x": x})["y"]
    np.testing.assert_array_equal(y, net(paddle.to_tensor(x)).numpy())
    np.testing.assert_array_equal(y, y.astype("float32"))


def test_outputs_are_taken_out_of_what_a_layer_gives() -> None:
    net = Net(both)
    net.eval()
    x = sample.random_array((3, 4), 0, "x")
    model = exporting.exported(net, [x], names=["x"], outputs=["a", "b", "c"])
    y = net.linear(paddle.to_tensor(x))
    assert furthest(model, {"x": x}, [y * 2, y + 1, y - 1]) <= EXACT
    with pytest.raises(InputError, match=r"^Net gives 3 tensors, and 1 outputs are named$"):
        exporting.exported(net, [x], names=["x"], outputs=["a"])


def test_a_layer_stays_as_it_was() -> None:
    net = Net(numbers)
    net.dropout.eval()
    exporting.exported(net, [np.zeros((3, 4))], names=["x"], outputs=["y"])
    assert (net.training, net.linear.training, net.dropout.training) == (True, True, False)
    assert paddle.scale is paddle.tensor.math.scale


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        (inverted, "^Net: paddle2onnx cannot export it: it has no erfinv$"),
        (undefined, "^Net: paddle.jit.save cannot make a static program of it: .*no_such_method'$"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_the_next_is_not(formula: Any, said: str) -> None:
    x = np.zeros((3, 4))
    with pytest.raises(InputError, match=said):
        exporting.exported(Net(formula), [x], names=["x"], outputs=["y"])
    assert exporting.exported(Net(numbers), [x], names=["x"], outputs=["y"]).graph.node


def test_an_opset_that_cannot_be_is_refused() -> None:
    spec = EfficientChannelAttention(in_channels=6, padding_mode="circular", kernel_size=3)
    x = sample.random_array(spec.example_shape(), 0, "x")
    with pytest.raises(InputError, match=r"cannot export it: it needs opset 19; 17 is asked for$"):
        exported(spec, "float64", x, opset=17)
    with pytest.raises(InputError, match="writes opsets 7 to 21, not 22"):
        exported(spec, "float64", x, opset=22)
    assert exported(spec, "float64", x).opset_import[0].version == 19  # where none is asked for it goes as far


def test_without_the_exporter_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"not installed: pip install --no-deps paddle2onnx$"):
        exporting.exported(Net(numbers), [np.zeros((3, 4))], names=["x"], outputs=["y"])


class Recurrent(paddle.nn.Layer):  # type: ignore[misc]
    """Without gates: paddle2onnx leaves it out."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = paddle.nn.SimpleRNN(4, 3)

    def forward(self, x: Any) -> Any:
        return self.rnn(x)[0]


def test_an_operator_that_is_left_out_without_a_word_is_said() -> None:
    with pytest.raises(InputError, match=r"paddle2onnx writes nothing for .*rnn"):
        exporting.exported(Recurrent(), [np.ones((2, 5, 4), np.float32)], names=["x"], outputs=["y"])
