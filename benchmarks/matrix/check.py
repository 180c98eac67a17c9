"""One check, run by the interpreter of an environment: ``python -m benchmarks.matrix.check compare``.

Its last line says what came of it.
"""

from __future__ import annotations

import importlib.util
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAIRS: dict[str, tuple[dict[str, Any], str | None]] = {
    "right": ({}, None),
    "right, dropout": ({"p": 0.3}, None),
    "eps": ({"eps": 1e-3}, "batch_norm.eps"),
    "slope": ({"slope": 0.3}, "leaky_relu.slope"),
    "residual": ({"residual": False}, "residual.missing"),
    "momentum": ({"momentum": 0.5}, "batch_norm.momentum"),
}
"""What the right model is made with, and the cause that is to be found; None for a right pair."""


def versions() -> str:
    """What is installed."""
    found = {name: importlib.import_module(name).__version__ for name in ("numpy", "torch", "paddle") if _has(name)}
    return f"Python {platform.python_version()}, " + ", ".join(f"{name} {version}" for name, version in found.items())


def verify() -> str:
    """All blocks, every backend that is there against every other."""
    backends = ",".join(name for name in ("torch", "paddle", "reference") if name == "reference" or _has(name))
    status, text = _call("-m", "nlblocks", "verify", "--backends", backends)
    (line,) = re.findall(r"\d+ specs, \d+ comparisons: [^.]*", " ".join(text.split())) or [text.strip()[-200:]]
    return f"{'failed' if status else 'passed'}: {line}, {backends}"


def compare() -> str:
    """The pairs, torch against Paddle; Paddle against itself where there is no torch. One of them as captures too."""
    from nlblocks.parity.capturing import capture
    from nlblocks.parity.compare_captures import compare_captures
    from parity_tests.helpers.nets import ACCEPT, SHAPE, compare, paddle_net, torch_net

    left = torch_net if _has("torch") else paddle_net
    wrong = []
    for name, (fault, cause) in PAIRS.items():
        reports = [compare(left(p=fault.get("p", 0.0)), paddle_net(**fault))]
        if name == "eps":
            first = capture(left(), SHAPE)
            reports.append(compare_captures(first, capture(paddle_net(**fault), like=first), accept=ACCEPT))
        wrong += [f"{name}: {report.verdict}, {report.finding}" for report in reports if not _is(report, cause)]
    return f"failed: {'; '.join(wrong)}" if wrong else f"passed: {len(PAIRS)} pairs, {_sides()}"


def dialects() -> str:
    """The tests of the dialects."""
    # A version's own warnings are no failure here.
    options = ("-q", "-p", "no:cacheprovider", "-o", "filterwarnings=", "parity_tests/weights/dialects")
    status, text = _call("-m", "pytest", *options, folder=ROOT)
    return f"{'failed' if status else 'passed'}: {text.strip().splitlines()[-1].strip('= ')}"


def _sides() -> str:
    return "torch against Paddle" if _has("torch") else "Paddle against itself"


def _is(report: Any, cause: str | None) -> bool:
    found = report.finding.cause if report.finding else None
    return bool(report) == (cause is None) and found == cause


def _has(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _call(*words: str, folder: Path | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *words], check=False, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    return done.returncode, done.stdout


CHECKS: dict[str, Callable[[], str]] = {"verify": verify, "compare": compare, "dialects": dialects}


if __name__ == "__main__":
    chosen = {"versions": versions, **CHECKS}[sys.argv[1]]
    try:
        print(chosen())
    except Exception as error:  # whatever a version raises is what is to be told
        print(f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
