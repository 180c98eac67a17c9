"""Well-known transformers' checkpoints convert right in both directions, or after the one answer that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from nlblocks.errors import InputError
from parity_tests.helpers.tensors import all_bits, planned, state, stored
from parity_tests.weights.schemes import schemes

SCHEMES = dict(schemes())
ANSWERS = {
    ("paddle", "GPT-2"): "*.c_*.weight=conv1d",
    ("paddle", "GPT-2 without a head"): "*.c_*.weight=conv1d",
    ("paddle", "BART"): "*_attn.*_proj.weight=linear",
    ("paddle", "CLIP"): "*_attn.*_proj.weight=linear",
    ("paddle", "wav2vec2"): "*attention.*_proj.weight=linear",
}
"""Those that need one: what GPT-2 and a MultiheadAttention's look are in the other code."""


@pytest.mark.parametrize("source", ["torch", "paddle"])
@pytest.mark.parametrize("name", SCHEMES)
def test_it_converts_right_or_after_one_answer(name: str, source: str) -> None:
    scheme = SCHEMES[name]
    ours = state(**scheme.shapes)
    theirs = {
        name: stored(np.ascontiguousarray(tensor.numpy().T)) if name in scheme.linear else tensor
        for name, tensor in ours.items()
    }
    here, there = (ours, theirs) if source == "torch" else (theirs, ours)
    answer = ANSWERS.get((source, name))
    if answer is not None:
        try:
            said = planned(here, source).notes  # a note or a question, never silence
        except InputError as error:
            said = (str(error),)
        assert any("--as" in text for text in said)
    pattern, _, kind = (answer or "").rpartition("=")
    found = planned(here, source, answers=[(pattern, kind)] if answer else [])
    assert all_bits(found.tensors) == all_bits(there)
    back = planned(found.tensors, "paddle" if source == "torch" else "torch", found.record)
    assert all_bits(back.tensors) == all_bits(here)


def test_there_are_enough() -> None:
    assert len(SCHEMES) >= 20
