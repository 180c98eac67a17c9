"""Pages that people write, with a part between two marks that a program makes."""

from __future__ import annotations

from nlblocks.errors import InputError

Marks = tuple[str, str]


def filled(text: str, marks: Marks, part: str) -> str:
    """A page's text with a new part between its marks. Raises InputError where they are missing."""
    before, first, rest = text.partition(marks[0])
    _, second, after = rest.partition(marks[1])
    if not (first and second):
        raise InputError(f"the page must hold the marks {' and '.join(marks)}, in this order")
    return f"{before}{first}\n\n{part}\n\n{second}{after}"
