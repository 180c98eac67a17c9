"""Two processes of the command line, started by each framework's own launcher."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from parity_tests.helpers.checkout import environment

WORLD = 2
RANK = {"torch": "RANK", "paddle": "PADDLE_TRAINER_ID"}
"""Which variable says which of the processes one is."""


def launch(backend: str, words: Sequence[object], folder: Path) -> subprocess.Popen[str]:
    """``nlblocks`` with some words, in two processes, as docs/training.md says. What they say: see :func:`said`."""
    launcher = {
        "torch": f"torch.distributed.run --standalone --nproc-per-node {WORLD}",
        "paddle": f"paddle.distributed.launch --nproc_per_node {WORLD} --log_dir {folder} {sys.executable}",
    }
    command = [sys.executable, "-m", *launcher[backend].split(), "-m", "nlblocks", *map(str, words)]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env=environment(OMP_NUM_THREADS="1"),
    )  # fmt: skip


def process(launcher: subprocess.Popen[str], backend: str, rank: int) -> int:
    """The process of a rank, among the children of its launcher."""
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text(encoding="utf-8").split()
    wanted = f"{RANK[backend]}={rank}".encode()
    return next(int(child) for child in children if wanted in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"))


def said(launcher: subprocess.Popen[str], folder: Path) -> str:
    """All that the processes said, once they have ended: in their launcher's output, and in the logs of Paddle's."""
    output, _ = launcher.communicate(timeout=120)
    return output + "".join(path.read_text() for path in folder.glob("workerlog.*"))
