"""Hypotheses: their order, the causes they declare, and that every cause of the table is named by somebody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks.parity
from nlblocks.parity.explaining import explain, gradients, state_after
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis
from nlblocks.parity.explaining.registry import OTHERS, Registry, hypothesis
from nlblocks.parity.findings import CAUSES

REGISTRIES: dict[str, Registry[Any]] = {
    "forward": explain.hypothesis,
    "backward": gradients.gradient_hypothesis,
    "buffers": state_after.buffer_hypothesis,
    "training": state_after.step_hypothesis,
}
PARITY = Path(nlblocks.parity.__file__).parent


def named(table: set[str]) -> set[str]:
    """Of these causes those that somebody names: a hypothesis, or a judge or an explanation that tries nothing."""
    declared = {cause for registry in REGISTRIES.values() for registered in registry for cause in registered.causes}
    texts = [path.read_text() for room in ("judging", "explaining") for path in (PARITY / room).glob("*.py")]
    return {cause for cause in table if cause in declared or any(f'"{cause}"' in text for text in texts)}


def test_every_cause_is_named_by_somebody() -> None:
    assert set(CAUSES) - named(set(CAUSES)) == set()
    assert named({"conv.stride", "conv.colour"}) == {"conv.stride"}


@pytest.mark.parametrize("name", REGISTRIES)
def test_what_the_order_names_is_registered_and_nothing_else(name: str) -> None:
    registry = REGISTRIES[name]
    assert [registered.name for registered in registry] == [step for step in registry.order if step != OTHERS]


def test_what_an_attribute_is_called_is_declared() -> None:
    declared = next(registered.causes for registered in hypothesis if registered.name == "attributes")
    named = {(kind, attribute) for kind, attribute in CAUSES.renamed if attribute != "momentum"}  # no forward shows it
    assert {CAUSES.of(kind, attribute) for kind, attribute in named} <= declared


def test_what_the_order_does_not_name_has_its_place() -> None:
    registry: Registry[Callable[[], None]] = Registry("first", OTHERS, "last")

    def last() -> None: ...
    def mine() -> None: ...
    def first() -> None: ...
    def another() -> None: ...

    for function in (last, mine, first, another):
        assert registry("conv.stride")(function) is function
    assert [registered.name for registered in registry] == ["first", "mine", "another", "last"]


def test_a_cause_without_a_row_and_a_name_that_is_taken_are_refused() -> None:
    registry: Registry[Callable[[], None]] = Registry()

    def mine() -> None: ...

    with pytest.raises(ValueError, match=r"conv\.colour"):
        registry("conv.stride", "conv.colour")
    registry("conv.stride")(mine)
    with pytest.raises(ValueError, match="mine"):
        registry("conv.padding")(mine)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], frozenset[str]]:
    """What hypotheses say from here on, by name and cause, with the causes that each declares."""
    found: dict[tuple[str, str], frozenset[str]] = {}

    def heard(registered: Any) -> Any:
        def function(at: Any) -> Any:
            for held in registered.function(at):
                found[registered.name, held.cause] = registered.causes
                yield held

        function.__name__ = registered.name
        return replace(registered, function=function)

    monkeypatch.setattr(hypothesis, "_functions", [heard(registered) for registered in hypothesis])
    return found


CASES = (
    "bare-max-for-mean", "vit-scale-missing", "vit-token-last", "vae-relu", "mt-last-step-for-states",
    "vit-sdpa-layout", "senext-unshuffled", "sr-padding-mode", "mixer-skip-from-norm", "senext-relu-before-sum",
)  # fmt: skip
"""Small faults, each found by another hypothesis."""


@pytest.mark.parametrize("name", CASES)
def test_a_hypothesis_says_what_it_declares(name: str, said: dict[tuple[str, str], frozenset[str]]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("paddle")
    from benchmarks.faults.judge import judge
    from benchmarks.faults.rows import SETS

    case = next(case for faults, _ in SETS.values() for case in faults if case.name == name)
    assert judge(case).caught
    assert said
    assert [key for key, causes in said.items() if key[1] not in causes] == []


def test_what_the_fault_sets_expect_is_named() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("paddle")
    from benchmarks.faults.rows import SETS

    expected = {cause for faults, _ in SETS.values() for case in faults for cause in case.cause}
    assert expected - set(CAUSES) == set()
    assert len(expected) > 80


def test_a_trap_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row, one function: the difference is found and named."""
    torch, paddle = pytest.importorskip("torch"), pytest.importorskip("paddle")
    monkeypatch.setattr(hypothesis, "_functions", [*hypothesis])
    monkeypatch.setitem(
        CAUSES,
        "cumsum.kind",
        type(CAUSES["cat.axis"])("a running product for a running sum", "use the same on both", "other values"),
    )

    class Left(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return torch.cumsum(x, 1)

    class Right(paddle.nn.Layer):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return paddle.cumprod(x, 1)

    assert nlblocks.parity.compare(Left(), Right(), (2, 5), training=False).findings[0].cause is None

    @hypothesis("cumsum.kind")
    def running(at: Hypothesis) -> Iterator[Explanation]:
        for side, op, arrays in at.given():
            if op.kind == "cumsum":
                met = at.found(OTHER[side], np.cumprod(arrays["x"], op.attrs["axis"]))
                if met:
                    yield at.held("cumsum.kind", f"{op} on the {side}, a product on the other", side, op, met)

    assert [registered.name for registered in hypothesis][-3:] == ["running", "elimination", "doubtful"]
    found = nlblocks.parity.compare(Left(), Right(), (2, 5), training=False).findings[0]
    assert found.cause == "cumsum.kind"
    assert found.error_explained is not None
    assert found.error_explained < 1e-12
