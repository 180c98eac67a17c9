"""What others read before they join: workflows that run what is run here, forms that ask for a capture, one version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import nlblocks
from parity_tests.helpers.checkout import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[0-9]*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands(job: dict[str, Any]) -> list[str]:
    return [line.strip() for step in job["steps"] for line in step.get("run", "").splitlines()]


def recipe(target: str) -> list[str]:
    """The commands of a target of the Makefile, without where its environment is."""
    (body,) = re.findall(rf"^{target}:.*\n((?:\t.+\n)+)", MAKEFILE, re.MULTILINE)
    return [re.sub(r"^NLBLOCKS\S+ ", "", line.strip().replace("$(BIN)/", "")) for line in body.splitlines()]


def test_the_systems_run_what_ci_runs() -> None:
    jobs = read(ROOT / ".github/workflows/ci.yml")["jobs"]
    assert ".ci/run" in commands(jobs["whole"])
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    wanted = [line for target in re.findall(r"^make (\w+)$", script, re.MULTILINE) for line in recipe(target)]
    assert len(wanted) >= 4
    assert set(wanted) <= set(commands(jobs["systems"]))
    assert jobs["systems"]["env"]["NLBLOCKS_REQUIRE_BACKENDS"] == "torch,paddle"
    systems = {row["os"].split("-")[0] for row in jobs["systems"]["strategy"]["matrix"]["include"]}
    assert {"macos", "windows", "ubuntu"} <= systems


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_makes_there_is(path: Path) -> None:
    for job in read(path)["jobs"].values():
        for command in commands(job):
            if target := re.fullmatch(r"make (\w+)", command):
                assert f"\n{target[1]}:" in MAKEFILE
            elif command.startswith("."):
                assert (ROOT / command).is_file()


def test_the_pythons_of_the_workflows_are_those_that_are_claimed() -> None:
    claimed = set(re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    told = set(re.findall(r'"(3\.\d+)"', (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")))
    assert told == claimed


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_a_form_asks_for_a_capture_and_versions(path: Path) -> None:
    from click.testing import CliRunner

    from nlblocks.cli import main

    form = read(path)
    assert {"name", "description", "body"} <= set(form)
    asked = {field["id"]: field["attributes"] for field in form["body"] if "id" in field}
    assert {"captures", "versions"} <= set(asked)
    assert "nlblocks capture " in asked["captures"]["description"]
    known = CliRunner().invoke(main, ["capture", "--help"]).stdout
    assert set(re.findall(r"--\w+", asked["captures"]["description"])) <= set(re.findall(r"--\w+", known))


def test_one_version() -> None:
    version = nlblocks.__version__
    assert read(ROOT / "CITATION.cff")["version"] == version
    first = re.search(r"^## \[([\d.]+)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first is not None
    assert first[1] == version
    assert first[2] == str(read(ROOT / "CITATION.cff")["date-released"])


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / ".github").glob("*.md")), ROOT / "CHANGELOG.md"], ids=lambda p: p.name
)
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target.partition("#")[0]).exists(), target


class TestMetadata:
    """The README as the package index shows it."""

    @pytest.fixture
    def hook(self) -> Any:
        from docs import metadata

        return metadata

    def test_without_an_address_no_link_is_relative(self, hook: Any) -> None:
        text = hook.standing_alone((ROOT / "README.md").read_text(encoding="utf-8"), "")
        assert not [target for target in LINK.findall(text) if "://" not in target]
        assert not re.search(r"^\[[^\]]+\]: ", text, re.MULTILINE)
        assert "| NonLocal, DisentangledNonLocal, " in text
        assert "nlblocks.load(" in text

    def test_with_an_address_every_link_is_whole(self, hook: Any) -> None:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        home = "https://forge.example/team/nlblocks"
        text = hook.standing_alone(readme, home)
        assert len(LINK.findall(text)) == len(LINK.findall(readme))
        assert all("://" in target for target in LINK.findall(text))
        assert f"[NonLocal]({home}/blob/main/docs/catalogue.md#nonlocal)" in text
        assert hook.urls(home)["Issues"] == f"{home}/issues"
        assert hook.urls("") == {}

    def test_code_is_left_alone(self, hook: Any) -> None:
        text = "[a](b.md)\n\n```python\nx[0](1)\ny = [a](b.md)\n```\n"
        assert hook.standing_alone(text, "") == "a\n\n```python\nx[0](1)\ny = [a](b.md)\n```\n"

    def test_pyproject_names_the_hook_and_one_address(self) -> None:
        table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        hook = table["tool"]["hatch"]["metadata"]["hooks"]["custom"]
        assert (ROOT / hook["path"]).is_file()
        assert set(table["project"]["dynamic"]) == {"version", "readme", "urls"}
