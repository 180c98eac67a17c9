"""One fault is one finding: what repeats it, or follows from it, stands under it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from nlblocks.parity.findings.finding import Finding

WHOLE = {"parameters.values", "parameters.shape", "parameters.unpaired", "parameters.initialiser"}
"""Causes that are one thing to mend, in however many tensors they show."""
FOLDING = {"conv.bias", "linear.bias", "layer.missing"}
"""What a norm that is folded into a layer shows as: a bias of that layer, and no norm."""


@dataclass(frozen=True, slots=True)
class Root:
    """A finding, and the others that are said with it: the same in other places and phases."""

    finding: Finding
    under: tuple[Finding, ...] = ()


def roots(findings: Sequence[Finding], first: Finding | None) -> list[Root]:
    """The findings by what there is to mend: the one to read ``first``, then the other faults, then the notes."""
    groups: dict[Hashable, list[Finding]] = {}
    for place, finding in enumerate(findings):
        over = next((f for f in findings if _follows(finding, f)), finding)
        groups.setdefault(_key(over) or place, []).append(finding)
    found = []
    for group in groups.values():
        root = first if any(f is first for f in group) and first is not None else _best(group)
        found.append(Root(root, tuple(f for f in group if f is not root)))
    return sorted(found, key=lambda root: (root.finding is not first, root.finding.severity == "note"))


def _follows(finding: Finding, other: Finding) -> bool:
    """Whether a finding is but what another one comes to: a layer alone that the other side shares, a folded norm."""
    if other.cause == "layer.shared" and finding.cause == "parameters.unpaired":
        alone = finding.layer_left or finding.layer_right
        return alone in (other.layer_left, other.layer_right)
    if other.cause == "batch_norm.folded" and finding.cause in FOLDING:
        return finding.layer_left == other.layer_left or finding.layer_right == other.layer_right
    return False


def _best(group: Sequence[Finding]) -> Finding:
    """The one of which it was tried that the two sides meet without it, else the first."""
    return next((f for f in group if f.error_explained is not None), group[0])


def _key(finding: Finding) -> Hashable:
    """What findings have in common that are one; None for one that is by itself."""
    if finding.cause is None:
        return None
    if finding.severity == "note" or finding.cause in WHOLE:
        return finding.cause, finding.severity
    if finding.settings:
        return finding.cause, tuple((s.name, str(s.left), str(s.right)) for s in finding.settings)
    if finding.phase == "buffers":
        return finding.cause, finding.phase
    if finding.lacking:
        return finding.cause, finding.lacking, finding.operation[finding.lacking == "left"].partition(" in ")[0]
    return finding.cause, finding.layer_left, finding.layer_right, finding.after
