"""Which backends a proof takes, and what its report is."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

import nlblocks
from nlblocks import backend
from nlblocks.proof import Report, all_agree
from nlblocks.specs import NonLocal

SPEC = NonLocal(in_channels=4, mode="dot_product")


@pytest.fixture(scope="module")
def report() -> Report:
    return nlblocks.verify(SPEC)


def test_every_registered_backend_is_compared_unless_some_are_named(report: Report, require: Any) -> None:
    require("torch", "paddle")
    assert report.backends == tuple(backend.rows())
    pairs = {name for check in report.checks for name in check.pair}
    assert pairs >= set(report.backends)


def test_a_registered_backend_that_cannot_be_used_is_an_error_and_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = backend.Row("nlblocks_paddle", "no_such_framework", "", "paddle")
    monkeypatch.setitem(backend._BUILT_IN, "paddle", missing)
    backend.rows.cache_clear()
    try:
        with pytest.raises(nlblocks.BackendError, match="needs no_such_framework, which is not installed"):
            nlblocks.verify(SPEC)
    finally:
        monkeypatch.undo()
        backend.rows.cache_clear()


def test_a_report_is_built_once(report: Report) -> None:
    assert report
    assert report.seconds > 0
    with pytest.raises(FrozenInstanceError):
        report.checks = ()  # type: ignore[misc]


def test_a_report_in_json_has_a_row_for_every_comparison(report: Report) -> None:
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert len(found["checks"]) == len(report.checks)
    assert {row["mode"] for row in found["checks"]} == {"eval", "train"}
    for row, check in zip(found["checks"], report.checks, strict=True):
        assert (row["group"], row["tensor"], tuple(row["pair"])) == (check.group, check.name, check.pair)
        assert row["passed"] is check.passed is True


def test_no_reports_are_no_agreement(report: Report) -> None:
    assert all_agree([report, report])
    assert not all_agree([])


@pytest.mark.parametrize("others", [("torch", "reference"), ("torch", "paddle", "reference"), ("torch", "paddle")])
def test_a_gradient_that_is_missing_or_of_another_shape_is_found(
    others: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, require: Any
) -> None:
    require(*others[:-1])
    torch = backend.get("torch")
    run = torch.run

    def missing(found: Any) -> Any:
        return replace(found, grad_params={n: g for n, g in found.grad_params.items() if n != "g.weight"})

    def folded(found: Any) -> Any:
        """One number that gives the same sum along any direction that is one number too."""
        return replace(found, grad_params={n: g.sum(0, keepdims=True) for n, g in found.grad_params.items()})

    def without_input(found: Any) -> Any:
        return replace(found, grad_input=None)

    for change in (missing, folded, without_input):
        monkeypatch.setattr(torch, "run", lambda *a, change=change, **k: change(run(*a, **k)))
        found = nlblocks.verify(SPEC, others)
        assert not found
        assert all(check.group in ("grad_params", "grad_input", "derivative") for check in found.failures)
        assert found.failures[0].difference.problem


def test_nan_in_the_same_place_everywhere_is_a_failure(monkeypatch: pytest.MonkeyPatch, require: Any) -> None:
    require("torch", "paddle")

    def spoilt(one: Any) -> Any:
        run = one.run

        def wrong(*args: Any, **how: Any) -> Any:
            found = run(*args, **how)
            output = found.output.copy()
            output.flat[0] = float("nan")
            return replace(found, output=output)

        return wrong

    for name in ("torch", "paddle"):
        monkeypatch.setattr(backend.get(name), "run", spoilt(backend.get(name)))
    found = nlblocks.verify(SPEC, ("torch", "paddle"))
    assert {check.group for check in found.failures} == {"output"}
