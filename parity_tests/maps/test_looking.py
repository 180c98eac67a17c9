"""The maps that are drawn are the blocks' own, wherever in a model the blocks are, and the same in every backend."""

from __future__ import annotations

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.maps import looking
from nlblocks.maps.looking import Viewer
from nlblocks.numerics import distance, tolerance
from nlblocks.proof import sample
from nlblocks.specs import (
    CBAM,
    ArticleDigitNet,
    AsymmetricFusionNonLocal,
    AttentionResNet,
    DigitNet,
    NonLocal,
    PositionAttention,
)
from nlblocks.specs.catalogue import EXAMPLES
from parity_tests.helpers.blocks import NATIVE, Require, built
from parity_tests.helpers.plug_worlds import SHAPE, Paddle, Torch, residual_net
from parity_tests.maps.views import holding, picture

BLOCK = NonLocal(in_channels=3, sub_sample="after", zero_init=False)
MAPPED = {spec.kind: spec for spec in reversed(EXAMPLES) if spec.map_layouts(spec.example_shape())}
"""The first example of each kind that has a map."""
ALONE = {kind: spec for kind, spec in MAPPED.items() if len(spec.inputs) == 1}
"""Those that a picture can be given to: the others have maps inside a model."""
HALF = 2.0**-5
"""A few roundings to bfloat16, which has 8 bits, before an exponential."""


def pictured(spec):
    """A picture of a spec's example shape, and a state at which no softmax is saturated."""
    shape = spec.example_shape()
    return picture(channels=shape[1], size=shape[2:]), sample.random_state(spec, seed=0)


@pytest.mark.parametrize("kind", sorted({*nlblocks.kinds()} - {*MAPPED}))
def test_a_block_without_a_map_says_so(kind: str) -> None:
    assert "no attention map" in " ".join((nlblocks.specs.spec_type(kind).__doc__ or "").split())


def test_a_block_of_several_inputs_is_no_model_for_a_picture() -> None:
    spec = MAPPED["object_attention"]
    with pytest.raises(
        InputError, match=r"^ObjectAttention does not take .*: ObjectAttention takes 2 inputs, .*; received 1$"
    ):
        Viewer(built(spec, "reference")).look(picture(channels=spec.in_channels, size=(4, 6)))


@pytest.mark.parametrize("world", [Torch, Paddle], ids=NATIVE)
def test_inside_a_model_the_maps_of_such_a_block_are_seen(world: type[Torch], require: Require) -> None:
    require(world.name)
    model = residual_net(world())
    spec = AsymmetricFusionNonLocal(low_channels=6, high_channels=8, pool_sizes=(1, 3))
    nlblocks.insert(model, "layer2.1", spec, inputs={"low": "layer1"}, example=SHAPE)
    layers, _ = Viewer(model).look(picture(channels=3, size=SHAPE[2:]))
    assert [layer.name for layer in layers] == [f"layer2.1.{spec.kind} (region {index})" for index in range(1, 11)]
    assert sum(layer.values for layer in layers) == pytest.approx(np.ones(SHAPE[2:]), abs=1e-6)


@pytest.mark.parametrize("spec", ALONE.values(), ids=ALONE)
def test_every_backend_sees_the_same(spec, require: Require) -> None:
    require(*NATIVE)
    spec = spec.deterministic()
    x, state = pictured(spec)
    seen = {}
    for backend in (*NATIVE, "reference"):
        layers, notes = Viewer(built(spec, backend, state=state)).look(x)
        assert all("regions are shown" in note for note in notes)
        seen[backend] = {layer.name: layer.values for layer in layers}
        assert all(layer.values.shape == layer.layout.shape for layer in layers)
    for backend in NATIVE:
        assert list(seen[backend]) == list(seen["reference"])
        for name, values in seen[backend].items():
            assert distance(values, seen["reference"][name]) <= tolerance.MODEL_LIMIT, name


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("spec", [BLOCK, CBAM(in_channels=3, ratio=1)], ids=["one map", "two maps"])
def test_a_block_inside_a_model_shows_its_own_maps(backend: str, spec, require: Require) -> None:
    require(backend)
    model, x = holding(backend, spec), picture()
    block = nlblocks.build(spec, backend=backend, dtype="float64")
    nlblocks.load_state(block, sample.random_state(spec, seed=0))
    maps = nlblocks.run(block, x.values[None], return_attention=True).attention
    layers, _ = Viewer(model).look(x)
    expected = maps if isinstance(maps, dict) else {"": maps}
    assert [layer.name for layer in layers] == [".".join(filter(None, ("body.0.0", name))) for name in expected]
    for layer, values in zip(layers, expected.values(), strict=True):
        assert np.array_equal(layer.values.ravel(), values.ravel())


@pytest.mark.parametrize("backend", NATIVE)
def test_each_call_of_a_block_has_its_maps(backend: str, require: Require) -> None:
    require(backend)
    model, x = holding(backend, BLOCK, times=2), picture()
    model.train()
    layers, _ = Viewer(model).look(x)
    assert [layer.name for layer in layers] == ["body.0.0", "body.0.0 (call 2)"]
    once, _ = Viewer(holding(backend, BLOCK)).look(x)
    assert np.array_equal(layers[0].values, once[0].values)
    assert distance(layers[1].values, once[0].values) > tolerance.CEILING
    assert model.training
    assert [layer.name for layer in Viewer(model).look(x, ["body.0.0 (call 2)"])[0]] == ["body.0.0 (call 2)"]
    assert len(Viewer(model).look(x, ["body"])[0]) == 2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_maps_of_half_precision_are_kept_in_more(dtype: nlblocks.backend.DType, require: Require) -> None:
    require("torch")
    (layer,), _ = Viewer(built(BLOCK, "torch", dtype)).look(picture())
    (exact,), _ = Viewer(built(BLOCK, "torch")).look(picture())
    assert layer.values.dtype == np.float32
    assert distance(layer.values, exact.values) <= HALF


def test_layers_are_picked_by_name(require: Require) -> None:
    require("torch")
    viewer = Viewer(built(DigitNet(dropout=0.0), "torch"))
    x = picture(channels=1, size=(28, 28))
    assert [layer.name for layer in viewer.look(x, ["nl_2"])[0]] == ["nl_2"]
    with pytest.raises(InputError, match=r"no layer 'nl_3', 'n'; there are 'nl_1', 'nl_2'"):
        viewer.look(x, ["nl_3", "nl_1", "n"])


def test_what_cannot_be_looked_at_is_said_in_one_line(require: Require) -> None:
    require("torch")
    import torch

    with pytest.raises(InputError, match="Conv2d holds no block of the library, so it has no maps"):
        Viewer(torch.nn.Conv2d(3, 3, 1))
    with pytest.raises(InputError, match=r"torch.nn.Module or a paddle.nn.Layer, received int"):
        Viewer(3)
    with pytest.raises(InputError, match=r"AttentionResNet makes no map on x$"):
        Viewer(nlblocks.build(AttentionResNet(width=4), backend="torch")).look(picture())
    with pytest.raises(InputError, match=r"DigitNet does not take x of 3×12×16 \(C×H×W\): .*it must have 1"):
        Viewer(nlblocks.build(DigitNet(), backend="torch")).look(picture())
    with pytest.raises(InputError, match=r"Model does not take x of 1×12×16 \(C×H×W\): .*channels"):
        Viewer(holding("torch", BLOCK)).look(picture(channels=1))
    idle = torch.nn.ModuleDict({"used": torch.nn.Identity(), "block": built(BLOCK, "torch")})
    idle.forward = lambda x: idle["used"](x)
    with pytest.raises(InputError, match="ModuleDict makes no map on x: of its blocks, 'block', none that it calls"):
        Viewer(idle).look(picture())
    named = torch.nn.ModuleDict({"block": built(BLOCK, "torch")})
    named.forward = lambda x: named["block"](x=x)
    with pytest.raises(InputError, match="block: its input comes by keyword"):
        Viewer(named).look(picture())
    broken = built(BLOCK, "torch")
    with torch.no_grad():
        broken.theta.weight[0] = torch.nan
    with pytest.raises(InputError, match="attention on x: the map holds NaN"):
        Viewer(broken).look(picture())


def test_positions_that_are_no_images_are_left_out(require: Require) -> None:
    require("torch")
    import torch

    tokens = NonLocal(in_channels=3, dims=1)
    model = torch.nn.Module()
    model.tokens, model.flat = built(tokens, "torch"), built(BLOCK, "torch")
    model.forward = lambda x: model.tokens(model.flat(x).flatten(2))
    layers, notes = Viewer(model).look(picture())
    assert [layer.name for layer in layers] == ["flat"]
    assert notes == ["tokens is left out: its positions have 1 extents, not an image's two"]
    with pytest.raises(InputError, match="tokens is left out"):
        Viewer(model).look(picture(), ["tokens"])


def test_a_map_that_no_memory_holds_is_not_asked_for(require: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    require("torch")
    monkeypatch.setattr(looking, "MOST", 192 * 48 - 1)
    with pytest.raises(InputError, match=r"attention on x: a map of 9,216 entries, more than the 9,215"):
        Viewer(built(BLOCK, "torch")).look(picture())
    monkeypatch.setattr(looking, "MOST", 192 * 48)
    assert Viewer(built(BLOCK, "torch")).look(picture())


def test_a_shared_block_is_looked_at_once(require: Require) -> None:
    require("torch")
    import torch

    block = built(PositionAttention(in_channels=3), "torch")
    model = torch.nn.Sequential(block, block)
    assert [layer.name for layer in Viewer(model).look(picture())[0]] == ["0", "0 (call 2)"]


def test_a_network_of_the_catalogue_can_be_a_part_of_a_model(require: Require) -> None:
    require("torch")
    import torch

    net = built(ArticleDigitNet(image_size=8, width=2, hidden=4, dropout=0.0), "torch")
    model = torch.nn.Sequential(torch.nn.Identity(), net)
    x = picture(channels=1, size=(8, 8))
    (inside,), _ = Viewer(model).look(x)
    (alone,), _ = Viewer(net).look(x)
    assert (inside.name, alone.name) == ("1.nl", "nl")
    assert np.array_equal(inside.values, alone.values)
