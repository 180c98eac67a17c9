"""A block of several inputs goes into a model: it takes what its site has and what other modules give."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.specs import AsymmetricFusionNonLocal, NonLocal
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.plug_worlds import SHAPE, Paddle, Torch, X, assert_same, residual_net, snapshot

FUSION = AsymmetricFusionNonLocal(low_channels=6, high_channels=8, pool_sizes=(1, 3), zero_init=False)
LOW = {"low": "layer1"}


@pytest.fixture(params=[Torch, Paddle], ids=["torch", "paddle"])
def world(request: pytest.FixtureRequest, require: Require) -> Torch:
    require(request.param.name)
    return request.param()


def fused(world: Torch, where: Any = "after") -> tuple[Any, Any]:
    model = residual_net(world)
    block = nlblocks.insert(model, "layer2.1", FUSION, where, inputs=LOW, example=SHAPE, seed=3)
    model.eval()
    return model, block


@pytest.mark.parametrize("where", ["after", "before"])
def test_the_block_gets_what_its_site_has_and_what_the_other_module_gives(world: Torch, where: Any) -> None:
    model, block = fused(world, where)
    plain = residual_net(world)
    world.load(plain, {name: value for name, value in model.state_dict().items() if "asymmetric" not in name})
    plain.eval()
    low = plain.layer1(plain.stem(world.tensor(X)))
    high = plain.layer2[0](low)
    high = block(low, plain.layer2[1](high)) if where == "after" else plain.layer2[1](block(low, high))
    expected = (plain.heads[0](high) + plain.heads[1](high)[:, :2]).detach().numpy()
    for _ in range(2):  # what was kept of the first call is not there for the second
        assert np.array_equal(world.call(model), expected)
    assert not np.array_equal(world.call(plain), expected)


def test_copies_keep_what_is_their_own(world: Torch) -> None:
    model, _ = fused(world)
    twin, before = copy.deepcopy(model), world.call(model)
    inner = twin.layer2[1].asymmetric_fusion_non_local
    nlblocks.load_state(inner, {name: array * 2 for name, array in nlblocks.state_of(inner).items()})
    assert not np.array_equal(world.call(twin), before)
    assert np.array_equal(world.call(model), before)


def test_threads_do_not_see_each_others_tensors(world: Torch) -> None:
    model, _ = fused(world)
    xs = [X + index for index in range(4)]
    expected = [world.call(model, x) for x in xs]
    kept = next(hook for hook in getattr(model.layer1, world.after_hooks).values() if type(hook).__name__ == "Kept")
    kept.outputs[get_ident()] = "of this thread"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: world.call(model, x), xs * 4))
    assert kept.outputs == {get_ident(): "of this thread"}
    assert all(np.array_equal(one, other) for one, other in zip(found, expected * 4, strict=True))


def test_gradients_reach_both_inputs(world: Torch) -> None:
    model, block = fused(world)
    model(world.tensor(X)).sum().backward()
    assert all(np.abs(np.array(p.grad.numpy())).max() > 0 for p in (block.key.conv.weight, block.query.conv.weight))


def test_a_block_replaces_a_module_of_as_many_inputs(world: Torch) -> None:
    class Mix(world.base):  # type: ignore[name-defined]
        def forward(self, low: Any, high: Any) -> Any:
            return high + low.mean()

    class Net(world.base):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.low, self.high, self.mix = world.conv(3, 6, 1), world.conv(3, 8, 3), Mix()

        def forward(self, x: Any) -> Any:
            return self.mix(self.low(x), self.high(x))

    model = Net()
    block = nlblocks.insert(model, "mix", FUSION, "replace", example=SHAPE)
    assert model.mix is block
    model.eval()
    x = world.tensor(X)
    expected = block(model.low(x), model.high(x)).detach().numpy()
    assert np.array_equal(world.call(model), expected)


def test_torch_pickles_compiles_and_exports_it(require: Require) -> None:
    require("torch")
    import torch

    world = Torch()
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 1), torch.nn.Conv2d(6, 8, 1)).eval()
    nlblocks.insert(model, "1", FUSION, inputs={"low": "0"}, example=SHAPE)
    expected, x = world.call(model), torch.tensor(X)
    assert np.array_equal(world.call(pickle.loads(pickle.dumps(model))), expected)
    torch._dynamo.reset()
    for program in (torch.compile(model, backend="eager", fullgraph=True), torch.export.export(model, (x,)).module()):
        assert np.abs(world.call(program) - expected).max() <= 1e-6 * np.abs(expected).max()


def test_paddle_makes_it_static(require: Require) -> None:
    require("paddle")
    import paddle

    model, _ = fused(Paddle())
    expected = model(paddle.to_tensor(X)).numpy()
    static = paddle.jit.to_static(model, full_graph=True)
    assert np.abs(static(paddle.to_tensor(X)).numpy() - expected).max() <= 1e-6 * np.abs(expected).max()


WRONG = [
    ("layer2.1", FUSION, {}, r"takes 2 inputs, \(low, high\): say which modules give all but one, such as inputs="),
    ("layer2.1", FUSION, {"inputs": {"low": "layer1", "high": "stem"}}, "say which modules give all but one"),
    ("layer2.1", FUSION, {"inputs": {"lower": "layer1"}}, "has no input 'lower'; it has 'low', 'high'"),
    ("layer2.1", FUSION, {"inputs": ["layer1"]}, "must name a module for each input"),
    ("layer2.1", FUSION, {"inputs": {"low": 3}}, "must name a module for each input"),
    ("layer2.1", FUSION, {"inputs": {"low": "layer3"}}, "inputs: Net has no module 'layer3'; the nearest are 'layer"),
    ("layer2.1", FUSION, {"inputs": LOW, "where": "replace"}, "gets what the module got that it replaces: leave"),
    ("layer2.1", NonLocal(in_channels=8), {"inputs": LOW}, "NonLocal takes one input: leave inputs out"),
    ("layer2.1", FUSION, {"inputs": {"low": "stem"}, "where": "before", "example": (2, 3, 9)}, "fails on the example"),
    ("layer2.1", FUSION, {"inputs": {"low": "layer2.0"}, "example": SHAPE}, "'layer2.1'.*has 8 channels; it must"),
    ("layer2.1", FUSION, {"inputs": {"low": "unused"}, "example": SHAPE}, "called 1 times on the example, and 'unu"),
    ("layer1.0", AsymmetricFusionNonLocal(low_channels=6, high_channels=6), {"inputs": {"low": "layer1.1"},
     "example": SHAPE}, "needs a tensor of layer1.1 before each of its calls, which has not run"),
    ("layer2", FUSION, {"inputs": LOW}, "is a Sequential, a container .*; insert at one of them, such as layer2.1$"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[3][:32])
def test_errors_are_one_line_and_change_nothing(world: Torch, case: Any) -> None:
    path, spec, options, message = case
    model = residual_net(world)
    before = snapshot(world, model)
    with pytest.raises(nlblocks.InputError, match=message) as caught:
        nlblocks.insert(model, path, spec, **options)
    assert "\n" not in str(caught.value)
    assert_same(snapshot(world, model), before)


def test_many_at_once_are_refused(world: Torch) -> None:
    with pytest.raises(
        nlblocks.InputError, match=r"^insert_all: AsymmetricFusionNonLocal takes 2 inputs; insert puts it in$"
    ):
        nlblocks.insert_all(residual_net(world), "layer2.*", FUSION, example=SHAPE)
