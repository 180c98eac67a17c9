"""Which of how many processes this is, as torchrun says; read without torch."""

from __future__ import annotations

import os

LAUNCHER = "torchrun"


def place() -> tuple[int, int] | None:
    """(rank, number of processes); None where no launcher says so."""
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys():
        return None
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
