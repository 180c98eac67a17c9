"""One cause: what it is in words, and how to mend it."""

from __future__ import annotations

from typing import Any


class Cause(str):
    """What a cause is, in words; ``mend`` says what to write so that both sides do the same."""

    __slots__ = ("mend",)
    mend: str

    def __new__(cls, words: str, mend: str) -> Cause:
        self = super().__new__(cls, words)
        object.__setattr__(self, "mend", mend)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Cause is not to be changed: {name}={value!r}")

    def __reduce__(self) -> tuple[type[Cause], tuple[str, str]]:
        return Cause, (str(self), self.mend)
