"""One snippet: what PaConvert makes of it, what the port makes of that, and whether it still computes the same."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pickle
import random
import select
import signal
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.port.peer.likeness import NotComparable, plain, unlike
from benchmarks.port.peer.read import Snippet
from nlblocks.port import WatchedText

MARK = ">>>>>>"
"""What PaConvert writes before a line that it does not convert."""
CHECKED = "NotImplementedError: this port is for"
"""What a port raises where a value is not what torch can do: a refusal as well, though it comes late."""
SECONDS = 60.0
"""How long one run may take."""


@dataclass(slots=True)
class Outcome:
    """What became of a snippet; ``outcome`` is a key of :data:`benchmarks.port.peer.table.OUTCOMES`.

    ``rows`` are the table's rows that its port used, ``refused`` the APIs that it refused with the reasons, and
    ``lacking`` says that one of these is not in the table. The texts are kept where they tell of a fault.
    """

    key: str
    api: str
    outcome: str
    why: str = ""
    rows: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    lacking: bool = False
    paddle: str = ""
    torch: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value or name == "outcome"}


@dataclass(slots=True)
class Converted:
    """PaConvert's Paddle text, what it computes, and our port of it: each as far as it came."""

    text: str
    results: list[Any] | None = None
    wrong: str = ""
    port: Any = None
    port_wrong: str = ""


def judge(snippet: Snippet, converter: Callable[[str], str]) -> Outcome:
    """Run a snippet on its way, each stage in a process of its own. ``converter`` is PaConvert."""
    found = Outcome(snippet.key, snippet.api, "")
    original, wrong = apart(_run, snippet.code, snippet.names, "torch", 0)
    if original is None:
        found.outcome, found.why = "original", wrong
        return found
    there, wrong = apart(converted, snippet, converter)
    if there is None:
        found.outcome, found.why = "peer", wrong
        return found
    if there.port is not None:
        found.rows, found.refused, found.lacking = there.port.rows, there.port.refused, bool(there.port.lacking)
    found.outcome, found.why = _judged(snippet, original, there)
    if found.outcome in ("different", "error"):
        found.paddle, found.torch = there.text, there.port.text if there.port is not None else ""
    return found


def _judged(snippet: Snippet, original: list[Any], there: Converted) -> tuple[str, str]:
    if there.wrong.startswith(MARK):
        return "peer", there.wrong
    if there.results is None:
        return "theirs", there.wrong
    parted = unlike(original, there.results)
    drawn = False
    if parted:
        again, _ = apart(_run, snippet.code, snippet.names, "torch", 1)
        drawn = again is not None and bool(unlike(original, again))
        if not drawn or unlike(original, there.results, values=False):
            return "theirs", parted
    if there.port is None:
        return "error", there.port_wrong
    if there.port.refused:
        why = "; ".join(f"{api}: {why}" for api, why in there.port.refused)
        return ("random", "refused") if drawn else ("refused", why)
    ours, wrong = apart(_run, there.port.text, snippet.names, "torch", 0)
    if ours is None:
        return ("refused" if wrong.startswith(CHECKED) else "error"), wrong
    parted = unlike(original, ours, values=not drawn)
    return ("different", parted) if parted else ("random", "") if drawn else ("same", "")


def converted(snippet: Snippet, converter: Callable[[str], str]) -> Converted:
    """PaConvert's text of a snippet, run under watch as a model is, and ported."""
    text = converter(snippet.code)
    found = Converted(text)
    if MARK in text:
        found.wrong = next(line for line in text.splitlines() if MARK in line).strip()
        return found
    watched = WatchedText(text)
    _seed(0)
    try:
        found.results = [plain(value) for value in watched.run(snippet.names)]
    except Exception as error:
        found.wrong = _said(error)
        found.results, _ = apart(_run, text, snippet.names, "paddle", 0)
        if found.results is not None:
            found.port_wrong = f"under watch: {found.wrong}"
        return found
    try:
        found.port = watched.port()
    except Exception as error:
        found.port_wrong = f"the port fails: {_said(error)}"
    return found


def _run(text: str, names: tuple[str, ...], framework: str, seed: int) -> list[Any]:
    """What code computes, in a process that knows the framework; torch's must do without Paddle."""
    if framework == "torch":
        sys.modules["paddle"] = None  # type: ignore[assignment]
        import torch

        torch.manual_seed(seed)
    _seed(seed)
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "snippet.py", "exec"), space)
    return [plain(space[name]) for name in names]


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what the snippets draw from


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def apart(function: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """A function's result from a fork of this process, and what was wrong where there is none."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this process has threads: what runs in the fork needs none of them
        child = os.fork()
    if child == 0:
        os.close(reader)
        _alone(writer, function, arguments)
    os.close(writer)
    data, ended = _received(reader, time.monotonic() + SECONDS)
    os.close(reader)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not ended:
        return None, f"longer than {SECONDS:.0f} s"
    if not data:
        return None, f"the process died: {os.waitstatus_to_exitcode(status)}"
    return pickle.loads(data)


def _received(reader: int, end: float) -> tuple[bytes, bool]:
    """All that comes until the pipe is closed, or the time is over."""
    parts: list[bytes] = []
    while (left := end - time.monotonic()) > 0 and select.select([reader], [], [], left)[0]:
        part = os.read(reader, 1 << 16)
        if not part:
            return b"".join(parts), True
        parts.append(part)
    return b"", False


def _alone(writer: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """In the child: no output, no network, an empty folder, and the answer through the pipe."""
    silent = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(silent, output)
    warnings.simplefilter("ignore")
    socket.socket.connect = _no_network  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            answer = function(*arguments), ""
        except NotComparable as error:
            answer = None, f"gives {error}"
        except BaseException as error:
            answer = None, _said(error)
        with os.fdopen(writer, "wb") as stream:
            pickle.dump(answer, stream)
    os._exit(0)


def _no_network(*arguments: Any) -> None:
    raise OSError("these snippets have no network")


def pa_convert(code: str) -> str:
    """PaConvert's Paddle text of a torch snippet."""
    from paconvert.converter import Converter

    Path("torch_text.py").write_text(code, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        Converter(log_dir="disable", no_format=True).run("torch_text.py", "paddle_text.py")
    logging.disable(logging.NOTSET)
    return Path("paddle_text.py").read_text(encoding="utf-8")
