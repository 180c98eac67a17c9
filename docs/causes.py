"""docs/causes.md, out of the table of causes that the lab names.

python -m docs.causes    # writes docs/causes.md
"""

from __future__ import annotations

from collections.abc import Iterator

from docs.rooms import ROOT
from nlblocks.parity import CAUSES

PAGE = ROOT / "docs" / "causes.md"
HEAD = """# Causes

Made from the code by `make docs`; a test fails when this page is stale. `nlblocks causes` shows the same in a terminal,
`nlblocks causes batch_norm.eps` one of them.

A finding names a cause in brackets where it has tried it: with that one thing changed on one side, the two sides meet.
What is written for torch and for Paddle computes the same in both; `x`, `y` and the like are tensors, `net` is a model.
What `accept` can do about a cause: [concepts](concepts.md#what-accept-can-and-cannot-do).
"""


def _kind(cause: str) -> str:
    return cause.partition(".")[0]


def _cause(name: str) -> Iterator[str]:
    cause = next(rows[name] for rows in CAUSES.sections.values() if name in rows)
    yield f'<a id="{name}"></a>**{name}**: {cause}\n'
    yield f"- shows: {cause.shows}"
    yield f"- mend: {cause.mend}"
    for backend, code in CAUSES.spelled(name).items():
        yield f"- {backend}: `{code}`"
    yield ""


def markdown() -> str:
    """The page: a section for what differs, a heading for each kind, and each cause under an anchor of its name."""
    lines = [HEAD]
    for title, rows in CAUSES.sections.items():
        lines.append(f"## {title}\n")
        for kind in dict.fromkeys(map(_kind, rows)):
            lines.append(f"### {kind}\n")
            lines += [line for name in rows if _kind(name) == kind for line in _cause(name)]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(markdown(), encoding="utf-8")
