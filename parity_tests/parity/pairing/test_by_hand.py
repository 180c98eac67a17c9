"""A layer and the one that is written by hand are the same layer: each tensor finds the one that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nlblocks import parity
from nlblocks.parity.pairing.pair import Pairing, pair
from nlblocks.parity.running import Subject

Shapes = Mapping[str, tuple[int, ...]]
Forward = Callable[[Any, Any], Any]
IMAGE, ROWS = (2, 4, 5, 5), (2, 3, 4)
AFFINE: Shapes = {"weight": (4,), "bias": (4,)}
MATRIX: Shapes = {"weight": (4, 4), "bias": (4,)}
MAPS: Shapes = {"weight": (4, 2, 3, 3), "bias": (4,)}


class Hand(nn.Module):
    """Tensors, of which those that end in "mean" or "var" are buffers, and what is computed with them."""

    def __init__(self, shapes: Shapes, forward: Forward) -> None:
        super().__init__()
        self.spelling = forward
        for name, shape in shapes.items():
            if name.endswith(("mean", "var")):
                self.register_buffer(name, torch.ones(shape) if name.endswith("var") else torch.zeros(shape))
            else:
                setattr(self, name, nn.Parameter(torch.randn(shape)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.spelling(self, x)
        return result


def net(layer: nn.Module) -> nn.Module:
    """The layer between two others."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(3, 3, 1), layer, nn.Tanh())


def maps(layer: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(4, 4, 1), layer, nn.Tanh())


def channels(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.view(1, -1, 1, 1)


def normal(x: torch.Tensor, axes: Any) -> torch.Tensor:
    return (x - x.mean(axes, keepdim=True)) / torch.sqrt(x.var(axes, unbiased=False, keepdim=True) + 1e-5)


def grouped(s: Any, x: torch.Tensor) -> torch.Tensor:
    parts = [F.conv2d(a, w, padding=1) for a, w in zip(x.chunk(2, 1), s.weight.chunk(2, 0), strict=True)]
    return torch.cat(parts, 1) + channels(s.bias)


def batch_norm(s: Any, x: torch.Tensor) -> torch.Tensor:
    mean, var = s.mean, s.var
    if s.training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=True)
        with torch.no_grad():
            s.mean.mul_(0.9).add_(0.1 * mean)
            s.var.mul_(0.9).add_(0.1 * var)
        var = x.var((0, 2, 3), unbiased=False)
    return (x - channels(mean)) / torch.sqrt(channels(var) + 1e-5) * channels(s.weight) + channels(s.bias)


LINEAR: dict[str, Forward] = {
    "by the transpose": lambda s, x: x @ s.weight.t() + s.bias,
    "by einsum": lambda s, x: torch.einsum("bni,oi->bno", x, s.weight) + s.bias,
    "by addmm": lambda s, x: torch.addmm(s.bias, x.reshape(-1, 4), s.weight.T).view(2, 3, 4),
    "by baddbmm": lambda s, x: torch.baddbmm(s.bias, x, s.weight.t().expand(2, 4, 4)),
    "from the left": lambda s, x: (s.weight @ x.transpose(1, 2)).transpose(1, 2) + s.bias,
    "bias apart": lambda s, x: F.linear(x, s.weight).add_(s.bias),
    "bias through a view": lambda s, x: s.bias.view(1, 1, 4) + F.linear(x, s.weight),
}
IMAGES: dict[str, tuple[Callable[[], nn.Module], Shapes, Forward]] = {
    "group norm": (
        lambda: nn.GroupNorm(2, 4), AFFINE,
        lambda s, x: normal(x.view(2, 2, -1), 2).view(x.shape) * channels(s.weight) + channels(s.bias),
    ),
    "group norm, its own weights apart": (
        lambda: nn.GroupNorm(2, 4), AFFINE,
        lambda s, x: channels(s.bias) + channels(s.weight) * F.group_norm(x, 2),
    ),
    "batch norm": (lambda: nn.BatchNorm2d(4), {**AFFINE, "mean": (4,), "var": (4,)}, batch_norm),
    "groups": (lambda: nn.Conv2d(4, 4, 3, padding=1, groups=2), MAPS, grouped),
    "convolution": (
        lambda: nn.Conv2d(4, 4, 3, padding=1, groups=2), MAPS,
        lambda s, x: F.conv2d(x, s.weight, padding=1, groups=2) + channels(s.bias),
    ),
}  # fmt: skip


def paired(left: nn.Module, right: nn.Module, shape: tuple[int, ...]) -> Pairing:
    return pair(*Subject.structures(*Subject.both(left, right, np.zeros(shape), 0), training=True))


def whole(found: Pairing) -> bool:
    """Whether nothing is left over, and every tensor is beside the one of its name."""
    names = {a: b.replace("1.mean", "1.running_mean").replace("1.var", "1.running_var") for a, b in found.names.items()}
    return not (found.left_only or found.right_only or found.lacking()) and all(a == b for a, b in names.items())


@pytest.mark.parametrize("how", LINEAR)
def test_a_linear_layer_in_any_spelling(how: str) -> None:
    found = paired(net(nn.Linear(4, 4)), net(Hand(MATRIX, LINEAR[how])), ROWS)
    assert whole(found)
    assert len(found.names) == 4
    (weights,) = (roles for *roles, role, a, _ in found.roles() if (a.name, role) == ("1", "weight"))
    assert not any(ref.transposed for ref in weights)


@pytest.mark.parametrize("how", IMAGES)
def test_a_layer_of_images_written_by_hand(how: str) -> None:
    native, shapes, forward = IMAGES[how]
    found = paired(maps(native()), maps(Hand(shapes, forward)), IMAGE)
    assert whole(found)
    assert len(found.names) == 2 + len(shapes)


@pytest.mark.parametrize("places", [(1, 2, 3), (1, 3, 2), (2, 3, 1), (3, 2, 1)])
def test_layers_of_one_name_are_partners_whichever_is_written_by_hand(places: tuple[int, ...]) -> None:
    shapes: Shapes = {**AFFINE, "running_mean": (4,), "running_var": (4,)}

    def by_hand(s: Any, x: torch.Tensor) -> torch.Tensor:
        return (x - channels(s.running_mean)) / channels(s.running_var + 1e-5).sqrt() * channels(s.weight) + channels(
            s.bias
        )

    def stack(hand: tuple[int, ...]) -> nn.Module:
        layers = [Hand(shapes, by_hand) if place in hand else nn.BatchNorm2d(4) for place in (1, 2, 3)]
        return nn.Sequential(nn.Conv2d(4, 4, 1), *layers)

    left, right = stack(places[:2]), stack((places[0], places[2]))
    found = paired(left, right, IMAGE)
    assert whole(found)
    assert len(found.names) == 14


def test_the_running_statistics_of_both_are_compared() -> None:
    native, shapes, forward = IMAGES["batch norm"]
    report = parity.compare(maps(native()), maps(Hand(shapes, forward)), IMAGE)
    assert report.verdict == "same"
    assert [c.name for c in report.comparisons if c.phase == "buffers"] == ["1.running_mean", "1.running_var"]


def test_a_matrix_that_is_not_transposed_is_a_fault() -> None:
    report = parity.compare(net(nn.Linear(4, 4)), net(Hand(MATRIX, lambda s, x: x @ s.weight + s.bias)), ROWS)
    assert report.verdict == "same"  # its weight is [in, out]: another layout of the same layer
    wrong = Hand(MATRIX, lambda s, x: F.linear(x, s.weight.t()) * 1.5 + s.bias)
    assert parity.compare(net(nn.Linear(4, 4)), net(wrong), ROWS).verdict == "different"


def test_gamma_and_beta_exchanged_are_a_fault() -> None:
    wrong = Hand(
        AFFINE, lambda s, x: (normal(x.view(2, 2, -1), 2).view(x.shape) + channels(s.bias)) * channels(s.weight)
    )
    assert parity.compare(maps(nn.GroupNorm(2, 4)), maps(wrong), IMAGE).verdict == "different"


def test_one_sum_with_a_product_is_two_operations() -> None:
    def both(forward: Forward) -> nn.Module:
        return net(Hand({"alpha": (4,), "beta": (4,)}, forward))

    found = paired(
        both(lambda s, x: torch.addcmul(s.beta, s.alpha, x)), both(lambda s, x: s.alpha * torch.tanh(x) + s.beta), ROWS
    )
    assert found.names["1.alpha"] == "1.alpha"
    assert found.names["1.beta"] == "1.beta"


def test_two_tensors_of_one_operation_are_told_apart_by_their_size() -> None:
    def by_hand(s: Any, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, s.g * s.v / s.v.norm(dim=1, keepdim=True))

    def native(s: Any, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, torch._weight_norm(s.v, s.g, 0))

    shapes: Shapes = {"v": (4, 4), "g": (4, 1)}
    assert whole(paired(net(Hand(shapes, by_hand)), net(Hand(shapes, native)), ROWS))


def test_parts_that_are_joined_are_parameters_of_their_own() -> None:
    def bias(s: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.cat((s.q, torch.zeros_like(s.v), s.v)) + x.repeat(1, 1, 3)

    found = paired(net(Hand({"q": (4,), "v": (4,)}, bias)), net(Hand({"q": (4,), "v": (4,)}, bias)), ROWS)
    assert found.names["1.q"] == "1.q"
    assert found.names["1.v"] == "1.v"


def test_a_scale_that_is_looked_at_early_keeps_its_place() -> None:
    def late(s: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x * s.a.view(1, 4)) * s.b.view(1, 4)

    def early(s: Any, x: torch.Tensor) -> torch.Tensor:
        last, first = s.b.unsqueeze(0), s.a.unsqueeze(0)
        return last * torch.tanh(first * x)

    shapes: Shapes = {"a": (4,), "b": (4,)}
    left, right = net(Hand(shapes, late)), net(Hand(shapes, early))
    assert paired(left, right, ROWS).names["1.a"] == "1.a"


class Attention(nn.Module):
    """q, k and v from one projection, or from three."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        if fused:
            self.qkv = nn.Linear(4, 12)
        else:
            self.q, self.k, self.v = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1) if self.fused else (self.q(x), self.k(x), self.v(x))
        return F.scaled_dot_product_attention(q, k, v)


def test_each_side_may_have_fused_what_the_other_has_apart() -> None:
    sides = (nn.Sequential(Attention(first), nn.Tanh(), Attention(not first)) for first in (True, False))
    found = paired(*sides, ROWS)
    assert found.names["0.qkv.weight[4:8]"] == "0.k.weight"
    assert found.names["2.q.weight"] == "2.qkv.weight[0:4]"
    assert len(found.names) == 12


def test_a_constant_that_no_checkpoint_holds_may_be_code_on_the_other_side() -> None:
    def biased(zeros: Callable[[Any], torch.Tensor]) -> nn.Module:
        return net(Hand({"q": (4,), "v": (4,)}, lambda s, x: x.repeat(1, 1, 3) + torch.cat((s.q, zeros(s), s.v))))

    left = biased(lambda s: s.k)
    left[1].register_buffer("k", torch.zeros(4), persistent=False)  # type: ignore[index, operator]
    right = biased(lambda s: torch.zeros_like(s.v))
    assert parity.compare(left, right, ROWS).verdict == "same"
    left[1].register_buffer("k", torch.zeros(4))  # type: ignore[index, operator]
    assert parity.compare(left, right, ROWS).verdict == "different"  # a checkpoint may hold another number
