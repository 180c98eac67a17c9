"""Every kind of block goes into a ResNet-50 and takes the place of a MobileNetV3's gates, in both frameworks.

The kinds come from the catalogue: one that lands later is tried without a change here.
"""

from __future__ import annotations

import copy
import importlib.util
import runpy
from dataclasses import replace
from functools import cache
from typing import Any, get_type_hints

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.specs import BlockSpec
from nlblocks.specs.catalogue import EXAMPLES
from parity_tests.helpers.blocks import NATIVE, Require
from parity_tests.helpers.checkout import ROOT, python

SIZE = (1, 3, 32, 32)
X = np.random.default_rng(0).normal(size=SIZE).astype(np.float32)
SITES = "layer[12].1"
SHAPES = ((1, 256, 8, 8), (1, 512, 4, 4))
"""What those two sites of a ResNet-50 give, of an image of ``SIZE``."""
LARGER = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
GATES = ((1, 16, 16, 16), (1, 96, 4, 4), (1, 576, 2, 2))
"""What three of the gates of a MobileNetV3 get, of a larger one."""


def fits(spec: BlockSpec, shape: tuple[int, ...]) -> bool:
    """Whether a block, with the fields that an input fixes, keeps the shape of such an input."""
    try:
        return replace(spec, **spec.fixed(shape)).output_shape(shape) == shape
    except InputError:
        return False


@cache
def fitting(kind: str, shapes: tuple[tuple[int, ...], ...]) -> BlockSpec | None:
    """The first example of a kind that keeps the shapes of one image."""
    specs = (spec for spec in EXAMPLES if spec.kind == kind and len(spec.inputs) == 1)
    return next((spec for spec in specs if all(fits(spec, shape) for shape in shapes)), None)


EVERY = [kind for kind in nlblocks.kinds() if fitting(kind, SHAPES) is not None]
LEFT = [kind for kind in nlblocks.kinds() if kind not in EVERY]


@cache
def resnet(framework: str) -> tuple[Any, Any, Any]:
    """A ResNet-50, how it is called, and what it gives: torchvision's shape of it in torch, Paddle's own."""
    example = runpy.run_path(str(ROOT / "examples" / "insert_into_resnet.py"))
    model, forward = example[f"{framework}_model"]()
    return model, forward, forward(model, X)


@pytest.mark.parametrize("kind", LEFT)
def test_a_kind_that_is_left_out_cannot_stand_behind_a_module(kind: str) -> None:
    """It takes two inputs, or no image, or it gives another shape than it gets."""
    for spec in (spec for spec in EXAMPLES if spec.kind == kind):
        shape = spec.example_shape()
        image = len(spec.inputs) == 1 and len(shape) == 4 and spec.channel_axis == 1
        assert not image or spec.output_shape(shape) != shape


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("framework", NATIVE)
def test_every_block_goes_into_a_resnet(framework: str, kind: str, require: Require) -> None:
    """At its initialisation the output is the same, bit for bit, where the block alone is the identity; only there."""
    require(framework)
    model, forward, before = resnet(framework)
    model, spec = copy.deepcopy(model), fitting(kind, SHAPES)
    assert spec is not None
    names = set(model.state_dict())
    paths = nlblocks.insert_all(model, SITES, spec, example=SIZE)
    assert paths == ["layer1.1", "layer2.1"]
    tensors = {f"{path}.{kind}.{param.name}" for path in paths for param in spec.params()}
    assert {name for name in set(model.state_dict()) - names if "num_batches" not in name} == tensors

    alone = nlblocks.build(replace(spec, **spec.fixed(SHAPES[0])), backend=framework, seed=0).eval()
    x = np.random.default_rng(1).normal(size=SHAPES[0]).astype(np.float32)
    identity = np.array_equal(nlblocks.run(alone, x).output, x)
    assert np.array_equal(forward(model, X), before) == identity


def starts_as_identity(spec: BlockSpec) -> bool:
    """Whether a spec's zero_init is set, and its note says that this is the identity whatever the other fields are."""
    hints = get_type_hints(type(spec), include_extras=True)
    note = str(hints["zero_init"].__metadata__[0]) if "zero_init" in hints else ""
    return note.startswith("start as the identity") and bool(getattr(spec, "zero_init", False))


@pytest.mark.parametrize(
    "spec", [spec for spec in EXAMPLES if starts_as_identity(spec)], ids=nlblocks.specs.base.describe
)
def test_a_block_that_says_so_starts_as_the_identity(spec: BlockSpec) -> None:
    block = nlblocks.build(spec, backend="reference", seed=0, dtype="float64").eval()
    x = np.random.default_rng(1).normal(size=spec.example_shape())
    assert np.array_equal(nlblocks.run(block, x).output, x)


GATED = [kind for kind in EVERY if fitting(kind, GATES) is not None]


def test_any_gate_replaces_those_of_paddles_mobilenet(require: Require) -> None:
    require("paddle")
    import paddle

    model = paddle.vision.models.mobilenet_v3_small()
    model.eval()
    assert replaced(model, lambda net: net(paddle.to_tensor(LARGER)).numpy())


TORCHVISION = """
import torch
library = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
from torchvision.models import mobilenet_v3_small
from parity_tests.plug.test_every_block import LARGER, replaced
with torch.no_grad():
    assert replaced(mobilenet_v3_small().eval(), lambda net: net(torch.tensor(LARGER)).numpy())
"""


def test_any_gate_replaces_those_of_torchvisions_mobilenet(require: Require) -> None:
    require("torch")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    found = python("-c", TORCHVISION, cwd=ROOT)
    assert found.returncode == 0, found.stderr


def replaced(mobilenet: Any, forward: Any) -> list[str]:
    """The kinds that took the place of every SqueezeExcitation: each model still gives finite classes, other ones."""
    before, done, left = forward(mobilenet), [], []
    for kind in GATED:
        model, spec = copy.deepcopy(mobilenet), fitting(kind, GATES)
        assert spec is not None
        try:
            paths = nlblocks.insert_all(model, "SqueezeExcitation", spec, "replace", example=LARGER)
        except InputError:
            left.append(kind)
            continue
        output = forward(model)
        assert len(paths) == 9
        assert output.shape == before.shape
        assert np.isfinite(output).all(), kind
        assert not np.array_equal(output, before), kind
        done.append(kind)
    assert len(done) > 10 * len(left), left  # those whose heads or groups do not divide the channels of some gate
    return done
