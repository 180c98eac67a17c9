"""The command line, called as a user calls it, in this process."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner, Result

from nlblocks.cli import main


def call(*words: object, command: Any = main, **options: Any) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words], **options)


def output_of(command: Any, *words: object) -> str:
    """What the command prints; what it raises is raised."""
    result = call(*words, command=command)
    if result.exception is not None:
        raise result.exception
    return result.output
