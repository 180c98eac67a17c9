"""Which of how many processes this is, as paddle.distributed.launch says; read without Paddle."""

from __future__ import annotations

import os

LAUNCHER = "paddle.distributed.launch"


def place() -> tuple[int, int] | None:
    """(rank, number of processes); None where no launcher says so."""
    if not {"PADDLE_TRAINER_ID", "PADDLE_TRAINERS_NUM"} <= os.environ.keys():
        return None
    return int(os.environ["PADDLE_TRAINER_ID"]), int(os.environ["PADDLE_TRAINERS_NUM"])
