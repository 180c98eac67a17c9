"""How alike two names are, whatever each codebase calls its layers."""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import lru_cache

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
