"""What a user says that tensors are, where names and shapes leave it open: ``--as 'norm*=instance_norm'``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from nlblocks.errors import InputError, one_of
from nlblocks.specs.base import Shape

Own = Mapping[str, Shape]
"""A module's own tensors: leaf → shape."""


def _two_axes(leaf: str, own: Own) -> bool:
    return len(own[leaf]) == 2


def _any(leaf: str, own: Own) -> bool:
    return True


def _norm(leaf: str, own: Own) -> bool:
    return leaf in ("weight", "scale") and len(own[leaf]) == 1 and own.get("bias") == own[leaf]


def _vector(leaf: str, own: Own) -> bool:
    return leaf in ("weight", "_weight") and len(own[leaf]) == 1 and "bias" not in own


def _layer_norm(leaf: str, own: Own) -> bool:
    return leaf == "weight" and own.get("bias", own[leaf]) == own[leaf]


def _bilinear(leaf: str, own: Own) -> bool:
    return leaf == "weight" and len(own[leaf]) == 3


KINDS: dict[str, Callable[[str, Own], bool]] = {
    "linear": _two_axes, "conv1d": _two_axes, "embedding": _two_axes, "parameter": _any, "instance_norm": _norm,
    "batch_norm": _norm, "group_norm": _norm, "layer_norm": _layer_norm, "rms_norm": _vector, "prelu": _vector,
    "bilinear": _bilinear,
}  # fmt: skip
"""Kind → whether a tensor, the leaf of a module, can be its weight. "conv1d" is GPT-2's: [in, out] everywhere."""


class Answers:
    """What ``pairs`` of (pattern, kind) say of a file's tensors.

    A pattern (``*`` stands for anything, dots too) is that of a tensor's name, of its module's, or of its module's last
    word; of the tensors that it names, it speaks of those that can be of its kind. Raises InputError where a pattern
    names none, or two of them differ. ``given`` is another name that a tensor has in the file.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]], modules: Mapping[str, Own], given: Mapping[str, str]) -> None:
        self._said: dict[str, str] = {}
        for pattern, kind in pairs:
            if kind not in KINDS:
                raise InputError(f"--as '{pattern}={kind}': {kind!r} is no kind; it {one_of(kind, KINDS)}")
            named = [
                (prefix + leaf, KINDS[kind](leaf, own)) for prefix, own in modules.items() for leaf in own
                if _names(pattern, prefix, leaf, given.get(prefix + leaf, ""))
            ]  # fmt: skip
            fitting = [name for name, fits in named if fits]
            if not named:
                raise InputError(f"--as '{pattern}={kind}' names no tensor; nlblocks inspect shows the names")
            if not fitting:
                raise InputError(f"--as '{pattern}={kind}': {named[0][0]} cannot be one by its shape")
            for name in fitting:
                before = self._said.setdefault(name, kind)
                if before != kind:
                    raise InputError(f"{name} is said to be {before} and {kind}; narrow one of the patterns of --as")

    def of(self, *names: str) -> str:
        """The kind that is said of the first of ``names`` of which one is; "" where nothing is said."""
        return next((self._said[name] for name in names if name in self._said), "")


def _names(pattern: str, prefix: str, leaf: str, given: str) -> bool:
    module = prefix.removesuffix(".")
    texts = (prefix + leaf, given, module, module.rpartition(".")[2])
    return any(fnmatchcase(text, pattern) for text in texts if text)


def patterns_of(names: Sequence[str], others: Iterable[str]) -> list[str]:
    """As few patterns as possible that name ``names``, and none of ``others``."""
    others = [name for name in others if name not in set(names)]
    words = [name.split(".") for name in names]
    if len({len(each) for each in words}) == 1:
        whole = ".".join(_one_word(each) for each in zip(*words, strict=True))
        if not any(fnmatchcase(name, whole) for name in others):
            return [whole]
    shared = itertools.takewhile(lambda pair: len(set(pair)) == 1, zip(*(each[::-1] for each in words), strict=False))
    end = ".".join(["*", *[pair[0] for pair in shared][::-1]])
    if end.count(".") > 1 and not any(fnmatchcase(name, end) for name in others):
        return [end]
    found = []
    for name in names:
        pattern = re.sub(r"(?<![^.])\d+(?=\.)", "*", name)
        found.append(name if any(fnmatchcase(other, pattern) for other in others) else pattern)
    return list(dict.fromkeys(found))


def _one_word(words: Sequence[str]) -> str:
    """What the words have in common, with a star for the rest."""
    if len(set(words)) == 1:
        return words[0]
    alike = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*words, strict=False))
    start = "".join(letters[0] for letters in alike).rstrip("0123456789")
    return f"{start}*" if all(len(word) > len(start) for word in words) else "*"
