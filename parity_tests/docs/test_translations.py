"""A Chinese page says what its English one does: the same sections, blocks, figures, names and links."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from parity_tests.helpers.checkout import ROOT
from parity_tests.helpers.pages import blocks

PAIRS = {
    ROOT / "README.md": ROOT / "README.zh-CN.md",
    **{ROOT / "docs/guides" / path.name: path for path in sorted((ROOT / "docs/zh").glob("*.md"))},
}
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
Texts = tuple[str, str]


def sections(text: str) -> list[tuple[int, str]]:
    """The level of each heading, and the prose below it, without the blocks."""
    parts = re.split(r"^(#+) .*$", FENCED.sub("", text), flags=re.MULTILINE)
    return [(len(level), prose) for level, prose in zip(parts[1::2], parts[2::2], strict=True)]


def code(text: str) -> list[tuple[str, str | None, str]]:
    """Kind, title and text of each block, without comments, which are translated."""
    return [(b.kind, b.title, re.sub(r"(?m)(^| +)#.*$", "", b.text)) for b in blocks(text, "a page")]


def tables(text: str) -> list[list[list[str]]]:
    """The figures in each cell of each row that has one."""
    rows = [line for line in FENCED.sub("", text).splitlines() if line.startswith("|")]
    return [[re.findall(r"\d[\d.,]*", cell) for cell in row.strip("|").split(" | ")] for row in rows]


def names(prose: str) -> Counter[str]:
    """What stands in backticks."""
    return Counter(re.findall(r"`([^`]+)`", prose))


def links(text: str, page: Path) -> Counter[str]:
    """Where a page's links go, an English page standing for its translation."""
    twin = {chinese: english for english, chinese in PAIRS.items()}
    found: Counter[str] = Counter()
    for target in re.findall(r"\]\(([^)]+)\)|^\[[^\]]+\]: (\S+)$", FENCED.sub("", text), re.MULTILINE):
        path, _, anchor = "".join(target).partition("#")
        resolved = (page.parent / path).resolve()
        found[f"{twin.get(resolved, resolved).relative_to(ROOT)}#{anchor}"] += 1
    return found


def differences(english: str, chinese: str, pages: tuple[Path, Path]) -> list[str]:
    """What a Chinese page lacks of the English one, or has beside it."""
    found = []
    left, right = sections(english), sections(chinese)
    if [level for level, _ in left] != [level for level, _ in right]:
        found.append("headings")
    if code(english) != code(chinese):
        found.append("blocks")
    if tables(english) != tables(chinese):
        found.append("tables")
    if links(english, pages[0]) != links(chinese, pages[1]):
        found.append("links")
    for number, ((_, ours), (_, theirs)) in enumerate(zip(left, right, strict=False), 1):
        if names(ours) != names(theirs):
            found.append(f"names in section {number}: {names(ours) - names(theirs)} {names(theirs) - names(ours)}")
        if not CHINESE.search(theirs):
            found.append(f"section {number} is not in Chinese")
    return found


@pytest.mark.parametrize("english", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAIRS])
def test_a_translation_says_the_same(english: Path) -> None:
    pages = english, PAIRS[english]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    assert differences(texts[0], texts[1], pages) == []


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("## 移植一个模型", "### 移植一个模型", "headings"),
        ('mode="dot_product"', 'mode="gaussian"', "blocks"),
        ('title="net.py"', 'title="model.py"', "blocks"),
        ("119/120", "120/120", "tables"),
        ("docs/zh/ci.md", "docs/zh/port.md", "links"),
        ("`--weights net.pdparams`", "`--weights`", "names in section 3"),
    ],
)
def test_what_was_not_carried_over_is_caught(right: str, wrong: str, said: str) -> None:
    pages = ROOT / "README.md", ROOT / "README.zh-CN.md"
    texts = [page.read_text(encoding="utf-8") for page in pages]
    assert right in texts[1]
    assert any(one.startswith(said) for one in differences(texts[0], texts[1].replace(right, wrong), pages))


def test_comments_may_be_translated_and_nothing_else_of_a_block() -> None:
    assert code("```python\nx = 1  # one\n```") == code("```python\nx = 1  # 一\n```")
    assert code('```python\nx = "a"\n```') != code('```python\nx = "一"\n```')
