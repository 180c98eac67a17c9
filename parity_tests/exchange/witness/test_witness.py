"""Everybody is heard, what was heard is kept, and a program that differs is a failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from nlblocks import specs
from nlblocks.exchange.witness import hear

SPEC = specs.SqueezeExcitation(in_channels=8, ratio=2)


@pytest.mark.parametrize("framework", ["torch", "paddle"])
def test_everybody_is_heard(framework: str) -> None:
    wide, narrow = hear(SPEC, [framework])
    assert wide
    assert narrow
    assert set(wide.worst) == {("evaluator", "float64"), ("onnxruntime", "float64"), ("reference", "float64")}
    assert set(narrow.worst) == {("evaluator", "float64"), ("onnxruntime", "float64"), ("onnxruntime", "float32")}


def test_what_was_found_is_kept_until_something_changes(tmp_path: Path) -> None:
    assert [each.kept for each in hear(SPEC, ["torch"], cache=tmp_path)] == [False, False]
    assert [each.kept for each in hear(SPEC, ["torch"], cache=tmp_path)] == [True, True]
    assert [each.kept for each in hear(SPEC, ["torch"], seed=1, cache=tmp_path)] == [False, False]


def test_a_program_that_differs_or_is_not_there_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    from nlblocks.errors import InputError
    from nlblocks_torch import exporting

    own = exporting.exported

    def spoilt(*args: Any, **how: Any) -> Any:
        model = own(*args, **how)
        for node in model.graph.node:
            if node.op_type == "Sigmoid":
                node.op_type = "Tanh"
        return model

    monkeypatch.setattr(exporting, "exported", spoilt)
    assert not any(hear(SPEC, ["torch"]))

    def refused(*args: Any, **how: Any) -> Any:
        raise InputError("no such operator")

    monkeypatch.setattr(exporting, "exported", refused)
    found = hear(SPEC, ["torch"])
    assert not any(found)
    assert "NOTHING WAS COMPARED" in str(found[0])
    assert found[0].notes == ("no such operator",)
