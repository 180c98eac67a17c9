"""One run at a time in a process, which is left as it was: its random numbers, and no half-way stop by Ctrl-C.

A run changes what a process has once: the default dtype, a framework's functions, the memory of parameters. So runs
wait for each other, whichever thread they are in. What a run does itself is not cut short by Ctrl-C, which waits
until the model is run, or until everything is back; the model's own code is interrupted as ever.
"""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from typing import Any

import numpy as np

LOCK = threading.RLock()
"""Held by the thread whose run it is. A comparison inside a model's forward is the same thread's."""


class Interrupts:
    """Ctrl-C, which waits; ``taken`` lets it through for as long as the model's own code runs."""

    def __init__(self) -> None:
        self._handler: Any = None
        self._came: tuple[Any, ...] | None = None

    def _wait(self, *signalled: Any) -> None:
        self._came = signalled

    def _deliver(self) -> None:
        came, self._came = self._came, None
        if came is not None and callable(self._handler):
            self._handler(*came)

    @contextmanager
    def waiting(self) -> Iterator[Interrupts]:
        """Within, they wait; only the main thread is ever interrupted."""
        main = threading.current_thread() is threading.main_thread()
        self._handler = signal.getsignal(signal.SIGINT) if main else None
        if not callable(self._handler):
            yield self
            return
        signal.signal(signal.SIGINT, self._wait)
        try:
            yield self
        finally:
            signal.signal(signal.SIGINT, self._handler)
            self._deliver()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Within, they are taken as they come."""
        if not callable(self._handler):
            yield
            return
        signal.signal(signal.SIGINT, self._handler)
        try:
            self._deliver()
            yield
        finally:
            signal.signal(signal.SIGINT, self._wait)


@contextmanager
def alone(seed: int) -> Iterator[Interrupts]:
    """Within, no other thread runs a model; NumPy's and Python's random numbers start from a seed and are put back."""
    with LOCK, ExitStack() as stack, Interrupts().waiting() as interrupts:
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state(legacy=False))  # noqa: NPY002  (a model may use it)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        yield interrupts


def streams() -> dict[str, str]:
    """Where the process's own random generators stand."""
    states = {"numpy.random": np.random.get_state(legacy=False), "random": random.getstate()}  # noqa: NPY002
    return {name: blake2b(repr(_plain(state)).encode(), digest_size=8).hexdigest() for name, state in states.items()}


def _plain(state: Any) -> Any:
    """A state whose text shows all of it."""
    if isinstance(state, dict):
        return {name: _plain(value) for name, value in state.items()}
    return state.tobytes() if isinstance(state, np.ndarray) else state
