"""A block that no gradient flows through: the proof sees one that leaks, though every value is the same."""

from __future__ import annotations

from typing import Any

import pytest

import nlblocks
from nlblocks.backend import package
from nlblocks.specs import BatchNorm, ExpectationMaximisationAttention
from parity_tests.helpers.blocks import NATIVE, Require

BARE = ExpectationMaximisationAttention(in_channels=5, num_bases=3)
WRAPPED = ExpectationMaximisationAttention(in_channels=5, num_bases=3, update="trainer", norm=BatchNorm())
LEAK = 2.0**-20


@pytest.mark.parametrize("spec", [BARE, WRAPPED], ids=["bare", "wrapped"])
@pytest.mark.parametrize("backend", NATIVE)
def test_a_gradient_that_leaks_is_found(spec: Any, backend: str, require: Require, monkeypatch: Any) -> None:
    require(*NATIVE)
    assert nlblocks.verify(spec)
    block = package(backend).ExpectationMaximisationAttention
    forward = block.forward

    def leaking(self: Any, x: Any, return_attention: bool = False) -> Any:
        leak = x * LEAK
        nothing = leak - leak.detach()  # zero, with a gradient
        found = forward(self, x, return_attention)
        return (found[0] + nothing, found[1]) if return_attention else found + nothing

    monkeypatch.setattr(block, "forward", leaking)
    report = nlblocks.verify(spec)
    assert not report
    failed = {check.group for check in report.checks if not check.passed}
    assert failed == {"grad_input", "derivative"}


@pytest.mark.parametrize("backend", NATIVE)
def test_a_gradient_where_the_spec_says_none_is_a_failure(backend: str, require: Require, monkeypatch: Any) -> None:
    """conv_1 of the wrapped form gets no gradient, so one that it gets is a tensor that the spec does not name."""
    require(*NATIVE)
    block = package(backend).ExpectationMaximisationAttention
    forward = block.forward

    def leaking(self: Any, x: Any, return_attention: bool = False) -> Any:
        leak = self.conv_1.bias.sum() * LEAK
        found = forward(self, x, return_attention)
        return (found[0] + leak - leak.detach(), found[1]) if return_attention else found + leak - leak.detach()

    monkeypatch.setattr(block, "forward", leaking)
    failures = [check for check in nlblocks.verify(WRAPPED).checks if not check.passed]
    assert {check.name for check in failures} == {"conv_1.bias"}
    assert "names no such tensor" in str(failures[0])


def test_bases_that_a_trainer_moves_stay(require: Require) -> None:
    require(*NATIVE)
    assert [param.name for param in WRAPPED.params() if param.still] == ["bases", "conv_1.weight", "conv_1.bias"]
    assert not any(param.still for param in BARE.params())
