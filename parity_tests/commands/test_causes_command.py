"""``nlblocks causes``: all, those of a kind, one; and what was meant where there is none."""

from __future__ import annotations

import pytest

from nlblocks.commands.causes import causes
from nlblocks.errors import InputError
from nlblocks.parity import CAUSES
from parity_tests.helpers.command_line import output_of


def test_every_cause_is_listed() -> None:
    said = output_of(causes)
    names = {line.split()[0] for line in said.splitlines() if line.startswith("  ")}
    assert names >= {*CAUSES, *CAUSES.in_lockstep}


def test_the_causes_of_a_kind_are_listed() -> None:
    said = output_of(causes, "layer_norm")
    assert "layer_norm.eps" in said
    assert "batch_norm" not in said


def test_one_is_explained_with_both_spellings() -> None:
    said = " ".join(output_of(causes, "batch_norm.eps").split())
    cause = CAUSES["batch_norm.eps"]
    for words in (f"batch_norm.eps: {cause}", f"shows {cause.shows}", f"mend {cause.mend}"):
        assert words in said
    assert "torch nn.BatchNorm2d(4, eps=1e-3)" in said
    assert "paddle nn.BatchNorm2D(4, epsilon=1e-3)" in said


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bn", "batch_norm.eps"),
        ("bn.var", "batch_norm.variance"),
        ("bacth_norm.eps", "batch_norm.eps"),
        ("Batch_Norm", "batch_norm.eps"),
        ("GELU", "gelu.approximate"),
        ("half a pixel", "interpolate.align_mode"),
        ("batch_norm.epsilon", "batch_norm.eps"),
    ],
)
def test_what_was_meant_is_said(name: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"did you mean .*{meant}"):
        output_of(causes, name)


def test_a_name_that_is_like_none_is_sent_to_the_list() -> None:
    with pytest.raises(InputError, match="no cause is called 'zzz'; nlblocks causes lists all"):
        output_of(causes, "zzz")
