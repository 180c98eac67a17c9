"""Whole networks are specs like any block: they agree, they train in either framework, and a fault in one is found."""

from __future__ import annotations

import importlib
import json
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.proof import sample
from nlblocks.specs import ArticleDigitNet, AttentionResNet, ChannelAffinity, NonLocal
from nlblocks.specs.catalogue import EXAMPLES
from parity_tests.helpers.blocks import BACKENDS, Require

NETWORKS = [spec for spec in EXAMPLES if isinstance(spec, AttentionResNet | ArticleDigitNet)]
SMALL = AttentionResNet(width=4, attention=NonLocal(in_channels=16))


def identify(spec: Any) -> str:
    inner = getattr(spec, "attention", None)
    return f"{spec.kind}-{'none' if inner is None else f'{inner.kind}-{inner.mode}'}"


@pytest.mark.parametrize("spec", NETWORKS, ids=identify)
def test_json_and_one_initialisation(spec: Any, require: Require) -> None:
    require("torch", "paddle")
    assert nlblocks.spec_from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    states = [nlblocks.state_of(nlblocks.build(spec, backend=name, seed=3)) for name in ("torch", "paddle")]
    assert list(states[0]) == list(states[1]) == [param.name for param in spec.params()]
    assert all(array.tobytes() == states[1][name].tobytes() for name, array in states[0].items())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("attention", [None, NonLocal(in_channels=256), ChannelAffinity(in_channels=256)])
def test_full_size_in_float64(attention: Any, training: bool, require: Require) -> None:
    """The blog's widths: outputs within 1e-11 and every gradient within 1e-9 of the largest value, and transfer."""
    require("torch", "paddle")
    spec = AttentionResNet(attention=attention)
    shape = (2, 3, 64, 64)
    x, grad_output = sample.random_array(shape, 0, "input"), sample.random_array((2, 10), 0, "grad_output")
    source = nlblocks.build(spec, backend="torch", dtype="float64")
    # A fifth of the weights: at full scale a softmax over 256 channels is saturated, and any comparison easy.
    scale = {param.name: 0.2 if param.name.startswith("extra.") and param.trainable else 1.0 for param in spec.params()}
    nlblocks.load_state(source, {name: value * scale[name] for name, value in sample.random_state(spec, 0).items()})
    target = nlblocks.build(spec, backend="paddle", seed=1, dtype="float64")
    nlblocks.transfer(source, target)
    left, right = (nlblocks.run(module, x, training, grad_output) for module in (source, target))

    assert relative(left.output, right.output) <= 1e-11
    assert relative(left.grad_input, right.grad_input) <= 1e-9
    assert set(left.grad_params) == set(right.grad_params) == {param.name for param in spec.params() if param.trainable}
    largest = max(float(np.abs(grad).max()) for grad in left.grad_params.values())
    for name, grad in left.grad_params.items():
        if max(np.abs(grad).max(), np.abs(right.grad_params[name]).max()) <= 1e-13 * largest:
            # Zero but for rounding: a bias that BatchNorm subtracts, or a softmax does not see.
            assert name.endswith(".bias"), name
        else:
            assert relative(grad, right.grad_params[name]) <= 1e-9, name
    for name, value in left.state_after.items():
        assert relative(value, right.state_after[name]) <= 1e-12, name


def relative(left: Any, right: Any) -> float:
    assert left.shape == right.shape
    assert np.isfinite(left).all()
    return float(np.abs(left - right).max() / np.abs(left).max())


@pytest.mark.parametrize("fault", ["shortcut", "pool", "norm"])
def test_a_fault_in_a_network_is_found(fault: str, require: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    require("torch", "paddle")
    import paddle.nn.functional as F

    from nlblocks_paddle import attention_resnet

    if fault == "shortcut":  # ReLU before the sum instead of after it

        def forward(self: Any, x: Any) -> Any:
            y = self.norm_2(self.conv_2(F.relu(self.norm_1(self.conv_1(x)))))
            return F.relu(y) + (x if self.shortcut is None else self.shortcut(x))

        monkeypatch.setattr(attention_resnet.Residual, "forward", forward)
    elif fault == "pool":  # no padding
        monkeypatch.setattr(attention_resnet, "max_pool", lambda x, kernel, stride, padding: F.max_pool2d(x, 3, 2, 0))
    else:  # the variance of one framework's default
        norm = nlblocks.specs.BatchNorm(variance="unbiased")
        build = attention_resnet._build
        monkeypatch.setattr(attention_resnet, "_build", lambda part, _: build(part, norm))
    report = nlblocks.verify(AttentionResNet(width=2), input_shape=(2, 3, 33, 33))
    assert not report
    first = {"shortcut": "output", "pool": "output", "norm": "buffers"}[fault]
    assert report.failures[0].group == first


@pytest.mark.parametrize("backend", BACKENDS)
def test_shapes_and_maps(backend: str, require: Require) -> None:
    require(backend)
    for spec in (SMALL, AttentionResNet(width=4), *NETWORKS[:1]):
        shape = spec.example_shape()
        run = nlblocks.run(
            nlblocks.build(spec, backend=backend, dtype="float64"),
            np.zeros(shape),
            return_attention=bool(spec.attention_shapes(shape)),
        )
        assert run.output.shape == spec.output_shape(shape)
        maps = {} if run.attention is None else run.attention
        assert {name: array.shape for name, array in maps.items()} == spec.attention_shapes(shape)
    blog = AttentionResNet(attention=NonLocal(in_channels=256))
    assert blog.extra_shape((8, 3, 96, 96)) == (8, 256, 6, 6)
    assert blog.attention_shapes((8, 3, 96, 96)) == {"extra": (8, 36, 36)}
    assert ArticleDigitNet().features == 128 * 14 * 14
    assert ArticleDigitNet().attention_shapes((1, 1, 28, 28)) == {"nl": (1, 784, 196)}


def test_baseline_of_the_article_has_all_but_the_block() -> None:
    with_block, without = ArticleDigitNet(), ArticleDigitNet(mode="none")
    assert without.params() == tuple(param for param in with_block.params() if not param.name.startswith("nl."))
    assert without.attention_shapes((1, 1, 28, 28)) == {}
    shape, inner = with_block.example_shape(), NonLocal(in_channels=64, sub_sample="after")
    assert with_block.macs(shape) - without.macs(shape) == inner.macs((2, 64, 28, 28))


@pytest.mark.parametrize("after_stage", [1, 2, 3, 4])
@pytest.mark.parametrize("baseline", [True, False])
def test_macs_are_those_of_the_layers(after_stage: int, baseline: bool, require: Require) -> None:
    require("torch")
    import torch

    attention = None if baseline else ChannelAffinity(in_channels=4 * 2 ** (after_stage - 1))
    spec = AttentionResNet(width=4, attention=attention, after_stage=after_stage)
    model, counted = nlblocks.build(spec, backend="torch"), 0

    def count(module: Any, args: Any, output: Any) -> None:
        nonlocal counted
        positions = output.numel() // output.shape[1]
        counted += positions * module.weight.numel()

    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(count)
    shape = (2, 3, 35, 50)
    model.eval()(torch.zeros(shape))
    products = 0
    if attention is not None:
        b, _, h, w = spec.extra_shape(shape)
        products = 2 * b * h * w * attention.inner**2
    assert spec.macs(shape) == counted + products


@pytest.mark.parametrize("spec", [SMALL, AttentionResNet(width=4), NETWORKS[0]], ids=identify)
def test_torch_training_loop(spec: Any, require: Require) -> None:
    require("torch")
    import torch

    model = nlblocks.build(spec.deterministic(), backend="torch").train()
    before = nlblocks.state_of(model)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    shape = spec.example_shape()
    labels = torch.arange(shape[0]) % spec.num_classes
    losses = []
    for _ in range(2):
        loss = torch.nn.functional.cross_entropy(
            model(torch.from_numpy(sample.random_array(shape, 0, "x")).float()), labels
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all()
    assert_moved(spec, before, nlblocks.state_of(model))


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor")  # paddle.Model does, of its own batches
@pytest.mark.parametrize("spec", [SMALL, AttentionResNet(width=4), NETWORKS[0]], ids=identify)
def test_paddle_model_fit(spec: Any, require: Require) -> None:
    require("paddle")
    import paddle

    class Tiny(paddle.io.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Any:
            x = sample.random_array(spec.example_shape()[1:], index, "x").astype(np.float32)
            return x, np.array([index % spec.num_classes], dtype=np.int64)

    network = nlblocks.build(spec.deterministic(), backend="paddle")  # dropout may silence a narrow layer for two steps
    before = nlblocks.state_of(network)
    model = paddle.Model(network)  # takes every positional argument of forward for an input
    optimiser = paddle.optimizer.Adam(learning_rate=1e-2, parameters=model.parameters())
    model.prepare(optimiser, paddle.nn.CrossEntropyLoss(), paddle.metric.Accuracy(topk=(1,)))
    model.fit(Tiny(), batch_size=2, epochs=1, shuffle=False, verbose=0)  # two steps
    assert np.isfinite(model.evaluate(Tiny(), batch_size=2, verbose=0)["loss"]).all()
    assert_moved(spec, before, nlblocks.state_of(network))


@pytest.mark.parametrize("spec", [SMALL, AttentionResNet(width=4), NETWORKS[0]], ids=identify)
def test_paddle_static_graph(spec: Any, require: Require) -> None:
    require("paddle")
    import paddle

    network = nlblocks.build(spec, backend="paddle")
    network.eval()
    x = paddle.to_tensor(sample.random_array(spec.example_shape(), 0, "x").astype(np.float32))
    expected = network(x).numpy()
    batch = [paddle.static.InputSpec([None, *spec.example_shape()[1:]], "float32")]
    found = paddle.jit.to_static(network, input_spec=batch, full_graph=True)(x).numpy()
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("spec", [SMALL, AttentionResNet(width=4), NETWORKS[0]], ids=identify)
def test_torch_whole_graph(spec: Any, require: Require) -> None:
    require("torch")
    import torch

    network = nlblocks.build(spec, backend="torch").eval()
    x = torch.from_numpy(sample.random_array(spec.example_shape(), 0, "x")).float()
    assert torch.equal(torch.compile(network, backend="eager", fullgraph=True)(x), network(x))


def assert_moved(spec: Any, before: Any, after: Any) -> None:
    """Two steps have moved every weight (biases before a norm by rounding alone) and every running statistic."""
    for param in spec.params():
        assert np.isfinite(after[param.name]).all()
        if param.layout in ("conv", "linear") or not param.trainable:
            assert not np.array_equal(before[param.name], after[param.name]), param.name


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_first_of_equal_values_in_overlapping_padded_windows(backend: str, require: Require) -> None:
    require(backend)
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 2, size=(2, 3, 7, 10)).astype(np.float64)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=-np.inf)
    out = np.zeros((2, 3, 4, 5))
    grad = np.zeros_like(padded)
    weights = rng.normal(size=out.shape)
    for b, c, i, j in np.ndindex(out.shape):
        window = padded[b, c, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        row, column = np.unravel_index(int(window.argmax()), window.shape)
        out[b, c, i, j] = window[row, column]
        grad[b, c, 2 * i + row, 2 * j + column] += weights[b, c, i, j]
    grad = grad[:, :, 1:-1, 1:-1]

    layers = importlib.import_module(f"nlblocks_{backend}.layers")
    if backend == "reference":
        step = 1e-30
        direction = rng.normal(size=x.shape)
        found = layers.max_pool(x + 1j * step * direction, (3, 3), stride=2, padding=1)
        assert np.array_equal(found.real, out)
        assert np.isclose((found.imag / step * weights).sum(), (grad * direction).sum(), rtol=1e-12)
        return
    if backend == "torch":
        import torch as framework

        source = framework.tensor(x, requires_grad=True)
        found = layers.max_pool(source, (3, 3), stride=2, padding=1)
        (found * framework.tensor(weights)).sum().backward()
    else:
        import paddle as framework

        source = framework.to_tensor(x, stop_gradient=False)
        found = layers.max_pool(source, (3, 3), stride=2, padding=1)
        (found * framework.to_tensor(weights)).sum().backward()
    assert np.array_equal(found.detach().numpy(), out)
    assert np.allclose(source.grad.numpy(), grad, rtol=1e-14, atol=1e-15)
