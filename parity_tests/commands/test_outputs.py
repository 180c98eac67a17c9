"""Every path that a command writes to is tried before the work, and no source is written over."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from nlblocks.cli import COMMANDS, main
from nlblocks.commands.options import OutputFile
from nlblocks.errors import InputError
from nlblocks.weights.files.atomic import check_file, check_folder
from parity_tests.helpers.command_line import call

WRITTEN = {
    "capture": {"out"}, "compare": {"report_file"}, "convert": {"destination"}, "draw": {"out"}, "export": {"out"},
    "maps": {"out"}, "port": {"out", "report_file", "json_file"}, "train": {"output"}, "verify": {"json_file"},
}  # fmt: skip
"""The parameters of each command that name what it writes."""


def test_every_output_of_every_command_is_checked_in_the_same_way() -> None:
    context = click.Context(main)
    found: dict[str, set[str]] = {}
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        outputs = {str(param.name) for param in command.params if isinstance(param.type, OutputFile)}
        found |= {name: outputs} if outputs else {}
        for param in command.params:  # one that is new and says in its help that it is written is to be one of them
            if isinstance(param, click.Option) and (param.help or "").startswith(("Write ", "The folder to write")):
                assert isinstance(param.type, OutputFile), (name, param.name)
    assert found == WRITTEN


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("nowhere/report.html", "there is no folder nowhere; make it first"),
        ("folder", "it is a folder; give a file"),
        ("file.txt/report.html", "file.txt is a file; give a folder"),
        (f"{'n' * 300}.html", "cannot be written: "),
    ],
)
def test_what_is_in_the_way_of_a_file(path: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file.txt").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=says):
        check_file(Path(path))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="it is a device or a pipe; give a file"):
        check_file(tmp_path / "pipe")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="another system has no such folder")
@pytest.mark.parametrize(("check", "name"), [(check_file, "report.html"), (check_folder, "new/folder")])
def test_a_folder_where_nothing_can_be_written_is_said_to_be(check: object, name: str) -> None:
    """/proc, whoever asks: a superuser may write to any folder that is only closed to others."""
    with pytest.raises(InputError, match="nothing can be written in /proc: "):
        check(Path("/proc") / name)  # type: ignore[operator]


def test_a_file_that_may_not_be_changed_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.html"
    file.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # a superuser may change any
    with pytest.raises(InputError, match="may not be changed"):
        check_file(file)


def test_what_can_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("old")
    for name in ("new.html", "there.html"):
        check_file(tmp_path / name, ".html", ".json")
    check_folder(tmp_path / "a" / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["there.html"]
    assert (tmp_path / "there.html").read_text() == "old"


def test_a_spec_is_not_written_over_by_what_is_said_of_it(tmp_path: Path) -> None:
    file = tmp_path / "block.json"
    file.write_text('{"kind": "non_local", "in_channels": 4}')
    result = call("verify", "--spec", file, "--json", tmp_path / "." / "block.json")
    assert (result.exit_code, "is the source" in result.stderr) == (2, True)


def test_a_file_in_the_folder_that_is_converted_is_not_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.safetensors").touch()
    result = call("convert", folder, folder / "weights.safetensors")
    assert (result.exit_code, "lies in the source" in result.stderr) == (2, True)
