"""One thing that the parity lab found: where, in which phase, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from nlblocks.parity.tracing.vocabulary import Setting

Place = Literal["layer", "between", "parameters", "attributes", "buffers", "output"]
Phase = Literal[
    "pairing", "eval forward", "train forward", "backward", "buffers", "training", "float32", "float32 train"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A difference between two models, in one place.

    ``layer_left`` and ``layer_right`` are dotted names, "" for the root. Where ``place`` is "layer" they name the
    layer whose inputs agree and whose result does not. Where it is "between", the operation that differs is written
    in the forward of ``layer_left`` and ``layer_right`` (the innermost ones), or is a layer that only one side has;
    it lies after the layers ``after`` (the last that agree) and before the layers ``before`` (the first that do not).
    ``cause`` is a name of :data:`nlblocks.parity.findings.causes.CAUSES`, None where no hypothesis made the sides meet;
    ``error`` is the relative difference and ``error_explained`` what is left of it with the cause taken away.
    A ``note`` is something the user should know that does not make the report false. ``rank`` counts the faults that
    were found before this one, and that one side was helped over to find it.
    ``settings`` are the attributes that differ, where it is these, and ``lacking`` the side that does not do what the
    other does. ``lines`` are the lines of both sides' code, such as ``net.py:31``, that call the operation; ``sites``
    name the two calls. ``mend`` says what to write on the right so that it does what the left does.
    """

    phase: Phase
    place: Place
    layer_left: str = ""
    layer_right: str = ""
    cause: str | None = None
    explanation: str = ""
    severity: Literal["fault", "note"] = "fault"
    after: tuple[str, str] = ("", "")
    before: tuple[str, str] = ("", "")
    operation: tuple[str, str] = ("", "")
    error: float | None = None
    error_explained: float | None = None
    rank: int = 0
    settings: tuple[Setting, ...] = ()
    lacking: Literal["left", "right", ""] = ""
    sites: tuple[str, str] = ("", "")
    lines: tuple[str, str] = ("", "")
    mend: str = ""

    def to_dict(self) -> dict[str, Any]:
        found = asdict(self)
        del found["sites"]
        return found

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes two findings the same one."""
        return self.cause, self.place, self.layer_left, self.layer_right, self.after

    @property
    def where(self) -> str:
        """The place in words, with both names where they differ."""
        if self.place == "between":
            return f"between {_pair(*self.after, 'the input')} and {_pair(*self.before, 'the output')}"
        if self.place == "layer":
            return f"layer {_pair(self.layer_left, self.layer_right, 'the model itself')}"
        return f"{self.place} of {_pair(self.layer_left, self.layer_right, 'the model')}"

    @property
    def at(self) -> str:
        """The lines of both sides' code, "" where neither is known."""
        return " / ".join(line or "?" for line in self.lines) if any(self.lines) else ""

    def __str__(self) -> str:
        head = f"{self.phase}, {self.where}{f' ({self.at})' if self.at else ''}"
        return f"{head}: {self.explanation or self.cause or 'different, and no known cause explains it'}"


def _pair(left: str, right: str, root: str) -> str:
    left, right = left or root, right or root
    return left if left == right else f"{left} / {right}"
