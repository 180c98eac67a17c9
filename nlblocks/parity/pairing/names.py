"""How alike two names are, whatever each codebase calls its layers."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np

from nlblocks.backend import Array

SYNONYMS = {
    "query": "q", "key": "k", "value": "v", "qproj": "q", "kproj": "k", "vproj": "v", "batchnorm": "bn", "norm": "bn",
    "layernorm": "ln", "shortcut": "downsample", "short": "downsample", "output": "out", "classifier": "fc",
    "toq": "q", "tok": "k", "tov": "v", "wq": "q", "wk": "k", "wv": "v", "head": "fc", "embedding": "embed",
    "original0": "g", "original1": "v", "runningmean": "mean", "runningvar": "variance", "var": "variance",
}  # fmt: skip
SPELLING, LAST_WORD = 0.7, 0.3
"""What the letters of two names count, and that their last words are equal: a layer's own name tells more than where it
is."""
UNEQUAL = 0.95
"""Names that are not equal are never more alike than this."""
KNOWN = 200_000
"""Likenesses that are remembered: the names of two models of 400 layers, one by one."""


@lru_cache(maxsize=KNOWN)
def tokens(name: str) -> tuple[str, ...]:
    """The words of a dotted name, without case and underscores, synonyms as one."""
    words = [word.strip("_").lower().replace("_", "") for word in name.split(".") if word.strip("_")]
    return tuple(SYNONYMS.get(word, word) for word in words)


@lru_cache(maxsize=KNOWN)
def likeness(a: str, b: str) -> float:
    """From 0 to 1, which only names of the same words reach."""
    left, right = tokens(a), tokens(b)
    if left == right:
        return 1.0
    last = LAST_WORD if left[-1:] == right[-1:] else 0.0
    letters = SequenceMatcher(None, ".".join(left), ".".join(right)).ratio()
    return UNEQUAL * min(1.0, SPELLING * letters + last)


def likenesses(a: Sequence[str], b: Sequence[str]) -> Array:
    """The likeness of every two names [of a, of b] of models with many, by the pairs of letters that they share.

    Dice's coefficient of the two sets of pairs stands for the ratio of letters that match in order: one product of
    matrices for all names.
    """
    words = [[tokens(name) for name in names] for names in (a, b)]
    letters: dict[str, int] = {}
    ends: dict[tuple[str, ...], int] = {}
    whole: dict[tuple[str, ...], int] = {}
    sets, last, same = list[Array](), list[Array](), list[Array]()
    spelt = [[_pairs(f"^{'.'.join(own)}$") for own in side] for side in words]
    for pair in chain.from_iterable(chain.from_iterable(spelt)):
        letters.setdefault(pair, len(letters))
    for side, own in zip(words, spelt, strict=True):
        rows = np.zeros((len(side), len(letters)), np.float32)
        for row, found in zip(rows, own, strict=True):
            row[[letters[pair] for pair in found]] = 1.0
        sets.append(rows)
        last.append(np.array([ends.setdefault(name[-1:], len(ends)) for name in side]))
        same.append(np.array([whole.setdefault(name, len(whole)) for name in side]))
    shared = 2.0 * (sets[0] @ sets[1].T) / np.add.outer(sets[0].sum(1), sets[1].sum(1))
    alike = SPELLING * shared + LAST_WORD * np.equal.outer(*last)
    return np.where(np.equal.outer(*same), 1.0, UNEQUAL * np.minimum(alike, 1.0))


def _pairs(text: str) -> set[str]:
    """The letters of a text that stand side by side."""
    return set(map("".join, pairwise(text)))
