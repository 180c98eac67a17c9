"""Ctrl-C: the first one raises KeyboardInterrupt and is remembered, the second ends the process.

Remembered, because what is interrupted may hide it: a binary module that is being imported makes an ImportError of it,
a bare ``except`` swallows it, and Python only prints what a destructor raises.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from nlblocks.statuses import Status

LINE = "nlblocks: stopped"

_asked = False


def asked() -> bool:
    """Whether the user wants this process to stop."""
    return _asked


def listen() -> None:
    """Take over Ctrl-C, but where the process is to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)
        sys.unraisablehook = _unraisable


def finish() -> None:
    """From here on Ctrl-C ends the process at once: nothing is left to be put in order."""
    global _asked
    _asked = True


def leave() -> NoReturn:
    """End the process with its status, whatever stands in the way.

    A program that Python ran for a binary module, and that was interrupted, would let Python end by the signal itself.
    """
    finish()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or none
            stream.flush()
    os._exit(Status.STOPPED)


def _stop(number: int, frame: FrameType | None) -> None:
    global _asked
    if _asked:
        os.write(2, f"{LINE}\n".encode())
        os._exit(Status.STOPPED)
    _asked = True
    raise KeyboardInterrupt


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """Where nothing can be raised, Ctrl-C is pressed again for the next place where it can."""
    global _asked
    if not isinstance(found.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(found)
        return
    _asked = False
    threading.Thread(target=_again, daemon=True).start()


def _again() -> None:
    time.sleep(0.1)  # by then the destructor is left
    _thread.interrupt_main()
