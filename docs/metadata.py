"""The README and the addresses of a wheel: hatchling asks for them when it builds (a hook, named in pyproject.toml).

The package index shows the README away from the repository, where a relative link leads nowhere. With the repository's
address links are made whole; without one they become the words that they stand on.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!!)\[(?P<words>[^\]]+)\]\((?P<target>[^)\s]+)\)")
DEFINED = re.compile(r"^\[(?P<words>[^\]]+)\]: (?P<target>\S+)\n", re.MULTILINE)
USED = re.compile(r"\[(?P<words>[^\]\[]+)\](?![(:\[])")


class ReadmeAndUrls(MetadataHookInterface):
    """Gives ``readme`` and ``urls``, by the one address in ``[tool.hatch.metadata.hooks.custom]``."""

    def update(self, metadata: dict[str, Any]) -> None:
        home = self.config["home"] or hosted()
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": standing_alone(text, home)}
        metadata["urls"] = urls(home)


def hosted() -> str:
    """The address of the repository that GitHub runs a workflow of; "" elsewhere."""
    server, repository = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    return f"{server}/{repository}" if server and repository else ""


def urls(home: str) -> dict[str, str]:
    """What an index links to beside the text: nothing without an address."""
    if not home:
        return {}
    return {
        "Homepage": home,
        "Documentation": f"{home}/tree/main/docs",
        "Changelog": f"{home}/blob/main/CHANGELOG.md",
        "Issues": f"{home}/issues",
    }


def standing_alone(text: str, home: str) -> str:
    """The README with no relative link: whole addresses under ``home``, or plain words where there is none."""
    names = {found["words"] for found in DEFINED.finditer(text) if "://" not in found["target"]}

    def inline(found: re.Match[str]) -> str:
        target = found["target"]
        if "://" in target or target.startswith("#"):
            return found[0]
        return f"[{found['words']}]({home}/blob/main/{target})" if home else found["words"]

    def defined(found: re.Match[str]) -> str:
        if found["words"] not in names:
            return found[0]
        return f"[{found['words']}]: {home}/blob/main/{found['target']}\n" if home else ""

    def used(found: re.Match[str]) -> str:
        return found["words"] if found["words"] in names and not home else found[0]

    parts = FENCED.split(text)
    for place in range(0, len(parts), 2):  # between the code blocks
        parts[place] = USED.sub(used, DEFINED.sub(defined, INLINE.sub(inline, parts[place])))
    return "".join(parts)
