"""The hint has the last word, down to single tensors, and says what it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nlblocks import parity
from nlblocks.parity.pairing import Rename
from nlblocks.parity.pairing.pair import Pairing, pair
from nlblocks.parity.running import Subject

ROWS = (2, 6)


class Affine(nn.Module):
    """A scale and a shift, called as given, and a layer."""

    def __init__(self, scale: str, shift: str, forward: Callable[[Any, Any, Any], Any], last: str = "fc") -> None:
        super().__init__()
        self.names, self.spelling, self.last = (scale, shift), forward, last
        for name in self.names:
            setattr(self, name, nn.Parameter(torch.randn(6)))
        setattr(self, last, nn.Linear(6, 6))

    def forward(self, x: torch.Tensor) -> Any:
        return getattr(self, self.last)(self.spelling(x, *(getattr(self, name) for name in self.names)))


def at_once(x: Any, scale: Any, shift: Any) -> Any:
    return torch.addcmul(shift, scale, x)


def apart(x: Any, scale: Any, shift: Any) -> Any:
    return scale * torch.tanh(x) + shift


def paired(left: nn.Module, right: nn.Module, rename: Rename) -> Pairing:
    return pair(*Subject.structures(*Subject.both(left, right, np.zeros(ROWS), 0), training=True), rename)


@pytest.mark.parametrize("spellings", [(at_once, at_once), (at_once, apart), (apart, at_once), (apart, apart)])
@pytest.mark.parametrize("crossed", [False, True])
def test_each_tensor_goes_where_the_hint_says(spellings: Any, crossed: bool) -> None:
    left, right = Affine("alpha", "beta", spellings[0]), Affine("gain", "offset", spellings[1])
    hint = {"alpha": "offset", "beta": "gain"} if crossed else {"alpha": "gain", "beta": "offset"}
    found = paired(left, right, hint)
    assert {name: found.names[name] for name in hint} == hint
    assert {row.left for row in found.rows() if row.by == "rename"} == set(hint)
    assert len(found.names) == 4
    assert not (*found.left_only, *found.right_only, *found.lacking())


def test_a_tensor_leaves_the_layer_that_it_was_joined_with() -> None:
    left, right = Affine("alpha", "beta", apart, "fc"), Affine("alpha", "beta", apart, "fc")
    found = paired(left, right, {"fc.bias": "beta", "beta": "fc.bias"})
    assert found.names["fc.bias"] == "beta"
    assert found.names["beta"] == "fc.bias"
    assert found.names["fc.weight"] == "fc.weight"


def test_a_function_says_it_for_all() -> None:
    found = paired(
        Affine("alpha", "beta", apart, "fc"), Affine("beta", "alpha", apart, "head"),
        lambda name: {"alpha": "beta", "beta": "alpha"}.get(name, name.replace("fc", "head")),
    )  # fmt: skip
    assert found.names == {
        "alpha": "beta", "beta": "alpha", "fc.weight": "head.weight", "fc.bias": "head.bias",
    }  # fmt: skip
    assert found.hinted == ("rename= joins 4 of 4 pairs of tensors",)


def test_it_says_what_it_did_and_what_it_did_not() -> None:
    left, right = Affine("alpha", "beta", apart), Affine("gain", "offset", apart)
    left.spare, right.spare = nn.Linear(3, 3), nn.Linear(3, 3)
    report = parity.compare(left, right, ROWS, rename={"alpha": "gain", "spare": "spare", "fc": "fc"}, training=False)
    assert report
    said = [finding.explanation for finding in report.findings]
    assert "rename= joins alpha to gain (1 of 1 tensors)" in said
    assert "rename= joins fc to fc (2 of 2 tensors)" in said
    assert "rename= joins nothing of spare to spare: no operation computes with both" in said


def test_a_hint_that_is_wrong_is_followed_all_the_same() -> None:
    left, right = Affine("alpha", "beta", apart), Affine("alpha", "beta", apart)
    assert parity.compare(left, right, ROWS, training=False)
    report = parity.compare(left, right, ROWS, rename={"alpha": "beta", "beta": "alpha"}, training=False)
    assert report.verdict == "different"
