"""The tests of the tests: each fault that a port may have is planted in one backend, and the verdict must catch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.specs import BatchNorm, ChannelAffinity, DigitNet, NonLocal

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import nlblocks_paddle.block as paddle_block  # noqa: E402  after the skips
import nlblocks_paddle.layers as paddle_layers  # noqa: E402
import nlblocks_paddle.non_local as paddle_non_local  # noqa: E402
import nlblocks_torch.layers as torch_layers  # noqa: E402
import nlblocks_torch.non_local as torch_non_local  # noqa: E402
from nlblocks_torch.backend import TorchBackend  # noqa: E402

Patch = pytest.MonkeyPatch
PADDLE_ATTENTION = paddle_non_local.NonLocal._attention
PADDLE_POOL = paddle_non_local.max_pool


def softmax_over_the_wrong_axis(patch: Patch) -> None:
    wrong = paddle.nn.functional.softmax
    patch.setattr(paddle_non_local.F, "softmax", lambda x, axis: wrong(x, axis=1))


def forgotten_transpose_of_a_square_linear(patch: Patch) -> None:
    true = paddle_block.linear_weights
    patch.setattr(paddle_block, "linear_weights", lambda layer: true(layer) - {"fc_2.weight"})


def gamma_left_at_zero(patch: Patch) -> None:
    true = paddle_block.assign

    def assign(layer: Any, values: Any) -> None:
        true(layer, {name: value for name, value in values.items() if name != "norm.weight"})

    patch.setattr(paddle_block, "assign", assign)


def _batch_norm(patch: Patch, layers: Any, **fields: Any) -> None:
    true = layers.BatchNorm.__init__
    patch.setattr(layers.BatchNorm, "__init__", lambda self, c, spec: true(self, c, replace(spec, **fields)))


def biased_for_unbiased_variance_in_paddle(patch: Patch) -> None:
    _batch_norm(patch, paddle_layers, variance="biased")


def biased_for_unbiased_variance_in_torch(patch: Patch) -> None:
    _batch_norm(patch, torch_layers, variance="biased")


def momentum_of_the_other_convention(patch: Patch) -> None:
    _batch_norm(patch, paddle_layers, momentum=0.9)


def eps_1e_5_for_1e_6(patch: Patch) -> None:
    _batch_norm(patch, torch_layers, eps=1e-6)


def eps_held_as_float32(patch: Patch) -> None:
    _batch_norm(patch, paddle_layers, eps=float(np.float32(1e-5)))


def attention_map_transposed(patch: Patch) -> None:
    patch.setattr(paddle_non_local.NonLocal, "_attention", lambda *args: PADDLE_ATTENTION(*args).transpose([0, 2, 1]))


def map_is_returned_transposed_but_applied_right(patch: Patch) -> None:
    true = paddle_non_local.NonLocal.forward

    def forward(self: Any, x: Any, return_attention: bool = False) -> Any:
        found = true(self, x, return_attention)
        return (found[0], found[1].transpose([0, 2, 1])) if return_attention else found

    patch.setattr(paddle_non_local.NonLocal, "forward", forward)


def pooled_keys_but_unpooled_values(patch: Patch) -> None:
    """The second tensor that is pooled, g, keeps its first values instead of the largest ones."""
    calls: list[int] = []

    def pool(x: Any, kernel: Any) -> Any:
        calls.append(1)
        pooled = PADDLE_POOL(x, kernel)
        return x.flatten(2)[:, :, : pooled.flatten(2).shape[2]].reshape(pooled.shape) if len(calls) % 2 == 0 else pooled

    patch.setattr(paddle_non_local, "max_pool", pool)


def average_for_max_pooling(patch: Patch) -> None:
    patch.setattr(torch_non_local, "max_pool", lambda x, kernel: torch.nn.functional.avg_pool2d(x, kernel))


def ties_split_in_pooling(patch: Patch) -> None:
    """Same values; only the gradient at equal values differs: only tie-rich inputs can show it."""

    def pool(x: Any, kernel: Any) -> Any:
        b, c, h, w = x.shape
        windows = x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(b, c, h // 2, 2, w // 2, 2)
        return windows.amax(dim=(3, 5))

    patch.setattr(torch_non_local, "max_pool", pool)


def divided_by_queries_instead_of_keys(patch: Patch) -> None:
    def attention(self: Any, theta: Any, phi: Any) -> Any:
        return PADDLE_ATTENTION(self, theta, phi) * (phi.shape[-1] / theta.shape[-1])

    patch.setattr(paddle_non_local.NonLocal, "_attention", attention)


def scaled_when_it_should_not_be(patch: Patch) -> None:
    true = torch_non_local.NonLocal._attention
    patch.setattr(torch_non_local.NonLocal, "_attention", lambda self, theta, phi: true(self, theta / 2**0.5, phi))


def residual_forgotten(patch: Patch) -> None:
    true = paddle_non_local.NonLocal.forward
    patch.setattr(
        paddle_non_local.NonLocal,
        "forward",
        lambda self, x, return_attention=False: (
            (lambda z, a: (z - x, a))(*true(self, x, True)) if return_attention else true(self, x) - x
        ),
    )


def gradient_stopped_at_the_keys(patch: Patch) -> None:
    patch.setattr(
        paddle_non_local.NonLocal, "_attention", lambda self, theta, phi: PADDLE_ATTENTION(self, theta, phi.detach())
    )


def not_a_number_on_one_side(patch: Patch) -> None:
    patch.setattr(paddle_non_local.NonLocal, "_attention", lambda *args: PADDLE_ATTENTION(*args) * float("nan"))


def computed_in_float32(patch: Patch) -> None:
    patch.setattr(
        paddle_non_local.NonLocal,
        "_attention",
        lambda *args: PADDLE_ATTENTION(*args).astype("float32").astype(args[1].dtype),
    )


def scale_forgotten_without_the_map(patch: Patch) -> None:
    true = torch_non_local.softmax_product
    patch.setattr(torch_non_local, "softmax_product", lambda q, k, v, scale: true(q, k, v))


def gradient_stopped_without_the_map(patch: Patch) -> None:
    true = paddle_non_local.ramp_product
    patch.setattr(paddle_non_local, "ramp_product", lambda a, b, v, divisor: true(a, b.detach(), v, divisor))


def _after_forward(patch: Patch, change: Callable[[Any], Any]) -> None:
    true = torch_non_local.NonLocal.forward

    def forward(self: Any, x: Any, return_attention: bool = False) -> Any:
        found = true(self, x, return_attention)
        return (change(found[0]), found[1]) if return_attention else change(found)

    patch.setattr(torch_non_local.NonLocal, "forward", forward)


def dropout_left_on(patch: Patch) -> None:
    """A random backend must not raise its own noise floor until anything passes."""
    _after_forward(patch, lambda z: torch.nn.functional.dropout(z, 0.5, training=True))


def a_little_noise(patch: Patch) -> None:
    _after_forward(patch, lambda z: z + 1e-6 * torch.randn_like(z))


def chaos(patch: Patch) -> None:
    """Deterministic, but one unit in the last place moves it far: not rounding either."""
    _after_forward(patch, lambda z: z + 1e-3 * torch.sin(1e14 * z))


EMBEDDED = NonLocal(in_channels=6)
POOLED = NonLocal(in_channels=6, sub_sample="before")
FAULTS: list[tuple[Callable[[Patch], None], Any, str]] = [
    (softmax_over_the_wrong_axis, EMBEDDED, "output"),
    (forgotten_transpose_of_a_square_linear, DigitNet(num_classes=256, image_size=8), "output"),
    (gamma_left_at_zero, EMBEDDED, "output"),
    (biased_for_unbiased_variance_in_paddle, EMBEDDED, "buffers"),
    (biased_for_unbiased_variance_in_torch, EMBEDDED, "buffers"),
    (momentum_of_the_other_convention, EMBEDDED, "buffers"),
    (eps_1e_5_for_1e_6, EMBEDDED, "output"),
    (eps_held_as_float32, EMBEDDED, "output"),
    (attention_map_transposed, EMBEDDED, "output"),
    (map_is_returned_transposed_but_applied_right, EMBEDDED, "attention"),
    (pooled_keys_but_unpooled_values, NonLocal(in_channels=6, sub_sample="after"), "output"),
    (average_for_max_pooling, POOLED, "output"),
    (ties_split_in_pooling, POOLED, "grad_input"),
    (divided_by_queries_instead_of_keys, NonLocal(in_channels=6, mode="dot_product", sub_sample="after"), "output"),
    (scaled_when_it_should_not_be, EMBEDDED, "output"),
    (residual_forgotten, EMBEDDED, "output"),
    (gradient_stopped_at_the_keys, EMBEDDED, "grad_input"),
    (not_a_number_on_one_side, EMBEDDED, "output"),
    (computed_in_float32, EMBEDDED, "output"),
    (dropout_left_on, EMBEDDED, "output"),
    (a_little_noise, EMBEDDED, "output"),
    (chaos, EMBEDDED, "output"),
    (scale_forgotten_without_the_map, NonLocal(in_channels=6, scale="sqrt_inner"), "output"),
    (gradient_stopped_without_the_map, NonLocal(in_channels=6, mode="concatenation"), "grad_input"),
]


@cache
def agrees(spec: Any, seed: int) -> bool:
    """Whether the pair agrees as it is; nearly all faults are planted in the same ones."""
    return bool(nlblocks.verify(spec, seed=seed))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("plant", "spec", "group"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_fault_is_caught(plant: Callable[[Patch], None], spec: Any, group: str, seed: int, monkeypatch: Patch) -> None:
    assert agrees(spec, seed), "the pair must agree before the fault is planted"
    plant(monkeypatch)
    report = nlblocks.verify(spec, seed=seed)
    assert not report
    assert report.failures[0].group == group
    assert report.failures[0].group in str(report)
    assert report.to_dict()["agree"] is False


def test_an_error_shared_by_both_backends_is_caught_by_the_reference(monkeypatch: Patch) -> None:
    for layers in (torch_layers, paddle_layers):
        _batch_norm(monkeypatch, layers, eps=1e-6)
    assert not nlblocks.verify(EMBEDDED)
    assert nlblocks.verify(EMBEDDED, backends=("torch", "paddle"))


def test_a_gradient_wrong_in_both_backends_is_caught_and_named(monkeypatch: Patch) -> None:
    def stop(cls: Any) -> None:
        true = cls._attention
        monkeypatch.setattr(cls, "_attention", lambda self, theta, phi: true(self, theta, phi.detach()))

    stop(torch_non_local.NonLocal)
    stop(paddle_non_local.NonLocal)
    report = nlblocks.verify(NonLocal(in_channels=6, mode="dot_product"))
    wrong = {check.name for check in report.failures if check.group == "derivative"}
    missing = {check.name for check in report.failures if check.group == "grad_params"}
    assert "input" in wrong
    assert missing == {"phi.weight", "phi.bias"}  # never computed: named, not passed over


def test_the_wrong_tie_rule_in_both_backends_is_caught_by_the_reference(monkeypatch: Patch) -> None:
    """Both give the gradient to the last of equal values: they agree with each other, and with no other input."""
    true = torch_non_local.max_pool, paddle_non_local.max_pool

    def even(x: Any) -> Any:
        return x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]

    monkeypatch.setattr(torch_non_local, "max_pool", lambda x, k: true[0](even(x).flip((2, 3)), k).flip((2, 3)))
    monkeypatch.setattr(paddle_non_local, "max_pool", lambda x, k: true[1](even(x).flip([2, 3]), k).flip([2, 3]))
    report = nlblocks.verify(POOLED)
    assert {check.group for check in report.failures} == {"derivative"}
    assert {check.inputs for check in report.failures} == {"tied"}


def beside(change: Callable[[Any], dict[str, Any]]) -> Any:
    """torch's backend, whose results are changed, against torch's backend."""

    class Changed(TorchBackend):
        name = "changed"

        def run(self, *args: Any, **options: Any) -> Any:
            found = super().run(*args, **options)
            return replace(found, **change(found))

    return nlblocks.verify(EMBEDDED, backends=("torch", Changed()))


def test_a_map_that_the_spec_does_not_name_fails() -> None:
    report = beside(lambda found: {"attention": {"attention": found.attention, "more": found.output}})
    assert "the spec names no such tensor" in str(report)


def test_a_tensor_that_one_side_never_computes_fails() -> None:
    report = beside(lambda found: {"grad_params": {k: v for k, v in found.grad_params.items() if k != "g.bias"}})
    assert not report
    assert "g.bias" in str(report)


def test_broadcasting_is_not_agreement() -> None:
    report = beside(lambda found: {"output": found.output[:1] * 0 + found.output.mean(0, keepdims=True)})
    assert "shapes differ" in str(report)


def test_comparing_at_initialisation_would_hide_everything(monkeypatch: Patch) -> None:
    """Why the verdict never does: at init the block is the identity, whatever its attention computes."""
    x = np.random.default_rng(0).normal(size=EMBEDDED.example_shape())
    attention_map_transposed(monkeypatch)
    modules = [nlblocks.build(EMBEDDED, backend=backend, dtype="float64") for backend in ("torch", "paddle")]
    outputs = [nlblocks.run(module, x).output for module in modules]
    assert (outputs[0] == outputs[1]).all()
    assert not nlblocks.verify(EMBEDDED)


def test_nothing_compared_is_not_a_pass() -> None:
    with pytest.raises(nlblocks.InputError, match="at least two"):
        nlblocks.verify(EMBEDDED, backends=("torch",))
    with pytest.raises(nlblocks.InputError, match="at least two"):
        nlblocks.verify(EMBEDDED, backends=("torch", "torch"))
    for shape in ((0, 6, 5, 5), (2.0, 6, 5, 5), "abcd"):
        with pytest.raises(nlblocks.InputError, match="input_shape="):
            nlblocks.verify(EMBEDDED, input_shape=shape)  # type: ignore[arg-type]
    empty = replace(nlblocks.verify(ChannelAffinity(in_channels=4, norm=BatchNorm())), checks=())
    assert not empty
    assert "NOTHING" in str(empty)
