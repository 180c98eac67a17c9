"""What the parity lab found out about two models, as data: true only where they are the same, JSON-ready."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from nlblocks.numerics import Comparison
from nlblocks.parity.findings.finding import Finding
from nlblocks.parity.findings.roots import Root, roots
from nlblocks.parity.pairing import Pairing

Verdict = Literal["same", "different", "not compared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """All that was found, in the order in which it was.

    ``undecided`` is what should have been judged and could not be: with it there is no verdict that the two are the
    same. ``not_compared`` is what was not asked for, or follows from what is said. ``helped`` are the places where
    evaluation differs and the right was given what the left has, in training, to see what else differs.
    ``initialisation`` are the initialisers of each pair of tensors, where they were asked for.
    """

    left: str
    right: str
    pairing: Pairing
    seed: int
    shapes: tuple[tuple[int, ...], ...]
    accept: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[int, float, str]] = field(default_factory=list)
    optimisers: tuple[str, str] = ("", "")
    not_compared: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    helped: str = ""
    initialisation: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return self.verdict == "same"

    @property
    def verdict(self) -> Verdict:
        """Silence is never a pass: "same" only where all was judged and agrees, or is accepted.

        Where one model raises on the inputs however it is run, and nothing before explains it, nothing was compared.
        """
        if self.faults and not self.comparisons and all(f.cause == "input.rejected" for f in self.faults):
            return "not compared"
        failed = [c for c in self.comparisons if not (c.passed or c.accepted)]
        if self.faults or any(not c.undecided for c in failed):
            return "different"
        return "not compared" if failed or self.undecided or not self.comparisons else "same"

    @property
    def faults(self) -> list[Finding]:
        """The findings that make the report false."""
        return [finding for finding in self.findings if finding.severity == "fault"]

    @property
    def finding(self) -> Finding | None:
        """The finding to read first: an explained one of the runs, else whatever came first.

        Weights of other shapes come before what the runs were only counted to differ in: no run shows more than that.
        """
        faults = [f for f in self.faults if not f.rank]
        runs = [f for f in faults if f.phase != "pairing"]
        explained = [f for f in runs if f.cause is not None]
        values = [f for f in faults if f.cause == "parameters.values"]
        own = explained[:1] if explained and explained[0].cause != "parameters.values" else []
        if own and own[0].place == "layer" and any(_at(f, own[0]) for f in values):
            values = []  # the explanation says more about the same layer
        counted = bool(explained) and explained[0].error_explained is None and not explained[0].settings
        shapes = [f for f in faults if f.cause == "parameters.shape"] if counted else []
        folded = [f for f in faults if f.cause == "batch_norm.folded"]
        ordered = [*values, *folded, *shapes, *explained, *[f for f in faults if f.cause is not None], *runs, *faults]
        return ordered[0] if ordered else None

    @property
    def roots(self) -> list[Root]:
        """The findings by what there is to mend, the one to read first at the head, the same elsewhere under it."""
        return roots(self.findings, self.finding)

    def words_of_help(self, phase: str, *, agree: bool) -> str:
        """What the verdict on the training forward means where evaluation differs; "" where it means what it says."""
        if not self.helped or phase != "train forward":
            return ""
        given = f"with the right given what the left has at {self.helped}"
        return f"{given}: what else was compared agrees" if agree else f"{given}: something else differs as well"

    def worst(self, phase: str) -> float | None:
        """The largest relative difference in a phase, infinity for a problem; None where nothing was compared."""
        found = self.worst_of(phase)
        if found is None:
            return None
        return math.inf if found.difference.problem else found.difference.relative

    def worst_of(self, phase: str) -> Comparison | None:
        """The tensor of a phase that differs most, relative to its largest value."""
        found = [c for c in self.comparisons if c.phase == phase]
        return max(found, key=lambda c: (bool(c.difference.problem), c.difference.relative), default=None)

    def _findings(self) -> list[dict[str, Any]]:
        """The findings, each with the position of its root."""
        places = {id(finding): place for place, finding in enumerate(self.findings)}
        over = {id(finding): places[id(root.finding)] for root in self.roots for finding in root.under}
        return [{**finding.to_dict(), "root": over.get(id(finding))} for finding in self.findings]

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON-ready; NaN and infinity become null in a file.

        ``verdict`` is "same", "different" or "not compared", ``same`` whether it is the first; ``finding`` what to read
        first (null where nothing is wrong), ``findings`` all of them, each with what to do about it (``mend``), the
        lines of both sides' code (``lines``) and the position of the one that it stands under (``root``, null where it
        is one itself), ``not_compared`` what the verdict does not cover,
        ``undecided`` what kept it from being reached. ``comparisons`` has a row per tensor (phase, group, name, dtype,
        passed, explained, accepted, undecided, problem, relative, error, scale, noise, ratio, index, values; a complex
        value is its two parts), ``accept`` are the causes that were accepted, ``layers`` has a row per operation of the
        left model (op, left, right, error), ``steps`` one per step of training with the ``optimisers``;
        ``pairs`` (the rows of :class:`.pairing.Pairing`: left, right, role, left_shape, right_shape, move, by,
        ambiguous), ``left_only``, ``right_only`` and ``ambiguous`` are the pairing; ``left``, ``right``, ``inputs``
        (shapes), ``seed`` and ``seconds`` tell what was run.
        """
        return {
            "same": bool(self),
            "accept": list(self.accept),
            "verdict": self.verdict,
            "left": self.left,
            "right": self.right,
            "seed": self.seed,
            "inputs": [list(s) for s in self.shapes],
            "seconds": self.seconds,
            "finding": self.finding.to_dict() if self.finding else None,
            "findings": self._findings(),
            "helped": self.helped,
            "initialisation": self.initialisation,
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
            "layers": self.layers,
            "steps": [{"step": s, "error": e, "tensor": n} for s, e, n in self.steps],
            "optimisers": list(self.optimisers),
            "not_compared": self.not_compared,
            "undecided": self.undecided,
            "pairs": [row.to_dict() for row in self.pairing.rows()],
            "left_only": [str(unit) for unit in self.pairing.left_only],
            "right_only": [str(unit) for unit in self.pairing.right_only],
            "ambiguous": list(self.pairing.ambiguous),
        }


def _at(a: Finding, b: Finding) -> bool:
    """Whether two findings are at one layer, or one in a part of the other's."""
    return a.layer_left == b.layer_left or a.layer_left.startswith(f"{b.layer_left}.")
