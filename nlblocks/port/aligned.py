"""Two texts side by side: which line of the port stands for which line of its original."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

Row = tuple[int | None, int | None]
"""A line of the left text and one of the right, from 0; None where one has none."""


@dataclass(frozen=True, slots=True)
class Sources:
    """A module's source, and the file under OUT, by its ``path``, that it was ported to."""

    module: str
    path: str
    original: str
    ported: str


def aligned(left: Sequence[str], right: Sequence[str]) -> Iterator[Row]:
    """Every line of both texts, in order.

    First what reads the same in both frameworks' words; between that what starts with the same name; the rest in order.
    """
    yield from _matched(left, right, [_words, _target], 0, 0)


def _matched(
    left: Sequence[str], right: Sequence[str], keys: Sequence[Callable[[str], str]], i: int, j: int
) -> Iterator[Row]:
    if not keys or not left or not right:
        yield from zip_longest(range(i, i + len(left)), range(j, j + len(right)))
        return
    key, *rest = keys
    matcher = SequenceMatcher(lambda line: not line, list(map(key, left)), list(map(key, right)), autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(range(i + a, i + b), range(j + c, j + d), strict=True)
        else:
            yield from _matched(left[a:b], right[c:d], rest, i + a, j + c)


def _words(line: str) -> str:
    """A line in words that are neither framework's."""
    return line.strip().casefold().replace("nn.layer", "nn.module").replace("paddle", "torch")


def _target(line: str) -> str:
    """What a line assigns, calls or defines."""
    found = re.match(r"\s*([\w. ]+)", line)
    return found[1].strip() if found else ""
