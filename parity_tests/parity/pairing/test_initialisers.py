"""How two models were built is compared beside what they compute: kind, mean and deviation of each pair of tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from torch import nn  # noqa: E402

from nlblocks import parity  # noqa: E402
from nlblocks.parity.pairing.initialisers import InitialRow  # noqa: E402
from nlblocks.parity.pairing.units import Ref  # noqa: E402

pnn = paddle.nn


def row(left: Any, right: Any) -> InitialRow:
    ref = Ref("w", None, False, tuple(left.shape))
    return InitialRow.of(ref, ref, "weight", ({"w": np.asarray(left)}, {"w": np.asarray(right)}))


def drawn(seed: int, shape: tuple[int, ...] = (64, 64)) -> dict[str, Any]:
    rng, normal = np.random.default_rng(seed), np.random.default_rng(seed + 100).normal(size=(2, *shape))
    cut = np.where(np.abs(normal[0]) < 2, normal[0], np.clip(normal[1], -1, 1))
    return {
        "uniform": rng.uniform(-1, 1, shape), "normal": normal[0], "truncated normal": cut,
        "orthogonal": np.linalg.qr(normal[0])[0] if len(shape) == 2 else normal[0], "zeros": np.zeros(shape),
        "ones": np.ones(shape), "constant": np.full(shape, 0.25),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["uniform", "normal", "orthogonal", "zeros", "ones", "constant"])
def test_a_kind_is_known_by_its_values(kind: str) -> None:
    assert {row(drawn(seed)[kind], drawn(seed)["zeros"]).on_left.kind for seed in range(10)} == {kind}


def test_torch_s_truncated_normal_is_one() -> None:
    values = nn.init.trunc_normal_(torch.empty(64, 64), std=0.02, a=-0.04, b=0.04).numpy()
    assert row(values, values).on_left.kind == "truncated normal"


def test_two_draws_of_one_initialiser_are_alike_however_often() -> None:
    for shape in ((3,), (16, 3, 3, 3), (64, 64)):
        for seed in range(60):
            first, second = drawn(seed, shape)["uniform"], drawn(seed + 1000, shape)["uniform"]
            assert not row(first, second).differs, (shape, seed)


@pytest.mark.parametrize(
    ("left", "right"),
    [("uniform", "normal"), ("normal", "zeros"), ("zeros", "ones"), ("ones", "constant"), ("normal", "orthogonal")],
)
def test_another_kind_differs(left: str, right: str) -> None:
    values = drawn(0)
    assert row(values[left], values[right]).differs
    assert row(values[right], values[left]).differs


@pytest.mark.parametrize("change", [lambda v: 1.3 * v, lambda v: v + 0.3])
def test_another_deviation_or_mean_differs(change: Any) -> None:
    assert row(drawn(0)["normal"], change(drawn(1)["normal"])).differs


def convs() -> tuple[Any, Any]:
    torch.manual_seed(0)
    paddle.seed(0)
    return (
        nn.Sequential(nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), nn.Linear(6, 5)),
        pnn.Sequential(pnn.Conv2D(16, 16, 3), pnn.BatchNorm2D(16), pnn.Linear(6, 5)),
    )


def compared(*models: Any, **options: Any) -> Any:
    return parity.compare(*models, (1, 16, 8, 8), training=False, **options)


def test_the_frameworks_own_layers_are_initialised_otherwise_and_that_is_a_fault_where_it_is_asked() -> None:
    assert compared(*convs())
    report = compared(*convs(), initialisation=True)
    assert report.verdict == "different"
    assert {finding.cause for finding in report.faults} == {"parameters.initialiser"}
    assert all(c.passed for c in report.comparisons)
    assert {c.phase for c in report.comparisons} == {"eval forward", "float32"}
    said = str(report)
    assert "0.weight: uniform, deviation 0.0482 (Kaiming by fan-in, a=√5) | normal, deviation 0.118" in said
    assert "✓ 1.weight: ones | ones" in said


def test_one_that_is_accepted_is_none() -> None:
    assert compared(*convs(), initialisation=True, accept="parameters.initialiser")


def test_the_same_initialisers_are_the_same() -> None:
    torch.manual_seed(0)
    left, right = (nn.Sequential(nn.Conv2d(16, 16, 3), nn.Linear(6, 5)) for _ in range(2))
    report = compared(left, right, initialisation=True)
    assert report, str(report)
    assert "4 of 4 pairs alike" in str(report)


def test_models_with_their_own_weights_are_told_that_they_were_built_otherwise() -> None:
    report = compared(*convs(), transfer=False, randomise=False)
    notes = [finding for finding in report.findings if finding.cause == "parameters.initialiser"]
    assert {finding.severity for finding in notes} == {"note"}
    assert "deviation 0.0482" in notes[0].explanation
    assert "deviation 0.118" in notes[0].explanation
    assert "--initialisation" in report.finding.mend


def test_the_rows_are_in_the_file_and_on_the_page(tmp_path: Path) -> None:
    report = compared(*convs(), initialisation=True)
    report.save(tmp_path / "r.json")
    report.save(tmp_path / "r.html")
    rows = json.loads((tmp_path / "r.json").read_text())["initialisation"]
    assert [row["left"] for row in rows if row["differs"]] == ["0.weight", "0.bias", "2.bias"]  # 30 weights: too few
    assert ">Initialisers<" in (tmp_path / "r.html").read_text()
    assert "initialisation" not in str(compared(*convs()))
