"""The command line on any console: what it loads, what it prints where little can be printed, how it ends."""

from __future__ import annotations

import click
import pytest

from nlblocks.cli import COMMANDS, main
from parity_tests.helpers.checkout import python


@pytest.mark.parametrize("words", ["--help", "--version"])
def test_help_loads_no_command(words: str) -> None:
    found = python("-X", "importtime", "-m", "nlblocks", words)
    assert found.returncode == 0, found.stderr
    loaded = {line.rpartition("|")[2].strip() for line in found.stderr.splitlines() if line.startswith("import time:")}
    assert "click" in loaded
    assert not {name for name in loaded if name.startswith(("nlblocks.commands", "nlblocks.parity"))}
    assert not loaded & {"rich.console", "torch", "paddle"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_row_names_a_command_and_its_help_fits_a_line(name: str) -> None:
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert len(f"  {'dialects'}  {COMMANDS[name].help}") <= 78  # what click leaves of 80 columns
