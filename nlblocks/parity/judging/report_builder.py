"""What has been found so far in a comparison, and the report that is built of it at the end, once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar, cast

from nlblocks.numerics import Comparison
from nlblocks.parity.findings import CAUSES, Finding, Phase, ReportData
from nlblocks.parity.pairing import InitialRow

PLACES: dict[str, Literal["output", "buffers"]] = {"output": "output", "grad_input": "output", "buffers": "buffers"}
"""Where findings about a tensor of a group are; of others at the parameters."""
PLACES_SAID = 2
"""Places that are said to have been helped over."""
COMPUTED: tuple[Phase, ...] = ("eval forward", "train forward", "backward")
"""Where a difference cannot be accepted, because the results differ by it."""
R = TypeVar("R", bound=ReportData)


class ReportBuilder:
    """Takes comparisons and findings as they are made. Only the judge adds to it.

    ``accept`` are the causes that are known and wanted. Raises InputError for one that is in no table.
    """

    def __init__(self, accept: Collection[str] = ()) -> None:
        self.accept = CAUSES.accepted(accept)
        self.findings: list[Finding] = []
        self.comparisons: list[Comparison] = []
        self._layers: list[dict[str, Any]] = []
        self._steps: Sequence[tuple[int, float, str]] = ()
        self._optimisers = ("", "")
        self._not_compared: dict[str, None] = {}
        self._undecided: dict[str, None] = {}
        self._helped = ""
        self._initialisation: list[dict[str, Any]] = []

    @property
    def faults(self) -> list[Finding]:
        return [f for f in self.findings if f.severity == "fault"]

    @property
    def blocking(self) -> list[Finding]:
        """Faults after which the two sides no longer compute the same."""
        return [f for f in self.faults if f.phase != "buffers" and f.place != "attributes"]

    @property
    def profiled(self) -> bool:
        """Whether the error of every operation is there."""
        return bool(self._layers)

    def before(self, phase: Phase) -> list[Finding]:
        """The blocking faults that a finding of a phase comes after; one of these again is no news."""
        first = phase in ("pairing", "eval forward")  # what the pairing leaves over hinders neither
        return [f for f in self.blocking if not first or f.phase != "pairing"]

    def find(self, *findings: Finding) -> None:
        """Add findings: what is accepted as a note, and no fault twice."""
        for finding in findings:
            self._find(self._weighed(finding))

    def _find(self, finding: Finding) -> None:
        before = self.before(finding.phase)
        if finding.phase == "pairing" or not any(f.identity == finding.identity for f in before):
            self.findings.append(replace(finding, rank=len(before)))

    def _weighed(self, finding: Finding) -> Finding:
        """A note, where the cause is accepted; what it hides is open where it could not be taken away to see."""
        if finding.cause not in self.accept or finding.severity == "note":
            return finding
        if finding.phase in COMPUTED:
            text = f"{finding.explanation} (accepted, but it changes what is computed: make the models alike here)"
            return replace(finding, explanation=text)
        if finding.phase == "training" and finding.place != "attributes" and finding.error_explained is None:
            self.undecided(f"steps of training beside {finding.cause}, which is accepted and could not be taken away")
        return replace(finding, severity="note")

    def compare(self, comparisons: Iterable[Comparison]) -> None:
        """Add comparisons, and say what is NaN or infinite on both sides."""
        for comparison in comparisons:
            self.comparisons.append(comparison)
            self.say_not_finite(comparison)

    def compare_again(self, comparisons: Sequence[Comparison]) -> None:
        """Comparisons in place of those of the same tensors that were made before."""
        again = {(c.phase, c.group, c.name) for c in comparisons}
        self.comparisons = [c for c in self.comparisons if (c.phase, c.group, c.name) not in again]
        self.compare(comparisons)

    def add_drawn_anew(self, other: ReportBuilder) -> None:
        """What was found with other random numbers and not with the first: what agrees in both is no news."""
        rows = [(c.phase, c.group, c.name) for c in other.comparisons]
        differing = {
            row: c
            for row, c in zip(rows, other.comparisons, strict=True)
            if not (c.passed or c.accepted or c.undecided)
        }
        found = [differing.get((c.phase, c.group, c.name), c) if c.passed else c for c in self.comparisons]
        if found == self.comparisons and not other.blocking:
            return
        self.comparisons, known = found, {finding.identity for finding in self.findings}
        news = [finding for finding in other.faults if finding.identity not in known]
        self.find(*(replace(f, explanation=f"with other random numbers, {f.explanation}") for f in news))
        self.skip(*other._not_compared)

    def say_not_finite(self, comparison: Comparison, *, judged: bool = True) -> None:
        """Say what is NaN or infinite on both sides; of a tensor that is no row of the report, also what is open."""
        found, name = comparison.difference.not_finite, f"{comparison.group} {comparison.name}".rstrip()
        if found and not comparison.undecided:
            self.find(Finding(
                phase=cast(Phase, comparison.phase), place=PLACES.get(comparison.group, "parameters"), severity="note",
                cause="values.not_finite", explanation=f"{name}: {found}",
            ))  # fmt: skip
        if comparison.undecided and not judged:
            self.undecided(f"{name} in {comparison.phase}: {comparison.undecided}")

    def reopen(self, phase: Phase, text: str) -> None:
        """What differs in a phase is not judged, and why."""
        self.undecided(text)
        self.comparisons = [
            replace(c, undecided=text) if c.phase == phase and not c.passed and not c.accepted else c
            for c in self.comparisons
        ]

    def help(self) -> None:
        """From here on the right is given what the left has where evaluation differs, to see what else does."""
        places = list(dict.fromkeys(f.where for f in self.blocking if f.phase == "eval forward"))
        left = len(places) - PLACES_SAID
        more = f" and {left} more place{'s' * (left != 1)}" if left > 0 else ""
        self._helped = f"{', '.join(places[:PLACES_SAID])}{more}"

    def initialise(self, rows: Sequence[InitialRow], *, listed: bool) -> None:
        """What is initialised otherwise: a fault, and all are ``listed``, where the user asked; else a note."""
        for row in rows:
            if row.differs:
                layers = (name.rpartition(".")[0] for name in (row.left, row.right))
                self.find(Finding(
                    phase="pairing", place="attributes", layer_left=next(layers), layer_right=next(layers),
                    cause="parameters.initialiser", severity="fault" if listed else "note",
                    explanation=f"{row.role}: {row}",
                ))  # fmt: skip
        self._initialisation = [row.to_dict() for row in rows] if listed else []

    def profile(self, layers: Iterable[dict[str, Any]]) -> None:
        """The error of every operation; the first that are told stay."""
        self._layers = self._layers or list(layers)

    def skip(self, *texts: str) -> None:
        """Say what the verdict does not cover, once: what was not asked for, or follows from a fault that is said."""
        self._not_compared |= dict.fromkeys(texts)

    def undecided(self, *texts: str) -> None:
        """Say what should have been judged and could not be, once: nothing is the same for as long as that is so."""
        self._undecided |= dict.fromkeys(texts)

    def train(self, optimisers: tuple[str, str], steps: Sequence[tuple[int, float, str]]) -> None:
        """Steps of training: (step, difference, tensor) each."""
        self._optimisers, self._steps = optimisers, steps

    def build(self, kind: type[R], **rest: Any) -> R:
        """The report, with the ``rest`` of its fields."""
        return kind(
            accept=self.accept, findings=list(self.findings), comparisons=list(self.comparisons),
            layers=list(self._layers), steps=list(self._steps), optimisers=self._optimisers,
            not_compared=list(self._not_compared), undecided=list(self._undecided), helped=self._helped,
            initialisation=self._initialisation, **rest,
        )  # fmt: skip
