"""How the command line ends: every exit status, once. 1 says that something differs, and nothing else does."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """An exit status, from 64 on as in sysexits.h, from 128 as shells count; ``meaning`` is its line in the help."""

    meaning: str

    SAME = 0, "done; of a comparison: the same"
    DIFFERENT = 1, "different, and nothing else"
    REFUSED = 2, "refused, or not compared: a line says why"
    INTERNAL = 70, "an error of nlblocks itself: a file to report"
    MEMORY = 71, "out of memory"
    UNWRITTEN = 74, "output could not be written, e.g. a full disk"
    STOPPED = 130, "stopped by Ctrl-C"
    CLOSED = 141, "the reader of the output has closed it"

    def __new__(cls, number: int, meaning: str) -> Status:
        found = int.__new__(cls, number)
        found._value_ = number
        found.meaning = meaning
        return found


def judged(*, different: bool, same: bool) -> Status:
    """What a comparison ends with: that nothing was compared is no difference."""
    return Status.DIFFERENT if different else Status.SAME if same else Status.REFUSED


OF_VERDICT = {"same": Status.SAME, "different": Status.DIFFERENT, "not compared": Status.REFUSED}
"""By what a comparison came to."""
