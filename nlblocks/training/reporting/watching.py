"""What is shown and written of a study while it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from rich.console import Console

from nlblocks.training.reporting.events import EventFiles, viewers
from nlblocks.training.reporting.progress import StudyProgress
from nlblocks.training.runs import Plan, RunFolder


@contextmanager
def watching(
    plan: Plan, steps_per_epoch: int, *, tensorboard: bool | None = None, visualdl: bool | None = None,
    console: Console | None = None,
) -> Iterator[Callable[[RunFolder, Any], None]]:  # fmt: skip
    """Within, a function to call with each run and event of ``plan.train``: it shows progress, and writes curves.

    On a terminal two bars say where the study stands; elsewhere a line follows each epoch. Event files for TensorBoard
    and VisualDL go to the folder of each run where their packages are installed; False leaves them out. Raises
    InputError, at once, where True asks for those of a package that is not there.

    Args:
        plan: What is trained.
        steps_per_epoch: Of every run.
        tensorboard: Whether to write for TensorBoard, with tensorboardX.
        visualdl: Whether to write for VisualDL.
        console: Where progress is shown: the error stream unless given.
    """
    files = EventFiles(viewers(tensorboard, visualdl))
    with closing(files), StudyProgress(plan.places(), plan.recipe.epochs, steps_per_epoch, console) as progress:

        def see(run: RunFolder, event: Any) -> None:
            files.take(run, event)
            progress.take(run, event)

        yield see
