"""What a page's text becomes on the site: links, and files of the repository."""

from __future__ import annotations

import pytest

pytest.importorskip("mkdocs")

from docs.site import rewritten


def on_site(text: str, place: str = "guides/port.md", source: str = "docs/guides/port.md") -> str:
    return rewritten(text, place, source, lambda path: f"files/{path}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[x](../concepts.md#states)", "[x](../concepts.md#states)"),
        ("[x](../../README.md)", "[x](../index.md)"),
        ("[x](../../README.zh-CN.md#a)", "[x](../zh/index.md#a)"),
        ("[x](../../LICENSE)", "[x](../files/LICENSE)"),
        ("![x](../architecture.svg)", "![x](../architecture.svg)"),
        ("[`code`](../../nlblocks) and more", "`code` and more"),
        ("[x](missing.md)", "[x](missing.md)"),
        ("[x](#here)", "[x](#here)"),
        ("[x](https://example.org/y)", "[x](https://example.org/y)"),
        (
            "```text\n[x](../../LICENSE)\n```\n[x](../../LICENSE)",
            "```text\n[x](../../LICENSE)\n```\n[x](../files/LICENSE)",
        ),
        ("[x]: ../../LICENSE", "[x]: ../files/LICENSE"),
    ],
)
def test_text_on_the_site(text: str, found: str) -> None:
    assert on_site(text) == found


def test_the_readme_is_read_from_where_it_lies() -> None:
    assert on_site("[x](docs/port.md) [y]", "index.md", "README.md") == "[x](port.md) [y]"
    assert on_site("[x](docs/zh/port.md)", "zh/index.md", "README.zh-CN.md") == "[x](port.md)"
