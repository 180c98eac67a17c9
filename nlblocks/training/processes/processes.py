"""Processes: what a run asks of those that train it together. A framework's own launcher starts them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

from nlblocks.backend import installed, row_of
from nlblocks.errors import BackendError, InputError
from nlblocks.training.processes.guard import guarded
from nlblocks.training.running import Options

AGAIN = "the same command goes on from the last checkpoint"


class Processes(Protocol):
    """The processes that train one model. The one of rank 0 leads: it alone tests, writes and speaks.

    Each takes its share of a batch; the framework's own data parallelism makes the mean of their gradients, so that
    all have the same weights.
    """

    rank: int
    world: int

    def barrier(self) -> None:
        """Wait until every process has come here."""

    def lost(self, error: Exception) -> bool:
        """Whether an error says that another process is gone."""

    def leave(self) -> None:
        """Part from the others, once all are done."""


class Alone:
    """One process: nobody to wait for."""

    rank, world = 0, 1

    def barrier(self) -> None: ...

    def lost(self, error: Exception) -> bool:
        return False

    def leave(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a launcher put this process: whose launcher it is, and which of how many processes this is."""

    backend: str
    launcher: str
    rank: int
    world: int

    def __str__(self) -> str:
        return f"process {self.rank} of {self.world}"


def launched() -> Place | None:
    """The place of this process among those that a backend's launcher started; None of one that is alone.

    A backend's package says so in ``launched.py``, which imports no framework.
    """
    for name in installed():
        module = f"{row_of(name).module}.launched"
        if importlib.util.find_spec(module) is not None:
            found = importlib.import_module(module)
            place = found.place()
            if place is not None and place[1] > 1:
                return Place(name, found.LAUNCHER, *place)
    return None


@contextmanager
def joined(backends: Sequence[str], options: Options) -> Iterator[Processes]:
    """Within, this process is one of those that were started together, if any were.

    Raises BackendError, in a line, where another one is gone; that of a process which is killed itself is said by its
    guard. Raises InputError where several processes are to train in a framework whose launcher did not start them.
    """
    place = launched()
    if place is None:
        yield Alone()
        return
    if list(backends) != [place.backend]:
        raise InputError(
            f"{place.launcher} started {place.world} processes, which train in {place.backend} alone: "
            f"give --backend {place.backend}"
        )
    with guarded(f"nlblocks: {place} was killed, or ended without a word; {AGAIN}"):
        join = importlib.import_module(f"{row_of(place.backend).module}.training.processes").join
        processes = cast(Processes, join(options))
        try:
            yield processes
        except Exception as error:
            if processes.lost(error):
                raise BackendError(f"{place}: another one is gone ({_gist(error)}); {AGAIN}") from None
            raise
        processes.leave()


def _gist(error: Exception) -> str:
    """What an error says first, without the place in a framework's source that some begin with."""
    line = str(error).strip().partition("\n")[0]
    return line.partition("] ")[2].partition(". ")[0] if line.startswith("[") else line
