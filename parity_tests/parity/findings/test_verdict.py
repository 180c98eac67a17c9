"""The verdict of a report: three values, and silence is never a pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nlblocks.numerics import Comparison
from nlblocks.parity.findings import Finding
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.rendering import LabReport

ONES = np.ones(3)
AGREES = Comparison.of(ONES, ONES, phase="eval forward", group="output", name="", dtype="float64", limit=1e-12)
DIFFERS = Comparison.of(ONES, 2 * ONES, phase="eval forward", group="output", name="", dtype="float64", limit=1e-12)
OPEN = replace(AGREES, undecided="the model jumps at topk")
FAULT = Finding(phase="eval forward", place="output")
REJECTED = replace(FAULT, cause="input.rejected")
NOTE = replace(FAULT, severity="note")


def report(comparisons: list[Comparison], findings: list[Finding] | None = None, undecided: str = "") -> LabReport:
    return LabReport(
        left="A", right="B", pairing=Pairing(), seed=0, shapes=((3,),), comparisons=comparisons,
        findings=findings or [], undecided=[undecided] if undecided else [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (report([]), "not compared"),
        (report([AGREES]), "same"),
        (report([AGREES], [NOTE]), "same"),
        (report([AGREES], [FAULT]), "different"),
        (report([], [REJECTED]), "not compared"),
        (report([AGREES], [REJECTED]), "different"),
        (report([], [REJECTED, FAULT]), "different"),
        (report([AGREES, DIFFERS]), "different"),
        (report([AGREES, replace(DIFFERS, accepted=True)]), "same"),
        (report([AGREES, OPEN]), "not compared"),
        (report([AGREES, OPEN, DIFFERS]), "different"),
        (report([AGREES], undecided="the backward pass, because it failed"), "not compared"),
        (report([AGREES], [FAULT], undecided="the backward pass, because it failed"), "different"),
    ],
)
def test_the_verdict(found: LabReport, verdict: str) -> None:
    assert found.verdict == found.to_dict()["verdict"] == verdict
    assert bool(found) is found.to_dict()["same"] is (verdict == "same")


def test_what_could_not_be_judged_is_said() -> None:
    said = str(report([AGREES, OPEN], undecided="the backward pass, because it failed"))
    assert "NOT COMPARED" in said
    assert "output not compared: the model jumps at topk" in said
    assert "? not compared: the backward pass, because it failed" in said
