"""What the site needs beside the pages of docs/: pages that lie elsewhere, and the files that pages link to.

Pages are written to be read in the repository too, so a link may lead to any file there. On the site a link to a file
leads to a copy of it, and one to a folder becomes its text. mkdocs says which links lead nowhere.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "README.md": "index.md",
    "README.zh-CN.md": "zh/index.md",
    "CHANGELOG.md": "changelog.md",
    ".github/CONTRIBUTING.md": "contributing.md",
    ".github/SECURITY.md": "security.md",
    ".github/CODE_OF_CONDUCT.md": "code_of_conduct.md",
}
"""Pages outside docs/, and where each stands on the site; what is not there yet is left out."""
COPIES = "files"
"""The folder of the site that holds copies of linked files."""
LINK = re.compile(r"(?P<text>!?\[(?P<words>[^\]\[]*)\])\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
NAMED = re.compile(r"^(?P<text>\[[^\]]+\]): (?P<target>[^\s#]+)(?P<anchor>#\S*)?$", re.MULTILINE)
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)


ROLE = re.compile(r":(?:func|class|data|mod|meth|attr):(?=<code>|`)")
"""Sphinx's word for what a name in a docstring is; on this site it is a name."""


def pages() -> dict[str, str]:
    """The pages outside docs/ that there are, by their place on the site."""
    return {place: name for name, place in ELSEWHERE.items() if (ROOT / name).is_file()}


def rewritten(text: str, place: str, source: str, copied: Callable[[str], str]) -> str:
    """A page's text with links as the site needs them.

    Args:
        text: What the page says.
        place: Where it stands on the site, such as "guides/port.md".
        source: Where it stands in the repository, such as "docs/guides/port.md".
        copied: Gives the place on the site of a copy of a file of the repository.
    """

    def target(match: re.Match[str]) -> str | None:
        """Where a link leads on the site; None for what the site has not: a folder, a page of the code's own."""
        told = match["target"]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), told))
        if re.match(r"[a-z]+:|/", told) or path.startswith("..") or not (ROOT / path).exists():
            return told + (match["anchor"] or "")
        if path in ELSEWHERE:
            on_site = ELSEWHERE[path]
        elif (ROOT / path).is_dir() or (path.endswith(".md") and not path.startswith("docs/")):
            return None
        elif path.startswith("docs/") and not path.endswith(".py"):
            on_site = path.removeprefix("docs/")
        else:
            on_site = copied(path)
        return posixpath.relpath(on_site, posixpath.dirname(place) or ".") + (match["anchor"] or "")

    def linked(match: re.Match[str]) -> str:
        found = target(match)
        return match["words"] if found is None else f"{match['text']}({found})"

    def named(match: re.Match[str]) -> str:
        return f"{match['text']}: {target(match) or match['target']}"

    parts = FENCED.split(text)
    parts[::2] = [NAMED.sub(named, LINK.sub(linked, part)) for part in parts[::2]]
    return "".join(parts)


def source_of(place: str) -> str:
    """Where a page of the site stands in the repository."""
    return pages().get(place, f"docs/{place}")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages from elsewhere, and a copy of each file that a page links to."""
    for place, name in pages().items() if Path(config.docs_dir) == ROOT / "docs" else ():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))
    copies: set[str] = set()

    def copied(path: str) -> str:
        copies.add(path)
        return f"{COPIES}/{path}"

    for file in files.documentation_pages():
        rewritten(file.content_string, file.src_uri, source_of(file.src_uri), copied)
    for path in sorted(copies):
        files.append(File.generated(config, f"{COPIES}/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with its links as the site needs them."""
    place = page.file.src_uri
    return rewritten(markdown, place, source_of(place), lambda path: f"{COPIES}/{path}")


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page without what docstrings say to another tool."""
    return ROLE.sub("", html)
