"""The pairing is public data: a row for each pair of tensors, with what decided it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

SHAPE = (2, 3, 6, 6)


def both() -> tuple[Any, Any]:
    left = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 5))
    right = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 3), paddle.nn.BatchNorm2D(4), paddle.nn.Linear(4, 5))
    return left, right


def rows(*models: Any, **options: Any) -> dict[str, Any]:
    report = parity.compare(*models, SHAPE, training=False, **options)
    return {row.left: row for row in report.pairing.rows()}


def test_a_row_tells_both_names_both_shapes_and_what_becomes_of_the_layout() -> None:
    found = rows(*both())
    assert len(found) == 8
    linear = found["2.weight"]
    assert (linear.right, linear.left_shape, linear.right_shape) == ("2.weight", (5, 4), (4, 5))
    assert (linear.role, linear.move, linear.ambiguous) == ("weight", "transposed", False)
    assert (found["0.weight"].move, found["1.running_mean"].right) == ("", "1.running_mean")


def test_a_row_tells_what_decided() -> None:
    assert {row.by for row in rows(*both()).values()} == {"name"}
    hinted = rows(*both(), rename={"0": "0"})
    assert (hinted["0.weight"].by, hinted["2.bias"].by) == ("rename", "name")


def test_the_file_and_the_page_have_the_same_rows(tmp_path: Path) -> None:
    report = parity.compare(*both(), SHAPE, training=False)
    report.save(tmp_path / "r.json")
    report.save(tmp_path / "r.html")
    held = json.loads((tmp_path / "r.json").read_text())["pairs"]
    assert held == [row.to_dict() for row in report.pairing.rows()]
    page = (tmp_path / "r.html").read_text()
    assert "transposed" in page
    assert ">name<" in page
