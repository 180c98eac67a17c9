"""What a finding leads to: the lines of both sides' code, and what to write on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from nlblocks.parity.findings import CAUSES, Finding
from nlblocks.parity.tracing import vocabulary

Lines = tuple[Mapping[str, str], Mapping[str, str]]
"""The lines of both sides' code, by the site of each call."""


class Told(Protocol):
    """What knows how a side's code is told a setting."""

    def argument(self, setting: vocabulary.Setting, value: Any) -> str: ...


def mended(findings: Sequence[Finding], right: Told, lines: Lines) -> list[Finding]:
    """The findings, with both lines and, of faults, what to do about them.

    What differs in a layer by a cause is said once: where else that shows, in its buffers say, it is the same.
    """
    settings = {_cause_in(f): f.settings for f in findings if f.settings}
    found = [
        replace(f, lines=_lines(f, lines), settings=f.settings or settings.get(_cause_in(f), ())) for f in findings
    ]
    return [replace(f, mend=_mend(f, right)) if f.severity == "fault" else f for f in found]


def _cause_in(finding: Finding) -> tuple[str | None, str, str]:
    return finding.cause, finding.layer_left, finding.layer_right


def _lines(finding: Finding, lines: Lines) -> tuple[str, str]:
    """Those of the operation itself, or of the first call in its layer."""
    found = []
    for site, layer, own in zip(finding.sites, (finding.layer_left, finding.layer_right), lines, strict=True):
        first = next((line for name, line in own.items() if name.rsplit(":", 2)[0] == layer), "") if layer else ""
        found.append(own.get(site) or first)
    return found[0], found[1]


def _mend(finding: Finding, right: Told) -> str:
    """In the right's own words where these are known, else what the table of causes says."""
    if finding.cause is None:
        return ""
    at = f" ({finding.lines[1]})" if finding.lines[1] else ""
    called = finding.operation[1] if finding.place == "between" else ""  # a function has its own arguments
    layer = called or (f"layer {finding.layer_right}" if finding.layer_right else finding.operation[1] or "the model")
    kinds = [setting for setting in finding.settings if setting.name == "kind"]
    if kinds:
        return f"on the right, in {layer}{at}, use {kinds[0].left} instead of {kinds[0].right}"
    arguments = [right.argument(setting, setting.left) for setting in finding.settings]
    if arguments and all(arguments):
        return f"on the right, give {layer}{at} {', '.join(dict.fromkeys(arguments))}"
    words = str(CAUSES[finding.cause].mend)
    if finding.lacking == "right" and finding.operation[0]:
        between = f"between {finding.after[1] or 'the input'} and {finding.before[1] or 'the output'}"
        return f"on the right, add {finding.operation[0]} of the left {between}"
    if finding.lacking == "left" and finding.operation[1]:
        return f"on the right, take out {finding.operation[1]}{at}, or add it on the left"
    told = at and finding.cause.partition(".")[0] not in ("parameters", "input")
    return f"{words} (on the right, {finding.lines[1]})" if told else words
