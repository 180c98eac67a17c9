"""The report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nlblocks.numerics import Comparison
from nlblocks.parity.findings import Finding, ReportData
from nlblocks.parity.rendering.upwards import upwards

VERDICTS = {"same": "the same", "different": "DIFFERENT", "not compared": "NOT COMPARED"}
SHOWN = 3
"""Places of one fault that are shown one by one; of more, how many there are."""


def text(report: ReportData) -> str:
    """The verdict, a line for each phase, what was found, and what was not compared."""
    head = f"{report.left} against {report.right}, input {' '.join(str(list(s)) for s in report.shapes)}"
    if not report.comparisons and not report.faults:
        return "\n".join([f"{head}: NOTHING WAS COMPARED", *_not_compared(report)])
    head += (
        f": {VERDICTS[report.verdict]} ({_count(len(report.pairing.pairs), 'layer')} paired, "
        f"{_count(len(report.comparisons), 'tensor')} compared, {report.seconds:.1f} s)"
    )
    lines = [head]
    for phase in dict.fromkeys(c.phase for c in report.comparisons):
        lines += _phase(report, phase)
    if report.steps:
        lines.append(_steps(report))
    lines += _initialisers(report)
    lines += _findings(report)
    lines += _not_compared(report)
    if any(f.cause == "batch_norm.variance" for f in report.faults):
        lines.append(
            "  Both frameworks' own BatchNorm layers differ so; if that is wanted, accept batch_norm.variance."
        )
    lines += _more(report)
    return "\n".join(lines)


def _not_compared(report: ReportData) -> list[str]:
    """What kept the verdict from being reached, then what it does not cover."""
    return [
        f"  {mark} not compared: {why}"
        for mark, texts in (("?", report.undecided), ("·", report.not_compared))
        for why in texts
    ]


def _phase(report: ReportData, phase: str) -> Iterator[str]:
    """How many tensors of a phase agree, the worst of them, and the first that does not."""
    found = [c for c in report.comparisons if c.phase == phase]
    agree = sum(c.passed for c in found)
    differ = [c for c in found if not (c.passed or c.undecided or c.explained)]
    ratio = max((c.ratio for c in found), default=0.0)
    noise = f", {ratio:.2g} noise floors" if ratio else ""
    open_ = [c for c in found if c.undecided]
    worst, most = report.worst(phase), report.worst_of(phase)
    rounding = most is not None and most.passed and most.zero and most.difference.error > 0
    zero = f" ({_name(most)}, which is zero but for rounding)" if most is not None and rounding else ""
    mark = "✗" if differ else "?" if open_ else "✓" if agree == len(found) else "·"
    rest = "".join(f", {len(rows)} {words}" for words, rows in _following(report, found).items())
    help_ = report.words_of_help(phase, agree=not differ)
    rest += f", {help_}" if help_ else ""
    more = f", {len(open_)} not compared" if open_ else ""
    yield f"  {phase:14} {mark} worst {upwards(worst or 0.0)}{zero}{noise}, {agree} of {len(found)} agree{rest}{more}"
    if differ:
        yield f"  {'':16} {_apart(differ[0])}"
    for comparison in open_[:SHOWN]:
        yield f"  {'':16} {_name(comparison)} not compared: {comparison.undecided}"
    if len(open_) > SHOWN:
        yield f"  {'':16} and {len(open_) - SHOWN} more tensors not compared"


def _following(report: ReportData, found: list[Comparison]) -> dict[str, list[Comparison]]:
    """The comparisons that differ because of what is said elsewhere, by that in words."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in found:
        if comparison.explained:
            words = said(comparison.explained, report.accept)
            groups.setdefault(words, []).append(comparison)
    return groups


def said(explained: Sequence[str], accept: Sequence[str]) -> str:
    """What a difference follows from: accepted, where all of it is."""
    word = "accepted: " if set(explained) <= set(accept) else "explained by "
    return word + ", ".join(explained)


def _apart(comparison: Comparison) -> str:
    """Where two tensors differ most, and both values there."""
    found, name = comparison.difference, _name(comparison)
    if found.problem:
        return f"{name}: {found.problem}"
    return f"{name} at {list(found.index)}: {found.values[0]:.9g} on the left, {found.values[1]:.9g} on the right"


def _name(comparison: Comparison) -> str:
    return f"{comparison.group} {comparison.name}".rstrip()


def _steps(report: ReportData) -> str:
    """The step of training that is furthest apart."""
    rules = " / ".join(dict.fromkeys(report.optimisers))
    step, error, name = max(report.steps, key=lambda row: row[1])
    apart = [f for f in report.findings if f.phase == "training" and f.place != "attributes" and f.error is not None]
    accepted = dict.fromkeys(str(f.cause) for f in apart if f.severity == "note")
    fault = any(f.severity == "fault" for f in apart)
    rest = f", accepted: {', '.join(accepted)}" if accepted else ""
    return (
        f"  {'training':14} {'✗' if fault else '·' if accepted else '✓'} worst {upwards(error)} of the way that a "
        f"weight went ({name or 'none moved'}, step {step}), {rules}{rest}"
    )


def _initialisers(report: ReportData) -> Iterator[str]:
    """How each pair of tensors is initialised, side by side."""
    rows = report.initialisation
    if not rows:
        return
    differ = sum(row["differs"] for row in rows)
    yield f"  {'initialisers':14} {'✗' if differ else '✓'} {len(rows) - differ} of {len(rows)} pairs alike"
    for row in rows:
        names = row["left"] if row["left"] == row["right"] else f"{row['left']} / {row['right']}"
        yield f"  {'':14} {'✗' if row['differs'] else '✓'} {names}: {row['words'][0]} | {row['words'][1]}"


def _findings(report: ReportData) -> Iterator[str]:
    """What there is to mend, the first to read at the head; the same in other places under it."""
    for root in report.roots:
        finding = root.finding
        mark = "·" if finding.severity == "note" else "✗"
        yield f"  {mark} {finding}" + (f" [{finding.cause}]" if finding.cause else "")
        if finding.mend:
            yield f"      mend: {finding.mend}"
        places = list(dict.fromkeys(_place(other, finding) for other in root.under if not _repeats(other, finding)))
        shown = places[:SHOWN]
        yield from (f"      also {place}" for place in shown)
        if len(places) > len(shown):
            left = len(places) - len(shown)
            yield f"      and in {left} more place{'s' * (left != 1)}"


def _more(report: ReportData) -> Iterator[str]:
    """Where there is more to read about the causes that stand in brackets."""
    causes = dict.fromkeys(root.finding.cause for root in report.roots if root.finding.cause)
    if len(causes) == 1:
        yield f"  more: nlblocks causes {next(iter(causes))}"
    elif causes:
        yield "  more: nlblocks causes NAME, of each name in brackets"


def _repeats(finding: Finding, root: Finding) -> bool:
    """Whether a finding is the attribute that explains the root, said again."""
    layers = (finding.layer_left, finding.layer_right) == (root.layer_left, root.layer_right)
    return layers and finding.place == "attributes" and finding.severity == "fault"


def _place(finding: Finding, root: Finding) -> str:
    """A finding that stands under another: in other words only where it says another thing."""
    same = finding.explanation == root.explanation or finding.settings
    where = f"{finding.phase}, {finding.where}"
    return where if same or not finding.explanation else f"{where}: {finding.explanation}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
