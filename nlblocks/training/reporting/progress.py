"""Where a study in training stands: two bars on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from nlblocks.training.reporting.results import duration
from nlblocks.training.runs import Epoch, RunFolder, StudyFolder

SECONDS = 0.5
"""How often a loss is read and shown: to read it may mean to wait for a device."""

Place = tuple[str, str, int]
"""A run of a study: variant, backend, seed."""


class StudyProgress:
    """Shows the runs of a study as they are trained. A context manager: the bars end with it.

    ``places`` are the runs, in the order in which they are trained; each is ``epochs`` epochs of ``steps`` steps.
    """

    def __init__(self, places: Sequence[Place], epochs: int, steps: int, console: Console | None = None) -> None:
        self.places, self.epochs, self.steps = list(places), epochs, steps
        self.console = console or Console(stderr=True)
        text = [TextColumn(f"{{task.{what}}}", table_column=Column(no_wrap=True))
                for what in ("description", "fields[said]", "fields[left]")]  # fmt: skip
        self.bars = Progress(
            text[0], BarColumn(bar_width=None), *text[1:], console=self.console, expand=True, transient=True,
            disable=not self.console.is_terminal,
        )  # fmt: skip
        whole = epochs * steps
        self._run = self.bars.add_task("starting", total=whole, said="", left="")
        self._study = self.bars.add_task("study", total=whole * len(self.places), said="", left="")
        self._done: set[Place] | None = None
        self._place: Place | None = None
        self._top1 = ""
        self._shown = self._last = time.monotonic()
        self._spent: dict[str, tuple[int, float]] = {}

    def __enter__(self) -> StudyProgress:
        self.bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bars.stop()

    def take(self, run: RunFolder, event: Any) -> None:
        """A step or an epoch of a run, as it is done."""
        now, place = time.monotonic(), (run.variant, run.backend, run.recipe.seed)
        if self._done is None:
            found = StudyFolder(run.path.parents[2]).runs()
            self._done = {(one.variant, one.backend, one.recipe.seed) for one in found if one.done}
        if place == self._place:
            taken, seconds = self._spent.get(run.backend, (0, 0.0))
            self._spent[run.backend] = taken + (not isinstance(event, Epoch)), seconds + now - self._last
        else:  # what came before its first step, such as to load a framework, is no measure of a step
            self._place, self._top1 = place, ""
        self._last = now
        if isinstance(event, Epoch):
            self._top1 = f"  top-1 {100 * event.top1:.1f} %"
            self._tell(event)
        if isinstance(event, Epoch) or now - self._shown > SECONDS:
            self._show(event)
            self._shown = now

    def _show(self, event: Any) -> None:
        """Move the bars."""
        assert self._place is not None
        number = self.places.index(self._place)
        epoch = (event.step - 1) // self.steps + 1
        said = f"epoch {epoch} of {self.epochs}  loss {float(event.loss):.3f}{self._top1}"
        self.bars.update(self._run, description=self._name(), completed=event.step, said=said)
        whole = self.epochs * self.steps
        self.bars.update(
            self._study, description=f"run {number + 1} of {len(self.places)}", left=self._left(number, event.step),
            completed=number * whole + event.step,
        )  # fmt: skip

    def _tell(self, epoch: Epoch) -> None:
        """A line: of every epoch where there is no terminal, else of the last one of a run."""
        assert self._place is not None
        result = f"loss {epoch.loss:.3f}, test loss {epoch.test_loss:.3f}, top-1 {100 * epoch.top1:.1f} %"
        if self.console.is_terminal:
            if epoch.epoch + 1 == self.epochs:
                self.bars.print(f"{self._name()}: {result}, {epoch.seconds:.3g} s in the last epoch", highlight=False)
            return
        number = self.places.index(self._place)
        print(
            f"run {number + 1} of {len(self.places)}, {self._name()}: epoch {epoch.epoch + 1} of {self.epochs}, "
            f"{result}; {self._left(number, epoch.step)}",
            file=self.console.file, flush=True,
        )  # fmt: skip

    def _name(self) -> str:
        return "{} in {}, seed {}".format(*(self._place or ("", "", "")))

    def _left(self, number: int, step: int) -> str:
        """How long the runs that are left will take, each as long as those of its backend took for a step so far."""
        whole, rates = self.epochs * self.steps, {name: s / n for name, (n, s) in self._spent.items() if n}
        if not rates:
            return ""
        usual = sum(rates.values()) / len(rates)
        ahead = [place for place in self.places[number + 1 :] if place not in (self._done or ())]
        left = (whole - step) * rates.get(self.places[number][1], usual)
        left += sum(whole * rates.get(backend, usual) for _, backend, _ in ahead)
        return f"{duration(left)} left"
