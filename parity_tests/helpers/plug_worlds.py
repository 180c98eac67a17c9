"""The models that blocks are plugged into, written once for torch and Paddle."""

from __future__ import annotations

from typing import Any

import numpy as np

SHAPE = (2, 3, 9, 7)
X = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


class Torch:
    """What the tests need of a framework, and the models that they plug into."""

    name = "torch"

    def __init__(self) -> None:
        import torch

        self.nn, self.framework = torch.nn, torch
        self.base, self.conv, self.list = torch.nn.Module, torch.nn.Conv2d, torch.nn.ModuleList
        self.after_hooks, self.before_hooks = "_forward_hooks", "_forward_pre_hooks"

    def relu(self, x: Any) -> Any:
        return self.framework.relu(x)

    def tensor(self, array: Any) -> Any:
        return self.framework.tensor(array)

    def call(self, model: Any, x: Any = X) -> Any:
        with self.framework.no_grad():
            return model(self.tensor(x)).numpy()

    def paths(self, model: Any) -> list[str]:
        return [name for name, _ in model.named_modules()]

    def modules(self, model: Any) -> list[Any]:
        return list(model.modules())

    def load(self, model: Any, state: Any) -> list[str]:
        missing, unexpected = model.load_state_dict(state, strict=False)
        assert not unexpected
        return missing


class Paddle(Torch):
    name = "paddle"

    def __init__(self) -> None:
        import paddle

        self.nn, self.framework = paddle.nn, paddle
        self.base, self.conv, self.list = paddle.nn.Layer, paddle.nn.Conv2D, paddle.nn.LayerList
        self.after_hooks, self.before_hooks = "_forward_post_hooks", "_forward_pre_hooks"

    def relu(self, x: Any) -> Any:
        return self.nn.functional.relu(x)

    def tensor(self, array: Any) -> Any:
        return self.framework.to_tensor(array)

    def paths(self, model: Any) -> list[str]:
        return ["", *(name for name, _ in model.named_sublayers())]

    def modules(self, model: Any) -> list[Any]:
        return model.sublayers(include_self=True)

    def load(self, model: Any, state: Any) -> list[str]:
        # Paddle warns of each missing name, and pytest makes warnings errors.
        lacking = [name for name in model.state_dict() if name not in state]
        missing, unexpected = model.set_state_dict({**state, **{n: model.state_dict()[n] for n in lacking}})
        assert not missing
        assert not unexpected
        return lacking


def residual_net(world: Torch) -> Any:
    """A stem and two stages of two blocks; the blocks of a stage have 6 and 8 channels."""

    class Unit(world.base):  # type: ignore[name-defined]
        def __init__(self, i: int, o: int) -> None:
            super().__init__()
            self.conv, self.skip = world.conv(i, o, 3, padding=1), world.conv(i, o, 1)

        def forward(self, x: Any) -> Any:
            return world.relu(self.conv(x) + self.skip(x))

    class Net(world.base):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.stem = world.conv(3, 6, 1)
            self.layer1 = world.nn.Sequential(Unit(6, 6), Unit(6, 6))
            self.layer2 = world.nn.Sequential(Unit(6, 8), Unit(8, 8))
            self.heads = world.list([world.conv(8, 2, 1), world.conv(8, 3, 1)])
            self.unused = world.conv(8, 8, 1)

        def forward(self, x: Any) -> Any:
            x = self.layer2(self.layer1(self.stem(x)))
            return self.heads[0](x) + self.heads[1](x)[:, :2]

    return Net()


def snapshot(world: Torch, model: Any) -> Any:
    """Everything an insertion could change."""
    hooks = [(len(getattr(m, world.after_hooks)), len(getattr(m, world.before_hooks))) for m in world.modules(model)]
    state = {name: np.array(value.detach().numpy()) for name, value in model.state_dict().items()}
    modes = [m.training for m in world.modules(model)]
    return world.paths(model), list(map(id, world.modules(model))), hooks, state, modes


def assert_same(left: Any, right: Any) -> None:
    assert left[:3] == right[:3]
    assert left[4] == right[4]
    assert list(left[3]) == list(right[3])
    assert all(np.array_equal(a, right[3][name]) for name, a in left[3].items())
