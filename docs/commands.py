"""The command line as the site's page of it reads it: examples as blocks of code, no default where there is none."""

from __future__ import annotations

import copy
import inspect
import re

import click

from nlblocks.cli import main as commands

EXAMPLES = re.compile(r"^\s*\x08\n((?:.+\n?)+)", re.MULTILINE)
"""What click is told to keep as it is: a line of one backspace, then lines up to an empty one."""
UNSET = click.Option(["--none"]).default


def _page(command: click.Command) -> click.Command:
    """A command whose help is Markdown."""
    found = copy.copy(command)
    found.help = EXAMPLES.sub(
        lambda kept: f"\n```text\n{kept[1].rstrip()}\n```\n", inspect.cleandoc(command.help or "")
    )
    found.add_help_option = False
    found.params = [copy.copy(param) for param in command.params]
    for param in found.params:
        if param.default is UNSET:
            param.default = None
        if isinstance(param, click.Option):
            param.help = (param.help or "").replace("|", r"\|")
    return found


def _group() -> click.Group:
    context = click.Context(commands)
    found = [(name, commands.get_command(context, name)) for name in commands.list_commands(context)]
    own = _page(commands)
    return click.Group(
        own.name,
        {name: _page(one) for name, one in found if one is not None},
        help=own.help,
        params=own.params,
        add_help_option=False,
    )


main = _group()
