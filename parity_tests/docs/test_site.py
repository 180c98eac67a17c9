"""The site builds, without a broken link, and fetches nothing from elsewhere."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from parity_tests.helpers.checkout import ROOT, python

pytest.importorskip("mkdocs")
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
UNREAD = ("canonical", "prev", "next")
"""Links in a page's head that a browser does not fetch."""


class _Read(HTMLParser):
    """The anchors of a page, where its links lead, and what a browser fetches with it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = {""}
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in FETCHED and FETCHED[tag] in given and given.get("rel") not in UNREAD:
            self.fetched.append(given[FETCHED[tag]])


def built(folder: Path, *options: object) -> subprocess.CompletedProcess[str]:
    return python("-m", "mkdocs", "build", "--strict", "-d", folder, *options, NO_MKDOCS_2_WARNING="1")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, _Read]:
    folder = tmp_path_factory.mktemp("site").resolve()
    done = built(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path: _Read(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}


def broken(site: dict[Path, _Read]) -> Iterator[str]:
    """Links to files or anchors that are not there; 404.html stands nowhere, and so do its links."""
    for path, read in site.items():
        for link in [*read.links, *read.fetched] if path.name != "404.html" else []:
            found = urlsplit(link)
            target = (path.parent / unquote(found.path)).resolve() if found.path else path
            if found.scheme or link.startswith("//"):
                continue
            if not target.is_file():
                yield f"{path.name}: {link} leads nowhere"
            elif target in site and unquote(found.fragment) not in site[target].anchors:
                yield f"{path.name}: {link} leads to no anchor"


def test_every_link_of_the_site_leads_somewhere(site: dict[Path, _Read]) -> None:
    assert len(site) > 20
    assert sum(len(read.links) for read in site.values()) > 1000
    assert list(broken(site)) == []


def test_a_broken_link_of_the_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html#x">x</a> <a href="#y">y</a> <img src="c.png"> <a href="b.html">')
    (tmp_path / "b.html").write_text('<p id="z">')
    site = {path: _Read(path.read_text()) for path in sorted(tmp_path.glob("*.html"))}
    assert [said.split()[1] for said in broken(site)] == ["b.html#x", "#y", "c.png"]


def test_nothing_is_fetched_from_elsewhere(site: dict[Path, _Read]) -> None:
    assert {url for read in site.values() for url in read.fetched if urlsplit(url).netloc} == set()


def test_links_into_the_repository_lead_to_copies(site: dict[Path, _Read]) -> None:
    root = min(site, key=lambda path: len(path.parts)).parent
    copies = {path.relative_to(root / "files").as_posix() for path in (root / "files").rglob("*") if path.is_file()}
    assert copies
    for copy in copies:
        assert (root / "files" / copy).read_bytes() == (ROOT / copy).read_bytes()
    assert not [link for read in site.values() for link in read.links if "../nlblocks" in link]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("[x](other.md) and [y](other.md#there) and [Makefile](../Makefile) and [code](../nlblocks)", ""),
        ("[x](missing.md)", "missing.md"),
        ("[x](other.md#nowhere)", "#nowhere"),
        ("[x](../no_such_file.py)", "no_such_file.py"),
        ("![x](no_such.png)", "no_such.png"),
    ],
)
def test_a_build_stops_at_a_broken_link(tmp_path: Path, page: str, said: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text(f"# A page\n\n{page}\n")
    (tmp_path / "docs" / "other.md").write_text("# Another\n\n## There\n")
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        f"INHERIT: {ROOT}/mkdocs.yml\ndocs_dir: docs\nnav: [page.md, other.md]\nhooks: ['{ROOT}/docs/site.py']\n"
        "plugins: [search]\n"
    )
    done = built(tmp_path / "out", "-f", config)
    assert (done.returncode == 0) == (not said), done.stderr
    assert said in done.stderr
