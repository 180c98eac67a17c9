"""A page of the documents, run from top to bottom in one folder, as a reader would: what runs, and what is compared.

- a block with a title is written to the file of that name;
- ``python`` without a title is run, all of a page's in one process; ``output`` below it is what it prints;
- ``console``: a shell runs each line that starts with ``$ ``. It must exit with 0, unless ``$ echo $?`` follows. What
  stands below a command is its output, where anything stands there;
- ``...`` in an expected output stands for anything: alone on a line, for any number of lines;
- ``text`` and ``yaml`` are not run: the commands in them must exist, with their options.

Installs are not run: what they install is here. ``git clone`` gives a copy of this checkout.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import Any

from parity_tests.helpers.checkout import ROOT, environment

KINDS = ("python", "output", "console", "text", "yaml")
FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)(?P<attributes>[^`\n]*)$")
TITLE = re.compile(r'title="([^"]+)"')
INSTALL = re.compile(r"^(python3? -m )?(pip install|venv) |^(source|\.) \S*activate$")
CLONE = re.compile(r"^git clone (?P<address>\S+)( (?P<folder>\S+))?$")
PYTHON = Path(__file__).with_name("page_python.py")
OWN = ("nlblocks", "benchmarks", "docs")
"""The packages whose modules a page may run."""
SECONDS = 600  # for one command or block; a hang is a failure, not a limit on speed
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "site", "out", "__pycache__", "*.egg-info")


class PageFailed(AssertionError):
    """What does not run as the page says: a line for each, with page and line."""


@dataclass(frozen=True)
class Block:
    """A fenced block: what kind, its lines, the line of the page on which they start, and its title."""

    kind: str
    text: str
    line: int
    title: str | None


def blocks(text: str, page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    opened: tuple[re.Match[str], int] | None = None
    held: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if opened is None:
            if fence := FENCE.match(line):
                opened, held = (fence, number), []
        elif line.strip() == "```":
            fence, start = opened
            title = TITLE.search(fence["attributes"])
            if title is None and fence["kind"] not in KINDS:
                raise PageFailed(f"{page}:{start}: a block of kind {fence['kind']!r}; known: {', '.join(KINDS)}")
            body = "".join(f"{kept.removeprefix(fence['indent'])}\n" for kept in held)
            found.append(Block(fence["kind"], body, start + 1, title and title[1]))
            opened = None
        else:
            held.append(line)
    if opened is not None:
        raise PageFailed(f"{page}:{opened[1]}: a block without an end")
    return found


def agrees(expected: str, printed: str) -> bool:
    """Whether an output is what a page says, with ``...`` for anything; spaces at the ends of lines do not count."""
    pattern = ""
    for line in expected.strip("\n").splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"
    lines = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
    return re.fullmatch(pattern, lines) is not None


@dataclass
class Command:
    """A command of a console block, where it stands, and the output written below it."""

    words: str
    line: int
    expected: str = ""


def commands(block: Block) -> list[Command]:
    """The commands of a console block; a line that ends in a backslash goes on in the next."""
    found: list[Command] = []
    goes_on = False
    for number, line in enumerate(block.text.splitlines(), block.line):
        if goes_on:
            found[-1].words += f"\n{line}"
            goes_on = line.endswith("\\")
        elif line.startswith("$ "):
            found.append(Command(line[2:], number))
            goes_on = line.endswith("\\")
        elif found:
            found[-1].expected += f"{line}\n"
        else:
            raise PageFailed(f"line {number} stands before the first command ($ ...) of its block: {line!r}")
    return found


class PageRun:
    """One page in one folder: its shell, its Python, and what went wrong so far."""

    def __init__(self, page: Path, folder: Path, notes: Path) -> None:
        self.page, self.folder, self.notes = page, folder, notes  # notes: the shell's state, out of the page's sight
        self.name = str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name
        self.failures: list[str] = []
        self.printed: str | None = None  # by the last block of Python, until something else stands below it
        self.status = 0
        self.interpreter: subprocess.Popen[str] | None = None
        self.variables = environment(COLUMNS="80")
        bin_folder = Path(sys.executable).parent
        self.variables["PATH"] = f"{bin_folder}:{self.variables['PATH']}"
        notes.mkdir(parents=True, exist_ok=True)
        (notes / "state").write_text(f"cd {shlex.quote(str(folder))}\n")

    def failed(self, line: int, said: str) -> None:
        self.failures.append(f"{self.name}:{line}: {said}")

    def run(self) -> None:
        """Run the whole page; raise with a line for everything that went otherwise than it says."""
        try:
            for block in blocks(self.page.read_text(encoding="utf-8"), self.name):
                self._block(block)
        finally:
            self._leave()
        if self.failures:
            raise PageFailed("\n".join(self.failures))

    def _leave(self) -> None:
        if self.interpreter is not None:
            self.interpreter.kill()
            self.interpreter.communicate()
            self.interpreter = None

    def _block(self, block: Block) -> None:
        printed, self.printed = self.printed, None
        if block.title is not None:
            self._write(block, block.title)
        elif block.kind == "python":
            self._python(block)
        elif block.kind == "console":
            self._console(block)
        elif block.kind == "output":
            if printed is None:
                self.failed(block.line, "an output that stands below no block of Python")
            else:
                self._compare(block.text, printed, block.line)
        if block.kind == "text":
            self._known([(number, line) for number, line in enumerate(block.text.splitlines(), block.line)])
        elif block.kind == "yaml":
            self._known(workflow_commands(block))

    def _write(self, block: Block, title: str) -> None:
        path = (self.folder / title).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            self.failed(block.line, f"writes outside its folder: {title}")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def _compare(self, expected: str, printed: str, line: int) -> None:
        if not agrees(expected, printed):
            said = textwrap.indent(expected.strip("\n"), "    page  | ", lambda _: True)
            got = textwrap.indent(printed.strip("\n"), "    output| ", lambda _: True)
            self.failed(line, f"another output than the page's\n{said}\n{got}")

    def _python(self, block: Block) -> None:
        """One block in the page's interpreter; its lines are those of the page, in tracebacks too."""
        if self.interpreter is None:
            self.interpreter = subprocess.Popen(
                [sys.executable, PYTHON, str(self.page)], cwd=self.folder, env=self.variables,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        assert self.interpreter.stdin is not None
        assert self.interpreter.stdout is not None
        self.interpreter.stdin.write(json.dumps({"source": "\n" * (block.line - 1) + block.text}) + "\n")
        self.interpreter.stdin.flush()
        hung = Timer(SECONDS, self.interpreter.kill)
        hung.start()
        told = self.interpreter.stdout.readline()
        hung.cancel()
        if not told:
            self.failed(block.line, f"the interpreter came to an end in this block, or took more than {SECONDS} s")
            self._leave()
            return
        answer: dict[str, Any] = json.loads(told)
        self.printed = answer["printed"]
        if answer["raised"] is not None:
            self.failed(answer["line"] or block.line, f"raised {answer['raised']}")

    def _console(self, block: Block) -> None:
        try:
            found = commands(block)
        except PageFailed as error:
            self.failed(block.line, str(error))
            return
        for index, command in enumerate(found):
            if INSTALL.match(command.words):
                continue
            if clone := CLONE.match(command.words):
                folder = clone["folder"] or Path(clone["address"]).name.removesuffix(".git")
                shutil.copytree(ROOT, self._here() / folder, ignore=LEFT_OUT)
                continue
            told = index + 1 < len(found) and found[index + 1].words == "echo $?"
            self._shell(command, may_fail=told)

    def _here(self) -> Path:
        return Path(shlex.split((self.notes / "state").read_text().splitlines()[0])[1])

    def _shell(self, command: Command, may_fail: bool) -> None:
        """One command, in the folder and with the variables that the ones before it left."""
        state = shlex.quote(str(self.notes / "state"))
        keep = f'{{ status=$?; {{ echo cd "$(printf %q "$PWD")"; export -p; }} > {state}; exit $status; }}'
        script = f". {state}\n(exit {self.status})\n{command.words}\n{keep}\n"
        try:
            done = subprocess.run(
                ["bash", "-c", script], cwd=self.folder, env=self.variables, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            self.failed(command.line, f"not done after {SECONDS} s: {command.words}")
            return
        self.status = done.returncode
        if self.status and not may_fail:
            got = textwrap.indent(done.stdout.strip("\n"), "    output| ", lambda _: True)
            self.failed(command.line, f"exit status {self.status}: {command.words}\n{got}")
        if command.expected.strip():
            self._compare(command.expected, done.stdout, command.line)

    def _known(self, lines: list[tuple[int, str]]) -> None:
        for number, line in lines:
            if said := unknown_command(line):
                self.failed(number, said)


def workflow_commands(block: Block) -> list[tuple[int, str]]:
    """The commands in the ``run:`` lines of a workflow, with the lines of the page on which they stand."""
    import yaml

    def runs(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["run"]] if isinstance(node.get("run"), str) else []
            return own + [line for value in node.values() for line in runs(value)]
        return [line for value in node for line in runs(value)] if isinstance(node, list) else []

    lines = block.text.splitlines()
    found = []
    for told in runs(yaml.safe_load(block.text)):
        for line in filter(None, map(str.strip, told.replace("\\\n", " ").splitlines())):
            start = " ".join(line.split()[:2])
            first = next((index for index, kept in enumerate(lines) if start in " ".join(kept.split())), 0)
            found.append((block.line + first, line))
    return found


def unknown_command(line: str) -> str | None:
    """Why a line that looks like a command of this project is none; None where it is one, or another program's."""
    import click

    from nlblocks.cli import main

    words = line.strip().removeprefix("$ ").split("#")[0].split()
    if words[:2] == ["python", "-m"] and len(words) > 2 and words[2].split(".")[0] in OWN:
        return None if find_spec(words[2]) else f"there is no {words[2]}"
    if len(words) < 2 or words[0] not in ("nlblocks", "make"):
        return None
    if words[0] == "make":
        made = (ROOT / "Makefile").read_text(encoding="utf-8")
        return None if re.search(rf"^{re.escape(words[1])}:", made, re.MULTILINE) else f"make has no {words[1]}"
    if not re.fullmatch(r"[a-z]+", words[1]):
        return None
    context = click.Context(main)
    command = main.get_command(context, words[1])
    if command is None:
        return f"nlblocks has no command {words[1]}"
    known = {name for option in command.get_params(click.Context(command)) for name in option.opts}
    known |= {name for option in command.params for name in option.secondary_opts}
    unknown = [word for word in words[2:] if re.match(r"--[a-z]", word) and word.split("=")[0] not in known]
    taken = command.context_settings.get("ignore_unknown_options", False)
    return f"nlblocks {words[1]} has no option {', '.join(unknown)}" if unknown and not taken else None
