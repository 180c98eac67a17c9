"""What paddle2onnx writes is the layer that it was made of: its numbers are no parameters, whatever it copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks import parity, specs
from nlblocks.exchange.side import OnnxModel

pytest.importorskip("paddle2onnx")


@pytest.mark.parametrize(
    "spec",
    [
        specs.SqueezeExcitation(in_channels=7, inter_channels=5, gate="hard_sigmoid", slope=0.2),
        specs.EfficientChannelAttention(in_channels=11, kernel_size=7, padding_mode="circular"),
        specs.CrissCrossAttention(in_channels=6, inter_channels=3),
    ],
)
def test_a_block_of_paddles_is_its_file(spec: specs.BlockSpec, require: Any) -> None:
    require("paddle")
    from nlblocks_paddle.exporting import exported

    block = nlblocks.build(spec, backend="paddle")
    block.eval()
    shape = spec.example_shape()
    file = exported(
        block, [np.ones(shape, np.float32)], names=["x"], outputs=["y"], opset=None, dynamic=[{}], attention=False
    )
    for other in (block, nlblocks.build(spec, backend="torch")):
        report = parity.compare(OnnxModel(file), other, shape)
        assert report, str(report)


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
@pytest.mark.parametrize("how", [{}, {"direction": "bidirect"}, {"num_layers": 2}])
def test_a_recurrent_network_of_paddles_is_its_file(name: str, how: dict[str, Any], require: Any) -> None:
    """Its weights are joined, cut and turned in the graph, and it starts from zeros that are written down."""
    require("paddle")
    import paddle

    from nlblocks_paddle.exporting import exported

    class Net(paddle.nn.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.rnn = getattr(paddle.nn, name)(8, 5, **how)
            self.last = paddle.nn.Linear(10 if "direction" in how else 5, 3)

        def forward(self, x: Any) -> Any:
            return self.last(self.rnn(x)[0][:, -1])

    net = Net()
    net.eval()
    x = np.ones((2, 6, 8), np.float32)
    report = parity.compare(OnnxModel(exported(net, [x], names=["x"], outputs=["y"])), net, x.shape)
    assert report, str(report)
