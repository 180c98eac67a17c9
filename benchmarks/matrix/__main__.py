"""Each claimed version runs verify, compare and the dialects: ``python -m benchmarks.matrix``.

Each has an environment of its own in ``.matrix/``, made once, by plain pip, and found there again; some are as large as
2 GB. Takes minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.matrix.check import CHECKS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".matrix"
CORE = ("numpy>=2.0", "click>=8.1", "safetensors>=0.5", "zlib-ng>=1.0", "rich>=13.7", "pytest>=8.0")
TORCH = "torch==2.13.0"
TIMEOUT = 1800  # seconds for one check: verify takes some 30 on two free cores


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python and what is installed for it, beside what the core needs."""

    name: str
    python: str
    packages: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def interpreter(self) -> Path:
        return self.folder / "bin" / "python"

    def made(self) -> str:
        """Make it where it is not there; what kept it from being made, or ""."""
        if (self.folder / "made").is_file():
            return ""
        python = shutil.which(f"python{self.python}")
        if python is None or _run([python, "--version"])[0]:
            return f"no python{self.python} on this machine"
        shutil.rmtree(self.folder, ignore_errors=True)
        for call in (
            [python, "-m", "venv", str(self.folder)],
            [str(self.interpreter), "-m", "pip", "install", "--quiet", *CORE, *self.packages],
        ):
            status, text = _run(call)
            if status:
                return text.strip().splitlines()[-1][:200] if text.strip() else f"{call[1:3]} ends with {status}"
        (self.folder / "made").touch()
        return ""


ENVIRONMENTS = (
    *(Environment(f"paddle-{v}", "3.11", (f"paddlepaddle=={v}", TORCH)) for v in ("3.0.0", "3.1.1", "3.2.2", "3.3.1")),
    # Without torch: what pip finds of it for these brings CUDA, which is ten times as large as all the rest.
    *(Environment(f"python-{v}", v, ("paddlepaddle==3.3.1",)) for v in ("3.12", "3.13")),
)


@click.command()
@click.option("--only", default="", help="Names, comma-separated, e.g. paddle-3.0.0,python-3.13.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write the table here as well.")
def main(only: str, out: Path | None) -> None:
    """Run every check in every environment, and print a table. Exit status 1 where one fails or could not be run."""
    names = [environment.name for environment in ENVIRONMENTS]
    unknown = set(filter(None, only.split(","))) - set(names)
    if unknown:
        raise click.UsageError(f"--only {only}: {', '.join(sorted(unknown))} is none of {', '.join(names)}")
    console, rows = Console(width=160), []
    for environment in ENVIRONMENTS:
        if only and environment.name not in only.split(","):
            continue
        console.print(environment.name)
        rows.append({"name": environment.name, **_checked(environment)})
        if out is not None:
            out.write_text(json.dumps(rows, indent=1))
    columns = ("name", "versions", *CHECKS)
    table = Table(*columns)
    for row in rows:
        table.add_row(*(row.get(column, "not run") for column in columns))
    console.print(table)
    sys.exit(not all(row.get(check, "").startswith("passed") for row in rows for check in CHECKS))


def _checked(environment: Environment) -> dict[str, str]:
    """What each check found there."""
    why = environment.made()
    if why:
        return dict.fromkeys(("versions", *CHECKS), f"not run: {why}")
    found: dict[str, str] = {}
    for check in ("versions", *CHECKS):
        _, text = _run([str(environment.interpreter), "-W", "ignore", "-m", "benchmarks.matrix.check", check])
        found[check] = text.strip().splitlines()[-1] if text.strip() else "failed: it printed nothing"
    return found


def _run(call: list[str]) -> tuple[int, str]:
    """Exit status, and all that was printed."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "backends")))
    FOLDER.mkdir(exist_ok=True)
    try:
        done = subprocess.run(
            call, cwd=FOLDER, env={**os.environ, "PYTHONPATH": path}, check=False, text=True, timeout=TIMEOUT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 1, f"failed: not done after {TIMEOUT} s"
    return done.returncode, done.stdout


if __name__ == "__main__":
    main()
