"""What exporters write is the model that it was made of: folded or not, by either exporter, fresh or trained."""

from __future__ import annotations

from typing import Any

import pytest

from nlblocks import parity
from nlblocks.exchange.side import OnnxModel
from parity_tests.helpers.onnx_files import exported

torch = pytest.importorskip("torch")
models = pytest.importorskip("parity_tests.helpers.onnx_models")


def same(left: Any, right: Any, shape: tuple[int, ...]) -> None:
    for pair in ((left, right), (right, left)):
        report = parity.compare(*pair, shape)
        assert report, str(report)


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("kind", models.SHAPES, ids=lambda kind: kind.__name__)
def test_by_the_old_exporter(kind: Any, folded: bool, trained: bool) -> None:
    model, shape = models.made(kind, trained=trained), models.SHAPES[kind]
    same(OnnxModel(exported(model, torch.randn(shape), folded=folded)), model, shape)


@pytest.mark.parametrize("kind", [models.UNet, models.Recurrent, models.ViT], ids=lambda kind: kind.__name__)
def test_by_the_new_exporter(kind: Any) -> None:
    model, shape = models.made(kind, trained=False), models.SHAPES[kind]
    same(OnnxModel(exported(model, torch.randn(shape), dynamo=True)), model, shape)


def test_a_bias_of_zeros_that_was_left_out_is_said() -> None:
    model, shape = models.made(models.Encoder, trained=False), models.SHAPES[models.Encoder]
    file = exported(model, torch.randn(shape), dynamo=True)
    report = parity.compare(OnnxModel(file), model, shape)
    assert "layer.self_attn.out_proj.bias on the right is zero, and left out on the other side" in str(report)
    with torch.no_grad():
        model.layer.self_attn.out_proj.bias += 0.1
    found = parity.compare(OnnxModel(file), model, shape).finding
    assert found is not None
    assert found.layer_right.startswith("layer.self_attn")
