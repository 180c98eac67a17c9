"""A block comes back from the file that it was exported to, in either framework, or is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

pytest.importorskip("torch")
pytest.importorskip("paddle")

import nlblocks
from nlblocks import specs
from nlblocks.errors import InputError
from nlblocks.exchange import export

SPECS = [
    specs.NonLocal(in_channels=6, mode="concatenation"),
    specs.SqueezeExcitation(in_channels=8, ratio=2, bias=True),
    specs.CBAM(in_channels=8, ratio=2),
]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("source", ["torch", "paddle"])
@pytest.mark.parametrize("target", ["torch", "paddle"])
def test_a_block_comes_back_with_its_weights(spec: specs.BlockSpec, source: str, target: str, tmp_path: Path) -> None:
    block = nlblocks.build(spec, backend=source, seed=7)
    export(block, tmp_path / "a.onnx")
    found = nlblocks.load(tmp_path / "a.onnx", backend=target)
    assert found.spec == spec
    own, other = nlblocks.state_of(block), nlblocks.state_of(found)
    assert own.keys() == other.keys()
    for name, value in own.items():
        np.testing.assert_array_equal(value, other[name])
        assert value.dtype == other[name].dtype


def spoilt(path: Path, **changes: Any) -> Path:
    model = onnx.load(path)
    entry = next(entry for entry in model.metadata_props if entry.key == "nlblocks")
    entry.value = json.dumps({**json.loads(entry.value), **changes})
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spec": None}, "no block's spec is in it"),
        ({"spec": {"kind": "nothing"}}, "nothing"),
        ({"weights": None}, "folded into each other"),
        ({"weights": {"conv.weight": ["gone", ""]}}, "folded into each other"),
        ({"weights": {}}, "is not in it; the file is damaged"),
        ({"weights": [1, 2]}, "folded into each other"),
    ],
)
def test_damaged_notes_are_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    export(specs.SpatialGate(kernel_size=3), tmp_path / "a.onnx", backend="torch")
    with pytest.raises(InputError, match=words):
        nlblocks.load(spoilt(tmp_path / "a.onnx", **changes), backend="torch")


def test_other_weights_than_were_exported_are_refused(tmp_path: Path) -> None:
    export(specs.SpatialGate(kernel_size=3), tmp_path / "a.onnx", backend="torch")
    model = onnx.load(tmp_path / "a.onnx")
    tensor = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float32(1), tensor.name))
    onnx.save(model, tmp_path / "a.onnx")
    with pytest.raises(InputError, match="SHA-256 is another"):
        nlblocks.load(tmp_path / "a.onnx", backend="torch")
