"""Recurrent nodes of a file beside torch's networks: what the format has otherwise is told by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper, save_model  # noqa: E402

from nlblocks import parity  # noqa: E402
from nlblocks.exchange.side import OnnxModel  # noqa: E402

STEPS, BATCH, INPUT, HIDDEN = 4, 2, 3, 5
ORDER = {"GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2), "RNN": (0,)}
"""Where the format's gates lie in torch's weights."""


class Net(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.rnn = getattr(torch.nn, kind)(INPUT, HIDDEN)

    def forward(self, x: Any) -> Any:
        return self.rnn(x)[0]


def written(net: Net, kind: str, attrs: dict[str, Any], path: Path) -> OnnxModel:
    """A file with the weights of a network in a node of the format's."""

    def turned(name: str) -> Any:
        parts = np.split(net.rnn.get_parameter(f"{name}_l0").detach().numpy(), len(ORDER[kind]))
        return np.concatenate([parts[gate] for gate in ORDER[kind]])[None]

    weights = {"W": turned("weight_ih"), "R": turned("weight_hh"), "axes": np.array([1])}
    weights["B"] = np.concatenate([turned("bias_ih"), turned("bias_hh")], 1)
    nodes = [
        helper.make_node(kind, ["x", "W", "R", "B"], ["y"], name="/rnn/network", hidden_size=HIDDEN, **attrs),
        helper.make_node("Squeeze", ["y", "axes"], ["out"]),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [STEPS, BATCH, extent])]
        for name, extent in (("x", INPUT), ("out", HIDDEN))
    ]
    held = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "network", *ends, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save_model(model, path / "network.onnx")
    return OnnxModel(path / "network.onnx")


@pytest.mark.parametrize(
    ("kind", "attrs", "expected"),
    [
        ("GRU", {"linear_before_reset": 1}, []),
        ("LSTM", {}, []),
        ("GRU", {}, ["rnn.reset"]),
        ("GRU", {"linear_before_reset": 1, "direction": "reverse"}, ["rnn.direction"]),
        ("LSTM", {"direction": "reverse"}, ["rnn.direction"]),
        ("RNN", {"direction": "reverse"}, ["rnn.direction"]),
    ],
)
def test_what_the_format_has_otherwise_is_told(kind: str, attrs: Any, expected: Any, tmp_path: Path) -> None:
    net = Net(kind)
    model = written(net, kind, attrs, tmp_path)
    report = parity.compare(net, model, (STEPS, BATCH, INPUT), training=False, transfer=False)
    assert [finding.cause for finding in report.faults] == expected, report
