"""The fault benchmark's judge can say no: a finding in the wrong place or of the wrong name is not counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("paddle")

from benchmarks.faults import judge as judging
from benchmarks.faults.case import Case
from nlblocks.parity.findings import Finding

LAYER = Case(name="layer", family="resnet", at=("layer1.0.bn1",), cause=("batch_norm.eps",))
GAP = Case(name="gap", family="resnet", at=("fc > output",), cause=("output.flipped",))


@dataclass
class Report:
    findings: list[Finding] = field(default_factory=list)
    agrees: bool = False

    def __bool__(self) -> bool:
        return self.agrees

    @property
    def finding(self) -> Finding | None:
        return self.findings[0] if self.findings else None


def finding(**fields: Any) -> Finding:
    return Finding(**({"phase": "eval forward", "place": "layer"} | fields))


def located(case: Case, found: Finding) -> bool:
    return any(judging.matches(found, start, end) for start, end in case.places())


def test_a_layer_is_matched_by_its_name_on_either_side() -> None:
    assert located(LAYER, finding(layer_left="layer1.0.bn1", layer_right="stages.0.0.norm1"))
    assert located(LAYER, finding(layer_right="stages.0.0.norm1"))
    assert not located(LAYER, finding(layer_left="layer1.0.bn2", layer_right="stages.0.0.norm2"))
    assert not located(LAYER, finding(layer_left="layer1.0", layer_right="stages.0.0"))
    assert not located(LAYER, finding())
    assert not located(LAYER, finding(place="between", layer_left="layer1.0.bn1"))


def test_a_gap_is_matched_by_both_ends() -> None:
    assert located(GAP, finding(place="between", after=("fc", "classifier")))
    assert not located(GAP, finding(place="between", after=("avgpool", "pool")))
    assert not located(GAP, finding(place="between", after=("fc", "classifier"), before=("fc", "classifier")))
    assert not located(GAP, finding(layer_left="fc", layer_right="classifier"))


def said(monkeypatch: pytest.MonkeyPatch, case: Case, report: Report) -> tuple[bool, bool, bool]:
    monkeypatch.setattr(judging, "compare", lambda case, seed: report)
    outcome = judging.judge(case)
    return outcome.caught, outcome.located, outcome.explained


def test_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    right = finding(layer_left="layer1.0.bn1", cause="batch_norm.eps")
    elsewhere = finding(layer_left="fc", cause="batch_norm.eps")
    assert said(monkeypatch, LAYER, Report([right])) == (True, True, True)
    assert said(monkeypatch, LAYER, Report([elsewhere, right])) == (True, False, True)
    assert said(monkeypatch, LAYER, Report([finding(layer_left="layer1.0.bn1")])) == (True, True, False)
    assert said(monkeypatch, LAYER, Report()) == (True, False, False)
    assert said(monkeypatch, LAYER, Report([right], agrees=True)) == (False, False, False)


def test_a_crash_catches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(case: Case, seed: int) -> None:
        raise KeyError("weight")

    monkeypatch.setattr(judging, "compare", crash)
    outcome = judging.judge(LAYER)
    assert not outcome.caught
    assert not outcome.passed
    assert outcome.crashed.startswith("KeyError")
