"""What came of a port: the files, the verdict, and what was refused."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nlblocks.port.aligned import Sources
from nlblocks.port.job import Job
from nlblocks.port.page import page
from nlblocks.port.rewrite import Ported, Refused
from nlblocks.statuses import Status
from nlblocks.weights.files.atomic import replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class PortReport:
    """True where the port is proven, or proven but for accepted causes.

    ``verdict`` is "proven", "proven except", "different", "not run" or "refused". ``files`` are those written, under
    ``out``, ``sources`` what they were ported from; ``rows`` count the table's rows that were used; ``unproven`` are
    lines of forward code, by file, that the proof never ran; ``left`` are methods that never ran and were left out;
    ``proof`` is what the lab says of each entry. Of all the ``seconds``, ``translation`` are the processor's for the
    translation alone.
    """

    out: str
    verdict: str
    why: str = ""
    accepted: tuple[str, ...] = ()
    error: float | None = None
    files: tuple[str, ...] = ()
    weights: str = ""
    refused: tuple[Refused, ...] = ()
    notes: tuple[Refused, ...] = ()
    left: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    unproven: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    proof: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[Sources, ...] = ()
    translation: float = 0.0
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return self.verdict.startswith("proven")

    @classmethod
    def of(
        cls, job: Job, files: Mapping[str, Ported], written: Sequence[str], proof: Mapping[str, Any],
        translation: float, seconds: float,
    ) -> PortReport:  # fmt: skip
        refused = tuple(one for found in files.values() for one in found.refused)
        verdict = proof["verdict"]
        if verdict != "proven" and "not ported: " in proof.get("why", ""):
            verdict = "refused"
        rows: Counter[str] = Counter()
        for found in files.values():
            rows.update(found.rows)
        return cls(
            out=job.out, verdict=verdict, why=proof.get("why", ""), accepted=tuple(proof.get("accepted", ())),
            error=proof.get("error"), files=tuple(written), weights=proof.get("weights", ""), refused=refused,
            notes=tuple(one for found in files.values() for one in found.notes),
            left=tuple(one.name for found in files.values() for one in found.left), rows=dict(rows.most_common()),
            unproven=proof.get("unproven", {}), proof=proof,
            translation=translation, seconds=seconds,
            sources=tuple(Sources(one.module, path, one.source, one.text) for path, one in files.items()),
        )  # fmt: skip

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        """What the lab says of each entry; none where nothing was proven."""
        return self.proof.get("entries", ())

    @property
    def status(self) -> Status:
        """The exit status: proven, different, or else refused or not run."""
        if self:
            return Status.SAME
        return Status.DIFFERENT if self.verdict == "different" else Status.REFUSED

    def to_dict(self) -> dict[str, Any]:
        """Everything but the sources and the lab's tables, JSON-ready."""
        apart = ("refused", "notes", "sources", "proof")
        found = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in apart}
        entries = [{name: said for name, said in one.items() if name != "lab"} for one in self.entries]
        found["proof"] = {**self.proof, "entries": entries}
        found["refused"] = [asdict(one) for one in self.refused]
        found["notes"] = [asdict(one) for one in self.notes]
        return found

    def save(self, path: Path) -> None:
        """Write the report: a page for .html, else JSON."""
        if path.suffix.lower() == ".html":
            whole = page(self.to_dict(), self.entries, self.sources, str(self))
        else:
            whole = json.dumps(finite(self.to_dict()), indent=1)
        with replacing(path) as file:
            file.write(whole.encode(errors="backslashreplace"))

    def __str__(self) -> str:
        head = self.verdict.upper()
        if self.accepted and self:
            head += f": {', '.join(self.accepted)}"
        if self.error is not None and self:
            head += f" (largest relative difference in float64: {self.error:.1e})"
        lines = [head, *([self.why] if self.why else [])]
        lines += [f"{one['verdict']}: {one['entry']}" for one in self.entries if len(self.entries) > 1]
        for api, found in _grouped(self.refused).items():
            places = ", ".join(f"{one.module}:{one.line}" for one in found[:3])
            lines.append(f"refused {len(found)} × {api} ({places}{', ...' if len(found) > 3 else ''}): {found[0].why}")
        if self.left:
            more = f" and {len(self.left) - 6} more" if len(self.left) > 6 else ""
            why = "as they never ran and need what is not carried, or torch alone would call them"
            lines.append(f"left out, {why}: {', '.join(self.left[:6])}{more}")
        lines += [f"not compared: {what}" for one in self.entries for what in one.get("not_compared", ())]
        for path, ranges in self.unproven.items():
            told = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
            lines.append(f"not proven: {path}, lines {told}")
        lines.append(f"{len(self.files)} file{'s' * (len(self.files) != 1)} in {self.out}")
        return "\n".join(lines)


def finite(value: Any) -> Any:
    """Data for a JSON file, where NaN and infinity are null."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _grouped(refused: Sequence[Refused]) -> dict[str, list[Refused]]:
    found: dict[str, list[Refused]] = {}
    for one in refused:
        found.setdefault(one.api, []).append(one)
    return found
