"""Networks laid out as the Paddle blog's give their state to ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.proof.sample import random_array
from nlblocks.specs import AttentionResNet
from parity_tests.helpers.blocks import Require

BLOG_CALLS = ["EmbeddedGaussion", "EmbeddedGaussionNoBottleNeck", "VanillaGaussion", "DotProduction"]


@pytest.mark.parametrize("call", [None, *BLOG_CALLS])
def test_the_blogs_checkpoints_load(call: str | None, require: Require) -> None:
    """A network laid out as the blog's, with Paddle's own layers, gives its state to ours, and its outputs."""
    require("paddle")
    import paddle

    blog = nlblocks.dialects.get("paddle_blog")
    spec = blog.spec("ResNet") if call is None else blog.spec("ResNetNonLocal", block=call)
    assert isinstance(spec, AttentionResNet)
    inner = spec.attention
    assert (inner is None) == (call is None)
    theirs = blog_network(None if inner is None else nlblocks.build(inner, backend="paddle", seed=1))
    theirs.eval()
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    if inner is not None:  # our block stands in for the blog's, whose own parity has its golden files
        ours = [name for name in state if name.startswith("model.7.")]
        block = blog.from_canonical(inner, {name.removeprefix("model.7."): state.pop(name) for name in ours})
        state |= {f"model.7.{name}": value for name, value in block.items()}
    network = nlblocks.build(spec, backend="paddle")
    canonical = blog.to_canonical(spec, state)
    nlblocks.load_state(network, canonical)
    network.eval()
    x = paddle.to_tensor(random_array((2, 3, 64, 64), 0, "x").astype(np.float32))
    expected = theirs(x).numpy()
    assert np.abs(network(x).numpy() - expected).max() <= 1e-5 * np.abs(expected).max()
    back = blog.from_canonical(spec, canonical)
    assert set(back) == set(state)
    assert all(np.array_equal(back[name], state[name]) for name in state)


def blog_network(block: Any) -> Any:
    from paddle import nn
    from paddle.nn.functional import relu

    class Unit(nn.Layer):  # type: ignore[misc]
        def __init__(self, i: int, o: int, stride: int) -> None:
            super().__init__()
            first, second = nn.Conv2D(i, o, 3, stride=stride, padding=1), nn.Conv2D(o, o, 3, padding=1)
            self.model = nn.Sequential(first, nn.BatchNorm2D(o), nn.ReLU(), second, nn.BatchNorm2D(o))
            self.model_1x1 = nn.Sequential(nn.Conv2D(i, o, 1, stride=stride)) if i != o else nn.Identity()

        def forward(self, x: Any) -> Any:
            return relu(self.model_1x1(x) + self.model(x))

    class Holder(nn.Layer):  # type: ignore[misc]
        def __init__(self, *units: Any) -> None:
            super().__init__()
            self.model = nn.Sequential(*units)

        def forward(self, x: Any) -> Any:
            return self.model(x)

    def stage(i: int, o: int, count: int = 2) -> Any:
        return Holder(Unit(i, o, 1 if i == o else 2), *(Unit(o, o, 1) for _ in range(count - 1)))

    extra = [] if block is None else [block]
    parts = [nn.Conv2D(3, 64, 7, stride=2, padding=3), nn.BatchNorm2D(64), nn.ReLU(), nn.MaxPool2D(3, 2, 1)]
    parts += [stage(64, 64), stage(64, 128), stage(128, 256, 2 if extra else 3), *extra, stage(256, 512)]
    return Holder(*parts, nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(512, 10))


def test_the_blog_has_no_other_networks() -> None:
    blog = nlblocks.dialects.get("paddle_blog")
    with pytest.raises(nlblocks.InputError, match="it has no attention=None after stage 2"):
        blog.from_canonical(AttentionResNet(after_stage=2), {})
    with pytest.raises(nlblocks.InputError, match="block='NonLocal' must be one of 'EmbeddedGaussion'"):
        blog.spec("ResNetNonLocal", block="NonLocal")
