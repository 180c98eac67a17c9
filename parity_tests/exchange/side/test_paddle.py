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
