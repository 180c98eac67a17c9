"""What the parity lab found out about two models: true where they are the same, printable, JSON, HTML."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlblocks.errors import InputError, file_path
from nlblocks.parity.findings.comparison import Comparison
from nlblocks.parity.findings.finding import Finding
from nlblocks.parity.pairing.pair import Pairing
from nlblocks.weights.files.atomic import replacing


@dataclass(slots=True, kw_only=True)
class LabReport:
    """The result of :func:`nlblocks.parity.compare`."""

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
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.comparisons) and not self.faults and all(c.passed or c.accepted for c in self.comparisons)

    @property
    def faults(self) -> list[Finding]:
        """The findings that make the report false."""
        return [finding for finding in self.findings if finding.severity == "fault"]

    @property
    def finding(self) -> Finding | None:
        """The finding to read first: an explained one of the runs, else whatever came first."""
        faults = [f for f in self.faults if not f.rank]
        runs = [f for f in faults if f.phase != "pairing"]
        explained = [f for f in runs if f.cause is not None]
        values = [f for f in faults if f.cause == "parameters.values"]
        if explained and explained[0].place == "layer" and any(_at(f, explained[0]) for f in values):
            values = []  # the explanation says more about the same layer
        ordered = [*values, *explained, *[f for f in faults if f.cause is not None], *runs, *faults]
        return ordered[0] if ordered else None

    def worst(self, phase: str) -> float | None:
        """The largest relative difference in a phase, tensors that are zero but for rounding left out."""
        found = [c for c in self.comparisons if c.phase == phase]
        if not found:
            return None
        return max(
            float("inf")
            if c.difference.problem
            else 0.0
            if c.passed and c.noise * 32 >= c.difference.scale
            else c.difference.relative
            for c in found
        )

    def __str__(self) -> str:
        lines = [f"{self.left} against {self.right}, input {' '.join(str(list(s)) for s in self.shapes)}"]
        if not self.comparisons and not self.faults:
            return f"{lines[0]}: NOTHING WAS COMPARED"
        verdict = "the same" if self else "DIFFERENT"
        lines[0] += (
            f": {verdict} ({_count(len(self.pairing.pairs), 'layer')} paired, "
            f"{_count(len(self.comparisons), 'tensor')} compared, {self.seconds:.1f} s)"
        )
        for phase in dict.fromkeys(c.phase for c in self.comparisons):
            found = [c for c in self.comparisons if c.phase == phase]
            agree = sum(c.passed for c in found)
            ratio = max((c.ratio for c in found), default=0.0)
            noise = f", {ratio:.2g} noise floors" if ratio else ""
            differ = len(found) - agree
            wanted = bool(differ) and not any(f.phase == phase for f in self.faults)
            worst = self.worst(phase)
            mark = "·" if wanted else "✗" if differ else "✓"
            lines.append(
                f"  {phase:14} {mark} worst {worst:.1e}{noise}, {agree} of {len(found)} agree"
                f"{', the rest is accepted' if wanted else ''}"
            )
            if differ and not wanted:
                lines.append(f"  {'':16} {next(c for c in found if not c.passed).words}")
        if self.steps:
            rules = " / ".join(dict.fromkeys(self.optimisers))
            step, error, name = max(self.steps, key=lambda row: row[1])
            fault = any(f.phase == "training" and f.place != "attributes" for f in self.faults)
            lines.append(
                f"  {'training':14} {'✗' if fault else '✓'} worst {error:.1e} of the way that a weight went "
                f"({name or 'none moved'}, step {step}), {rules}"
            )
        first = self.finding
        if first is not None:
            lines.append(f"  ✗ {first}" + (f" [{first.cause}]" if first.cause else ""))
        groups: dict[tuple[str, str | None], list[Finding]] = {}
        for finding in self.findings:
            if first is None or not _repeats(finding, first):
                groups.setdefault((finding.severity, finding.cause), []).append(finding)
        for (severity, cause), alike in groups.items():
            shown = alike if len(alike) <= 3 or cause is None else alike[:1]
            mark = "·" if severity == "note" else "✗"
            lines += [f"  {mark} {finding}" + (f" [{cause}]" if cause else "") for finding in shown]
            if len(alike) > len(shown):
                lines.append(f"    and {len(alike) - len(shown)} more of this cause")
        lines += [f"  · not compared: {text}" for text in self.not_compared]
        if any(f.cause == "batch_norm.variance" for f in self.faults):
            lines.append(
                "  Both frameworks' own BatchNorm layers differ so; if that is wanted, accept batch_norm.variance."
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON-ready; NaN and infinity become null in a file.

        ``same`` is the verdict, ``finding`` what to read first (null where nothing is wrong), ``findings`` all of
        them, ``not_compared`` what the verdict does not cover. ``comparisons`` has a row per tensor (phase, group,
        name, dtype, passed, problem, relative, error, scale, noise, ratio, index, values), ``layers`` one per operation
        of the left model (op, left, right, error), ``steps`` one per step of training with the ``optimisers``;
        ``pairs``, ``left_only``, ``right_only`` and ``ambiguous`` are the pairing; ``left``, ``right``, ``inputs``
        (shapes), ``seed`` and ``seconds`` tell what was run.
        """
        return {
            "same": bool(self),
            "left": self.left,
            "right": self.right,
            "seed": self.seed,
            "inputs": [list(s) for s in self.shapes],
            "seconds": self.seconds,
            "finding": self.finding.to_dict() if self.finding else None,
            "findings": [finding.to_dict() for finding in self.findings],
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
            "layers": self.layers,
            "steps": [{"step": s, "error": e, "tensor": n} for s, e, n in self.steps],
            "optimisers": list(self.optimisers),
            "not_compared": self.not_compared,
            "pairs": [
                {
                    "left": str(a),
                    "right": str(b),
                    "role": role,
                    "shape": list(a.shape),
                    "transposed": a.transposed != b.transposed,
                }
                for a, b, role, *_ in self.pairing.roles()
            ],
            "left_only": [str(unit) for unit in self.pairing.left_only],
            "right_only": [str(unit) for unit in self.pairing.right_only],
            "ambiguous": list(self.pairing.ambiguous),
        }

    def save(self, path: str | Path) -> None:
        """Write ``.html`` (one self-contained page) or ``.json``, whole or not at all."""
        target = file_path(path)
        check_report_path(target)
        if target.suffix == ".html":
            from nlblocks.parity.rendering.html import page

            text = page(self.to_dict(), str(self))
        else:
            text = json.dumps(_finite(self.to_dict()), indent=1, allow_nan=False)
        with replacing(target) as file:
            file.write(text.encode())


def check_report_path(path: Path) -> None:
    """Raise InputError for a file that a report cannot be written to."""
    if path.suffix not in (".html", ".json"):
        raise InputError(f"report {path} must end in .html or .json")
    if path.is_dir():
        raise InputError(f"report {path} is a folder; give a file")
    if not path.parent.is_dir():
        raise InputError(f"report {path}: there is no folder {path.parent}; make it first")


def _finite(value: Any) -> Any:
    """The same with None for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _repeats(finding: Finding, first: Finding) -> bool:
    """Whether a finding is the first one, or the attribute that explains it said again."""
    same = (finding.cause, finding.layer_left, finding.layer_right) == (
        first.cause,
        first.layer_left,
        first.layer_right,
    )
    return finding is first or (same and finding.place == "attributes" and finding.severity == "fault")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _at(a: Finding, b: Finding) -> bool:
    """Whether two findings are at one layer, or one in a part of the other's."""
    return a.layer_left == b.layer_left or a.layer_left.startswith(f"{b.layer_left}.")
