"""The causes that occur in a report, explained on its own page: what each is, how it shows, how to mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nlblocks.parity.findings import CAUSES

TITLE = "The causes, explained"


def linked(cause: str, prefix: str) -> str:
    """The name of a cause, leading to its explanation; ``prefix`` tells several reports of one page apart."""
    if cause not in CAUSES:
        return f'<span class="cause">{escape(cause)}</span>'
    return f'<a class="cause" href="#{_anchor(cause, prefix)}">{escape(cause)}</a>'


def explained(findings: Sequence[Mapping[str, Any]], prefix: str) -> str:
    """A card of every cause that the findings name; "" where they name none."""
    causes = [cause for cause in dict.fromkeys(finding["cause"] for finding in findings) if cause in CAUSES]
    if not causes:
        return ""
    return f'<div class="card"><h2>{TITLE}</h2>{"".join(_explained(cause, prefix) for cause in causes)}</div>'


def _explained(name: str, prefix: str) -> str:
    cause = CAUSES[name]
    rows = [("shows", escape(cause.shows)), ("mend", escape(cause.mend))]
    rows += [(backend, f"<code>{escape(code)}</code>") for backend, code in CAUSES.spelled(name).items()]
    cells = "".join(f"<dt>{head}</dt><dd>{words}</dd>" for head, words in rows)
    return f'<h3 id="{_anchor(name, prefix)}"><code>{escape(name)}</code>: {escape(cause)}</h3><dl>{cells}</dl>'


def _anchor(cause: str, prefix: str) -> str:
    return escape(f"{prefix}cause-{cause}")
