"""What losses compute, in NumPy, is what torch computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nlblocks.parity.formulas.evaluate import evaluate  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")  # torch, of its own kl_div
F = torch.nn.functional
DRAW = np.random.default_rng(3)
X, Y, Z, W = DRAW.normal(size=(6, 4)), DRAW.normal(size=(6, 4)), DRAW.normal(size=(6, 4)), DRAW.random(4)
P, Q, SIGN = DRAW.random((6, 4)), DRAW.dirichlet(np.ones(4), 6), np.sign(Y)
LABEL = np.array([0, 3, 1, 1, -100, 2])
LOGS = torch.tensor(X).log_softmax(1).numpy()
SIGNS = SIGN[:, 0]
COUNT = np.floor(DRAW.random((6, 4)) * 4)

CASES: list[tuple[str, dict[str, Any], dict[str, Any], Any]] = [
    ("nll_loss", {"x": LOGS, "target": LABEL, "weight": W}, {}, F.nll_loss),
    ("cross_entropy", {"x": X, "target": LABEL, "weight": W}, {"label_smoothing": 0.1}, F.cross_entropy),
    ("cross_entropy", {"x": X, "target": Q, "weight": W}, {"label_smoothing": 0.1}, F.cross_entropy),
    ("kl_div", {"x": LOGS, "other": Q}, {"reduction": "batchmean"}, F.kl_div),
    ("kl_div", {"x": LOGS, "other": np.log(Q)}, {"log_target": True}, F.kl_div),
    ("bce", {"x": P, "other": Q, "weight": W}, {}, F.binary_cross_entropy),
    ("bce_logits", {"x": X, "other": Q, "weight": W, "pos_weight": P[0]}, {}, F.binary_cross_entropy_with_logits),
    ("smooth_l1", {"x": X, "other": Y}, {"beta": 0.5, "scaled": True}, F.smooth_l1_loss),
    ("poisson_nll_loss", {"x": X, "target": COUNT}, {"full": True}, F.poisson_nll_loss),
    ("poisson_nll_loss", {"x": P, "target": COUNT}, {"log_input": False}, F.poisson_nll_loss),
    ("gaussian_nll_loss", {"x": X, "target": Y, "var": P}, {"full": True}, F.gaussian_nll_loss),
    ("margin_ranking_loss", {"x": X, "other": Y, "target": SIGN}, {"margin": 0.3}, F.margin_ranking_loss),
    ("hinge_embedding_loss", {"x": X, "target": SIGN}, {"margin": 0.7}, F.hinge_embedding_loss),
    ("cosine_embedding_loss", {"x": X, "other": Y, "target": SIGNS}, {"margin": 0.1}, F.cosine_embedding_loss),
    ("triplet_margin_loss", {"x": X, "positive": Y, "negative": Z}, {"swap": True, "p": 1}, F.triplet_margin_loss),
    ("soft_margin_loss", {"x": X, "target": SIGN}, {}, F.soft_margin_loss),
    ("multi_label_soft_margin_loss", {"x": X, "target": COUNT > 1}, {}, F.multilabel_soft_margin_loss),
    ("multi_margin_loss", {"x": X, "target": abs(LABEL) % 4, "weight": W}, {"p": 2}, F.multi_margin_loss),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{'-'.join(map(str, case[2]))}")
def test_a_loss_is_torchs(case: tuple[str, dict[str, Any], dict[str, Any], Any], reduction: str) -> None:
    kind, arrays, attrs, function = case
    arrays = {role: value.astype(float) if value.dtype == bool else value for role, value in arrays.items()}
    how = {"reduction": reduction, **attrs}
    positional = [torch.tensor(v) for role, v in arrays.items() if role not in ("weight", "pos_weight")]
    named = {role: torch.tensor(arrays[role]) for role in ("weight", "pos_weight") if role in arrays}
    wanted = function(*positional, **named, **{name: value for name, value in how.items() if name != "scaled"})
    arrays = {"variance" if role == "var" else role: value for role, value in arrays.items()}
    np.testing.assert_allclose(evaluate(kind, arrays, how), wanted.numpy(), rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("joined", [False, True])
def test_ctc_is_torchs(reduction: str, *, joined: bool) -> None:
    x = torch.tensor(DRAW.normal(size=(7, 3, 5))).log_softmax(2)
    target = np.array([[1, 1, 2], [3, 4, 0], [2, 0, 0]])
    times, lengths = np.array([7, 6, 3]), np.array([3, 2, 1])
    given = np.concatenate([row[:n] for row, n in zip(target, lengths, strict=True)]) if joined else target
    wanted = F.ctc_loss(x, *(torch.tensor(v) for v in (given, times, lengths)), reduction=reduction)
    arrays = {"x": x.numpy(), "target": given, "input_lengths": times, "target_lengths": lengths}
    np.testing.assert_allclose(evaluate("ctc_loss", arrays, {"reduction": reduction}), wanted.numpy(), rtol=1e-12)
