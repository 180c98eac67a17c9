"""Blocks go into models that are not ours: nothing else changes, and nothing at all on an error."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.specs import NonLocal
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.plug_worlds import SHAPE, Paddle, Torch, X, assert_same, residual_net, snapshot


@pytest.fixture(params=[Torch, Paddle], ids=["torch", "paddle"])
def world(request: pytest.FixtureRequest, require: Require) -> Torch:
    require(request.param.name)
    return request.param()


@pytest.mark.parametrize("where", ["after", "before"])
@pytest.mark.parametrize("path", ["layer2.0", "stem", "layer1", "heads.1"])
@pytest.mark.parametrize("training", [True, False])
def test_identity_at_init_and_names_stay(world: Torch, path: str, where: Any, training: bool) -> None:
    model = residual_net(world)
    model.train() if training else model.eval()
    old, before = dict(model.state_dict()), world.call(model)
    channels = {"after": {"layer2.0": 8, "stem": 6, "layer1": 6, "heads.1": 3}}
    channels["before"] = {"layer2.0": 6, "stem": 3, "layer1": 6, "heads.1": 8}
    block = nlblocks.insert(model, path, NonLocal(in_channels=channels[where][path]), where, example=SHAPE)

    assert np.array_equal(world.call(model), before)
    assert block.training == training
    new = [name for name in model.state_dict() if name not in old]
    assert set(old) <= set(model.state_dict())
    assert new
    assert all(name.startswith(f"{path}.non_local.") for name in new)
    assert sorted(world.load(model, old)) == sorted(new)  # an old checkpoint loads, and lacks the block alone

    nlblocks.load_state(block, nlblocks.state_of(block) | {"norm.weight": np.ones(channels[where][path])})
    assert not np.array_equal(world.call(model), before)  # the block does run


def test_place_of_the_block(world: Torch) -> None:
    """By value: each block is a 1×1 map here, so the composed model can be written out."""
    for where, path in (("after", "layer2.0"), ("before", "layer2.1"), ("after", "layer1"), ("before", "layer2")):
        model = residual_net(world)
        channels = 8 if path.startswith("layer2.") else 6
        block = nlblocks.insert(model, path, NonLocal(in_channels=channels, zero_init=False), where, seed=3)
        model.eval()
        plain = residual_net(world)
        world.load(plain, {name: value for name, value in model.state_dict().items() if "non_local" not in name})
        plain.eval()
        x = plain.stem(world.tensor(X))
        x = plain.layer1[1](plain.layer1[0](x))
        if path in ("layer1", "layer2"):
            x = block(x)
        x = plain.layer2[0](x)
        if path.startswith("layer2."):
            x = block(x)
        x = plain.layer2[1](x)
        expected = plain.heads[0](x) + plain.heads[1](x)[:, :2]
        assert np.array_equal(world.call(model), expected.detach().numpy()), path


@pytest.mark.parametrize("path", ["layer2.1", "layer2"])
@pytest.mark.parametrize("where", ["after", "before"])
def test_a_later_block_lies_outside(world: Torch, path: str, where: Any) -> None:
    model = residual_net(world)
    order: list[int] = []
    for seed in (0, 1):
        channels = 8 if where == "after" or path == "layer2.1" else 6
        block = nlblocks.insert(model, path, NonLocal(in_channels=channels), where, example=SHAPE)
        world_hook = "register_forward_hook" if world.name == "torch" else "register_forward_post_hook"
        getattr(block, world_hook)(lambda *_, seed=seed: order.append(seed))
    order.clear()  # the dry run of the second insertion called the first block
    world.call(model)
    assert order == ([0, 1] if where == "after" else [1, 0])
    assert f"{path}.non_local_2" in world.paths(model)


def test_replace(world: Torch) -> None:
    model = residual_net(world)
    block = nlblocks.insert(model, "layer2.1", NonLocal(in_channels=8), "replace", example=SHAPE)
    assert model.layer2[1] is block
    assert "layer2.1.g.weight" in model.state_dict()
    assert "layer2.1.conv.weight" not in model.state_dict()
    example = world.tensor(X)  # a tensor of the framework will do
    other = nlblocks.insert(model, "layer2.1", NonLocal(in_channels=8, mode="gaussian"), "replace", example=example)
    assert model.layer2[1] is other
    assert world.call(model).shape == (2, 2, 9, 7)


def test_dtype_of_the_site_and_seed(world: Torch) -> None:
    model = residual_net(world)
    model.to(dtype=world.framework.float64)
    spec = NonLocal(in_channels=6)
    block = nlblocks.insert(model, "layer1.0", spec, seed=5, example=SHAPE)
    state = nlblocks.state_of(block)
    assert all(array.dtype == np.float64 for array in state.values())
    alone = nlblocks.state_of(nlblocks.build(spec, backend=world.name, seed=5, dtype="float64"))
    assert all(np.array_equal(array, alone[name]) for name, array in state.items())


def test_copies_call_their_own_block(world: Torch) -> None:
    model = residual_net(world)
    nlblocks.insert(model, "layer2.0", NonLocal(in_channels=8, zero_init=False))
    nlblocks.insert(model, "layer2.1", NonLocal(in_channels=8, zero_init=False), "before")
    model.eval()
    twin = copy.deepcopy(model)
    before = world.call(model)
    assert np.array_equal(world.call(twin), before)
    for unit, name in ((twin.layer2[0], "non_local"), (twin.layer2[1], "non_local")):
        nlblocks.load_state(getattr(unit, name), {k: v * 2 for k, v in nlblocks.state_of(getattr(unit, name)).items()})
    assert np.array_equal(world.call(model), before)
    assert not np.array_equal(world.call(twin), before)


def test_hooks_pickle(require: Require) -> None:
    require("torch")
    import torch

    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.Conv2d(4, 4, 1)).eval()
    nlblocks.insert(model, "0", NonLocal(in_channels=4, zero_init=False), example=SHAPE)
    nlblocks.insert(model, "1", NonLocal(in_channels=4, zero_init=False), "before", example=SHAPE)
    twin = pickle.loads(pickle.dumps(model))
    assert torch.equal(twin(torch.tensor(X)), model(torch.tensor(X)))
    traced = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(traced(torch.tensor(X)), model(torch.tensor(X)))


def test_paddle_to_static(require: Require) -> None:
    require("paddle")
    import paddle

    model = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 1), paddle.nn.Conv2D(4, 4, 1))
    model.eval()
    nlblocks.insert(model, "0", NonLocal(in_channels=4, zero_init=False), example=SHAPE)
    nlblocks.insert(model, "1", NonLocal(in_channels=4, zero_init=False), "before", example=SHAPE)
    expected = model(paddle.to_tensor(X)).numpy()
    static = paddle.jit.to_static(model, full_graph=True)
    assert np.abs(static(paddle.to_tensor(X)).numpy() - expected).max() <= 1e-6 * np.abs(expected).max()


def test_the_block_trains(world: Torch) -> None:
    model = residual_net(world)
    block = nlblocks.insert(model, "layer2.0", NonLocal(in_channels=8))
    model.train()
    optimiser = world.framework.optim.SGD(model.parameters(), lr=0.1) if world.name == "torch" else None
    if optimiser is None:
        optimiser = world.framework.optimizer.SGD(0.1, parameters=model.parameters())
    before = nlblocks.state_of(block)
    (model(world.tensor(X)) ** 2).mean().backward()
    optimiser.step()
    after = nlblocks.state_of(block)
    assert not np.array_equal(before["norm.weight"], after["norm.weight"])
    assert not np.array_equal(before["norm.running_mean"], after["norm.running_mean"])


def own_container(world: Torch) -> Any:
    class Stack(world.list):  # type: ignore[name-defined]
        def forward(self, x: Any) -> Any:
            for module in self:
                x = module(x)
            return x

    return world.nn.Sequential(Stack([world.conv(3, 4, 1)]), world.conv(4, 4, 1))


def child_reader(world: Torch) -> Any:
    class Reader(world.base):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.a = world.conv(3, 4, 1)

        def forward(self, x: Any) -> Any:
            for module in self.children():
                x = module(x)
            return x

    return world.nn.Sequential(Reader(), world.conv(4, 4, 1))


def two_outputs(world: Torch) -> Any:
    class Pair(world.base):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.a = world.conv(3, 4, 1)

        def forward(self, x: Any) -> Any:
            return self.a(x), x

    class First(world.base):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.pair = Pair()

        def forward(self, x: Any) -> Any:
            return self.pair(x)[0]

    return First()


def ours(world: Torch) -> Any:
    return nlblocks.build(nlblocks.specs.DigitNet(), backend=world.name)


FOUR, EIGHT = NonLocal(in_channels=4), NonLocal(in_channels=8)
WRONG: list[tuple[Any, str, Any, dict[str, Any], str]] = [
    (
        residual_net,
        "layer2.7",
        EIGHT,
        {},
        r"no module 'layer2.7'; the nearest are 'layer2.1', 'layer2.0', 'layer2'$",
    ),
    (residual_net, "", EIGHT, {}, "has no module ''"),
    (residual_net, "zzz", EIGHT, {}, "it has 'stem', 'layer1', 'layer2', 'heads', 'unused'"),
    (residual_net, "layer2.0", FOUR, {"example": SHAPE}, "layer2.0.*has 8 channels; it must have 4"),
    (residual_net, "layer2.0", FOUR, {"example": X}, "layer2.0.*has 8 channels; it must have 4"),
    (residual_net, "layer2", FOUR, {"example": X, "where": "before"}, "'layer2'.*has 6 channels; it must have 4"),
    (residual_net, "stem", FOUR, {"example": X, "where": "replace"}, "'stem'.*has 3 channels; it must have 4"),
    (residual_net, "stem", NonLocal(in_channels=3), {"example": X, "where": "replace"}, "gives .* where .* must come"),
    (residual_net, "unused", EIGHT, {"example": SHAPE}, "'unused' is not called on the example"),
    (residual_net, "layer2.0", EIGHT, {"where": "around"}, "where='around' must be one of 'after', 'before'"),
    (residual_net, "layer2.0", "non_local", {}, "spec must be a block spec"),
    (residual_net, "layer2.0", EIGHT, {"example": (2, 5, 9, 7)}, r"Net fails on the example of shape \(2, 5, 9, 7\)"),
    (residual_net, "layer2.0", EIGHT, {"example": (2, 3, 0, 7)}, "an extent below 1"),
    (residual_net, "heads", EIGHT, {}, "is a (Module|Layer)List, a container that runs its children itself"),
    (own_container, "0", FOUR, {"example": SHAPE}, "is a Stack, a container that runs its children itself"),
    (child_reader, "0", FOUR, {"example": SHAPE}, "'0' is called 1 times and a block there 2 times"),
    (two_outputs, "pair", FOUR, {"example": SHAPE}, "'pair' does not return one tensor"),
    (ours, "conv_1", NonLocal(in_channels=32), {}, r"'conv_1' is in an nlblocks DigitNet \(at ''\)"),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case[0].__name__}-{case[1]}-{case[4][:24]}")
def test_errors_are_one_line_and_change_nothing(world: Torch, case: Any) -> None:
    make, path, spec, options, message = case
    model = make(world)
    before = snapshot(world, model)
    with pytest.raises(nlblocks.InputError, match=message) as caught:
        nlblocks.insert(model, path, spec, **options)
    assert "\n" not in str(caught.value)
    assert_same(snapshot(world, model), before)


def test_a_tuple_is_refused_when_it_comes(world: Torch) -> None:
    model = two_outputs(world)
    nlblocks.insert(model, "pair", FOUR)
    with pytest.raises(nlblocks.InputError, match="Pair returns a tuple; non_local after it needs a tensor"):
        world.call(model)


def test_inserted_blocks_are_not_sites(world: Torch) -> None:
    model = residual_net(world)
    nlblocks.insert(model, "layer2.0", EIGHT)
    for path in ("layer2.0.non_local", "layer2.0.non_local.g"):
        with pytest.raises(nlblocks.InputError, match=r"at 'layer2\.0\.non_local'"):
            nlblocks.insert(model, path, EIGHT)
    convolutions = re.compile(r".*\.(conv|skip|g|theta|w_z)")
    expected = [f"layer{stage}.{index}.{name}" for stage in (1, 2) for index in (0, 1) for name in ("conv", "skip")]
    assert nlblocks.insert_all(model, convolutions, EIGHT, example=SHAPE) == expected


def test_our_own_networks_are_fixed_by_their_spec(world: Torch) -> None:
    model = ours(world)
    before = snapshot(world, model)
    with pytest.raises(nlblocks.InputError, match=r"'conv_1' is in an nlblocks DigitNet \(at ''\)"):
        nlblocks.insert_all(model, "conv_?", EIGHT, example=(2, 1, 28, 28))
    assert_same(snapshot(world, model), before)


def test_not_a_model() -> None:
    with pytest.raises(nlblocks.InputError, match=r"insert: model must be a torch.nn.Module .* received list"):
        nlblocks.insert([], "0", EIGHT)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("layer?.*", ["layer1.0", "layer1.1", "layer2.0", "layer2.1"]),
        ("layer2.0.conv", ["layer2.0.conv"]),
        ("Unit", ["layer1.0", "layer1.1", "layer2.0", "layer2.1"]),
        (re.compile(r"layer\d\.1"), ["layer1.1", "layer2.1"]),
        (lambda path, module: path.endswith("skip"), [f"layer{n}.{i}.skip" for n in (1, 2) for i in (0, 1)]),
    ],
)
def test_insert_all(world: Torch, match: Any, expected: list[str]) -> None:
    model = residual_net(world)
    before = world.call(model)
    assert nlblocks.insert_all(model, match, NonLocal(in_channels=1), example=SHAPE, seed=4) == expected
    assert np.array_equal(world.call(model), before)
    for index, path in enumerate(expected):
        shape = tuple(model.state_dict()[f"{path}.non_local.g.weight"].shape)
        channels = 6 if path.startswith("layer1") else 8
        assert shape == (channels // 2, channels, 1, 1)
        spec = NonLocal(in_channels=channels)
        alone = nlblocks.state_of(nlblocks.build(spec, backend=world.name, seed=4 + index))
        assert np.array_equal(model.state_dict()[f"{path}.non_local.g.weight"].numpy(), alone["g.weight"])


def test_insert_all_with_a_function_of_channels(world: Torch) -> None:
    model = residual_net(world)
    seen: list[int] = []

    def spec(channels: int) -> NonLocal:
        seen.append(channels)
        return NonLocal(in_channels=channels, inter_channels=2)

    nlblocks.insert_all(model, "layer2.*", spec, "before", example=X)
    assert seen == [6, 8]


@pytest.mark.parametrize(
    ("match", "spec", "message"),
    [
        ("layer9.*", EIGHT, "picks no module of Net; its classes: 'Conv2"),
        ("layer2.*", lambda channels: NonLocal(in_channels=6), "'layer2.0'.*has 8 channels; it must have 6"),
        ("layer?.*", lambda channels: EIGHT, "'layer1.0'.*has 6 channels"),
        (re.compile("unused|stem"), EIGHT, "'unused' is not called"),
        (re.compile("heads|stem"), EIGHT, "'heads' is not called"),
        ("layer2.*", lambda channels: None, "got None"),
        ("layer2.*", nlblocks.specs.DigitNet(), "has 9 extents|has extents"),
        (3, EIGHT, "match=3 must be a glob"),
        (object, EIGHT, "must be a glob"),
    ],
)
def test_insert_all_is_all_or_nothing(world: Torch, match: Any, spec: Any, message: str) -> None:
    model = residual_net(world)
    before = snapshot(world, model)
    with pytest.raises(nlblocks.InputError, match=message) as caught:
        nlblocks.insert_all(model, match, spec, example=SHAPE)
    assert "\n" not in str(caught.value)
    assert_same(snapshot(world, model), before)


def test_a_failure_at_the_second_site_undoes_the_first(world: Torch) -> None:
    inner = child_reader(world)
    model = world.nn.Sequential(world.conv(3, 3, 1), inner)
    before = snapshot(world, model)
    with pytest.raises(nlblocks.InputError, match="a block there 2 times"):
        nlblocks.insert_all(model, re.compile(r"0|1\.0"), EIGHT, example=SHAPE)
    assert_same(snapshot(world, model), before)


def test_a_shared_module_gets_one_block(world: Torch) -> None:
    shared = world.conv(3, 3, 1)
    model = world.nn.Sequential(shared, shared)
    assert nlblocks.insert_all(model, "*", NonLocal(in_channels=1), example=SHAPE) == ["0"]


def test_adapter(world: Torch) -> None:
    class Turned(world.base):  # type: ignore[name-defined]
        def __init__(self, block: Any, cut: int = 0) -> None:
            super().__init__()
            self.block, self.cut = block, cut

        def forward(self, x: Any) -> Any:
            x = x.transpose(-1, -2) if world.name == "torch" else x.transpose([0, 1, 3, 2])
            x = self.block(x)[:, :, self.cut :]
            return x.transpose(-1, -2) if world.name == "torch" else x.transpose([0, 1, 3, 2])

    model = residual_net(world)
    before = snapshot(world, model)
    with pytest.raises(nlblocks.InputError, match=r"the adapted block maps .* it must map"):
        nlblocks.insert(model, "layer2.0", EIGHT, example=SHAPE, adapter=lambda block: Turned(block, 1))
    assert_same(snapshot(world, model), before)
    output = world.call(model)
    nlblocks.insert(model, "layer2.0", EIGHT, example=SHAPE, adapter=Turned)
    assert "layer2.0.non_local.block.g.weight" in model.state_dict()
    assert np.array_equal(world.call(model), output)
