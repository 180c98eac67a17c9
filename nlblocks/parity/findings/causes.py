"""The causes that the parity lab can name, in one table: machine name, what it means in words, and how to mend it.

A cause reads ``kind.attribute``: the layer or operation that is wrong, and what about it. The lab reports a cause only
after it has tried it: with that one thing changed on one side, the two sides meet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from nlblocks.errors import InputError, said
from nlblocks.parity.findings.by_attribute import BY_ATTRIBUTE, MOVING, NAMED_AS, REDUCING
from nlblocks.parity.findings.cause import Cause
from nlblocks.parity.findings.rows.given import GIVEN
from nlblocks.parity.findings.rows.layers import LAYERS
from nlblocks.parity.findings.rows.lockstep import LOCKSTEP
from nlblocks.parity.findings.rows.networks import NETWORKS
from nlblocks.parity.findings.rows.sampling import SAMPLING
from nlblocks.parity.findings.rows.structure import STRUCTURE
from nlblocks.parity.findings.rows.training import TRAINING
from nlblocks.parity.findings.spelling import spelled
from nlblocks.parity.tracing import vocabulary

SECTIONS = {
    "Layers and activations": LAYERS,
    "Pooling, resizing, and what moves elements": SAMPLING,
    "How operations are put together": STRUCTURE,
    "Attention, recurrence, tables": NETWORKS,
    "Losses, gradients, steps of an optimiser": TRAINING,
    "Parameters, inputs, precision": GIVEN,
}
"""The rows of the table by what differs."""
SUGGESTED = 6
"""How many causes a message suggests for a name that is none."""


class Causes(dict[str, Cause]):
    """The table: the machine name of every cause."""

    @property
    def renamed(self) -> Collection[tuple[str, str]]:
        """The (kind, attribute) pairs whose cause has another name than these make."""
        return BY_ATTRIBUTE.keys()

    def of(self, kind: str, attribute: str) -> str:
        """The name of a cause in the table: what it is called that operations of one kind differ in an attribute."""
        if (kind, attribute) in BY_ATTRIBUTE:
            return BY_ATTRIBUTE[kind, attribute]
        name = f"{NAMED_AS.get(kind, kind)}.{attribute}"
        if name in self:
            return name
        if attribute == "axis" and kind in REDUCING:
            return "reduce.axis"
        if kind in vocabulary.LOSSES:
            return f"loss.{attribute}" if f"loss.{attribute}" in self else "loss.settings"
        if kind in vocabulary.LAYOUT or kind in MOVING:
            return "reshape.order"
        return {"reduction": "loss.reduction", "scale": "attention.scale"}.get(attribute, "operation.argument")

    @property
    def sections(self) -> Mapping[str, Mapping[str, Cause]]:
        """The whole table by what differs, those of trainings in lockstep last."""
        own = {name for rows in SECTIONS.values() for name in rows}
        others = {name: cause for name, cause in self.items() if name not in own}
        found = {**SECTIONS, "From elsewhere": others, "Trainings in lockstep": self.in_lockstep}
        return {title: rows for title, rows in found.items() if rows}

    @property
    def in_lockstep(self) -> Mapping[str, Cause]:
        """What it means that a step in lockstep parts first in a kind of tensor. No finding names one."""
        return LOCKSTEP

    def spelled(self, name: str) -> dict[str, str]:
        """How each backend's framework spells what a cause names, where it is one call, by the backend's name."""
        return spelled(name)

    def like(self, text: str) -> list[str]:
        """The causes that may be meant by a text: part of a name, a kind's initials ("bn"), words, or a slip."""
        text = text.strip().lower()
        table = {**self, **self.in_lockstep}
        kind, _, attribute = text.partition(".")
        parts = [name for name in table if text in name]
        initials = [name for name in table if _initials(name) == kind and name.partition(".")[2].startswith(attribute)]
        words = [name for name, cause in table.items() if text in cause.lower()]
        close = get_close_matches(text, table, n=5)
        return list(dict.fromkeys([*parts, *initials, *close, *words]))[:SUGGESTED] if text else []

    def accepted(self, causes: Collection[str]) -> tuple[str, ...]:
        """The causes to accept, checked. Raises InputError for one that is not in the table."""
        if not isinstance(causes, Collection):
            raise InputError(f"accept={said(causes)} must be names of causes, e.g. ('batch_norm.variance',)")
        given = (causes,) if isinstance(causes, str) else tuple(causes)
        for cause in given:
            if cause not in self:
                like = [name for name in self.like(cause) if name in self] if isinstance(cause, str) else []
                hint = f"did you mean {', '.join(like)}?" if like else "nlblocks causes lists them"
                raise InputError(f"accept={said(cause)} names no known cause; {hint}")
        return given


def _initials(name: str) -> str:
    """The first letters of a kind's words: "bn" of batch_norm.eps."""
    return "".join(word[0] for word in name.partition(".")[0].split("_"))


CAUSES = Causes({name: cause for rows in SECTIONS.values() for name, cause in rows.items()})
"""Every cause by its name. A trap from elsewhere adds its own row before it registers its hypothesis."""
