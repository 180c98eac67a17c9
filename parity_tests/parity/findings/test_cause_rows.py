"""The table of causes: words and a way to mend each, which are read and not changed."""

from __future__ import annotations

import copy
import json
import pickle
import re

import pytest

from nlblocks.parity.findings.causes import CAUSES, Cause


@pytest.mark.parametrize("name", [*CAUSES, *CAUSES.in_lockstep])
def test_every_row_says_what_it_is_and_how_to_mend_it(name: str) -> None:
    cause = {**CAUSES, **CAUSES.in_lockstep}[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", name)
    for text in (cause, cause.mend, cause.shows):
        assert text == text.strip()
        assert text
        assert "\n" not in text
        assert not text.endswith(".") or text.endswith("...")


def test_a_cause_is_its_words() -> None:
    cause = CAUSES["batch_norm.eps"]
    assert cause == "the epsilon of batch normalisation"
    assert f"{cause}" == str(cause) == cause
    assert json.loads(json.dumps(cause)) == cause
    assert "epsilon=" in cause.mend


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda cause: pickle.loads(pickle.dumps(cause))])
def test_a_copy_keeps_the_way_to_mend(copied: object) -> None:
    cause = Cause("words", "a way", "a sight")
    assert callable(copied)
    again = copied(cause)
    assert (type(again), str(again), again.mend, again.shows) == (Cause, "words", "a way", "a sight")


def test_a_cause_is_not_changed() -> None:
    with pytest.raises(AttributeError, match="mend"):
        CAUSES["batch_norm.eps"].mend = "otherwise"


@pytest.mark.parametrize(
    ("kind", "attribute", "name"),
    [
        ("conv_transpose", "stride", "conv.stride"),
        ("group_norm", "affine", "group_norm.affine"),
        ("amax", "axis", "reduce.axis"),
        ("attention", "inverted", "attention.mask_sense"),
        ("l1_loss", "reduction", "loss.reduction"),
        ("roll", "shifts", "reshape.order"),
    ],
)
def test_an_attribute_has_a_cause(kind: str, attribute: str, name: str) -> None:
    assert CAUSES.of(kind, attribute) == name
