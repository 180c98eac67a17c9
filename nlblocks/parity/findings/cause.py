"""One cause: what it is in words, how to mend it, and how it shows."""

from __future__ import annotations

from typing import Any


class Cause(str):
    """What a cause is, in words; ``mend`` says what to write so that both sides do the same, ``shows`` what is seen."""

    __slots__ = ("mend", "shows")
    mend: str
    shows: str

    def __new__(cls, words: str, mend: str, shows: str) -> Cause:
        self = super().__new__(cls, words)
        object.__setattr__(self, "mend", mend)
        object.__setattr__(self, "shows", shows)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Cause is not to be changed: {name}={value!r}")

    def __reduce__(self) -> tuple[type[Cause], tuple[str, str, str]]:
        return Cause, (str(self), self.mend, self.shows)
