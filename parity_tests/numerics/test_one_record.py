"""The proof of blocks and the comparison of models speak of tensors in one record, with one meaning of each word."""

from __future__ import annotations

from typing import Any

import nlblocks
from nlblocks import parity
from nlblocks.numerics import Comparison
from nlblocks.specs import NonLocal


def test_the_proof_and_the_lab_use_the_same_record(require: Any) -> None:
    require("torch")
    proof = nlblocks.verify(NonLocal(in_channels=4, mode="dot_product"), backends=("torch", "reference"))
    model = nlblocks.build(NonLocal(in_channels=4, mode="dot_product"), backend="torch", dtype="float32")
    lab = parity.compare(model, model, (2, 4, 5, 5))
    assert {type(check) for check in proof.checks} == {type(found) for found in lab.comparisons} == {Comparison}
    assert proof
    assert lab
    for found in (*proof.checks, *lab.comparisons):
        assert found.passed
        assert found.zero is (found.rounding >= 1.0)
        assert (found.limit is None) is (found.dtype == "float32")
        assert (found.noise is None) <= (found.floor == found.ratio == 0.0)
