"""How a command ends: whatever is raised becomes one line on stderr and an exit status."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from nlblocks import interrupts
from nlblocks.blame import HERE, raised_in_user_code, said
from nlblocks.console import streams
from nlblocks.errors import NLBlocksError, meant
from nlblocks.statuses import Status

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says where a file cannot take more."""

PATHS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR}
"""What it says of a path that the user gave, and no file of the library's has."""

MEMORY = re.compile("can't allocate memory|out of memory|bad_alloc|ResourceExhausted")
"""What a RuntimeError says that is for want of memory, whichever framework raises it."""


@contextmanager
def ending() -> Iterator[None]:
    """Within, whatever is raised ends the program, and so does Ctrl-C that something swallowed."""
    try:
        try:
            yield
        except click.exceptions.Exit:  # a command that is done: --help, or one that says its status
            _flush()
            raise
        else:
            _flush()
    except click.exceptions.Exit:
        if not interrupts.asked():
            raise
        line, status = interrupts.LINE, Status.STOPPED
    except BaseException as error:
        line, status = _ended_by(error)
    else:
        if not interrupts.asked():
            return
        line, status = interrupts.LINE, Status.STOPPED
    _say(line)
    streams.silence()
    raise SystemExit(int(status))


def one_line(text: str) -> str:
    """Names out of files may hold anything, such as a newline or what a terminal obeys."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _flush() -> None:
    """What was printed gets out now, while it can be said that it does not."""
    for stream in (sys.stdout, sys.stderr):
        found = streams.failure(stream)
        if found is not None:
            raise found


def _say(line: str) -> None:
    if line:
        with suppress(OSError, ValueError):
            click.echo(one_line(line), err=True)


def _ended_by(error: BaseException) -> tuple[str, Status]:
    """The line and the status of what was raised."""
    if interrupts.asked() or isinstance(error, KeyboardInterrupt | click.Abort):
        return interrupts.LINE, Status.STOPPED
    if isinstance(error, click.UsageError):
        return f"nlblocks: {_misused(error)}", Status.REFUSED
    if isinstance(error, click.ClickException):
        return f"nlblocks: {error.format_message()}", Status.REFUSED
    if isinstance(error, NLBlocksError):
        full = getattr(error.__context__, "errno", None) in FULL  # a command has said which file it is
        return f"nlblocks: {error}", Status.UNWRITTEN if full else Status.REFUSED
    return _by_the_system(error) or _by_the_user(error) or _internal(error)


def _misused(error: click.UsageError) -> str:
    """What click refuses, where its help is, and what was meant: an option, a command, or what an option may be."""
    quoted = re.findall(r"'([^']*)'", error.message)
    given, *names = [error.option_name] if isinstance(error, click.NoSuchOption) else quoted or [""]
    help_of, command = ("nlblocks", None) if error.ctx is None else (error.ctx.command_path, error.ctx.command)
    if command is not None and not names and given.startswith("-"):
        names = [name for param in command.params for name in param.opts]
    elif isinstance(command, click.Group) and error.ctx is not None and not names:
        names = command.list_commands(error.ctx)
    said = error.format_message() if isinstance(error, click.BadParameter) else error.message
    return f"{said.rstrip('.')}; see {help_of} --help{meant(given, names)}"


def _by_the_system(error: BaseException) -> tuple[str, Status] | None:
    """A pipe that nobody reads, a disk that is full, memory that is used up, a folder that is gone."""
    printing = error if isinstance(error, OSError) else error.__context__ if isinstance(error, SystemExit) else None
    if isinstance(printing, BrokenPipeError):  # rich leaves by a SystemExit
        return "", Status.CLOSED
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and MEMORY.search(str(error))):
        return f"nlblocks: out of memory: {said(error)}; use a smaller input or model", Status.MEMORY
    if not isinstance(error, OSError):
        return None
    unwritten = streams.failure(sys.stdout)
    if unwritten is not None and unwritten.errno == errno.EINVAL:  # a closed pipe as Windows says it
        return "", Status.CLOSED
    if unwritten is not None or error.errno in FULL | {errno.EIO}:  # the terminal may be gone
        what = error.filename or "the output"
        return f"nlblocks: {what} cannot be written: {(unwritten or error).strerror}", Status.UNWRITTEN
    if error.errno in PATHS and isinstance(error.filename, str) and not error.filename.startswith(HERE):
        return f"nlblocks: {error.filename}: {error.strerror}; give another path", Status.REFUSED
    try:
        os.getcwd()
    except OSError:
        return "nlblocks: the current folder is no longer there; change to one that is", Status.REFUSED
    return None


def _by_the_user(error: BaseException) -> tuple[str, Status] | None:
    """What the user's own code raises where no command expects it."""
    if not raised_in_user_code(error):
        return None
    return f"nlblocks: a program that is not nlblocks' own raises {said(error)}; mend it there", Status.REFUSED


def _internal(error: BaseException) -> tuple[str, Status]:
    from nlblocks.console.crash import reported  # only then

    return f"nlblocks: internal error: {said(error)}; {reported(error)}", Status.INTERNAL
