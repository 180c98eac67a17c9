"""Measurements in processes of their own: ``python -m benchmarks.worker torch`` reads tasks and writes results.

Each line of the input is a task, each line of the output its result, both JSON. The framework is imported once, and
every task runs in a fork of the process that has run nothing yet: a fresh process, without the seconds of an import.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import statistics
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import nlblocks
from benchmarks.cases import BATCH, CASES, FORMS
from nlblocks.errors import InputError
from nlblocks.proof import sample

PATIENCE = 1.0
"""Seconds beyond those asked for in which three rounds are still tried; after that one is enough."""


def main() -> None:
    warnings.simplefilter("ignore")
    forms = importlib.import_module(f"benchmarks.{sys.argv[1]}_forms")
    for line in sys.stdin:
        print(_in_a_fork(forms, json.loads(line)), flush=True)


def _in_a_fork(forms: Any, task: dict[str, Any]) -> str:
    """The result as a line: what was measured, {"error": ...}, or {} where the process was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            result = measure(forms, task)
        except Exception as error:
            traceback.print_exc()
            result = {"error": f"{type(error).__name__}: {error}"}
        with os.fdopen(writer, "w") as stream:
            stream.write(json.dumps(result))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return text or "{}"


def measure(forms: Any, task: dict[str, Any]) -> dict[str, Any]:
    """Times of several forms, or with "form" the memory of one."""
    setting = _Setting(forms, task)
    if "form" not in task:
        return setting.times(task["forms"], task["seconds"])
    _Setting(forms, {**task, "side": 8}).run(task["form"])  # a first call loads parts of the framework
    return setting.memory(task["form"])


class _Setting:
    """A block in eval mode with random weights, its input, and every form of it; "half" is ours at half the side."""

    def __init__(self, library: Any, task: dict[str, Any]) -> None:
        self.library, self.training = library, task["direction"] == "forward+backward"
        self.calls: dict[str, tuple[Any, Any, Any]] = {}
        for name, form, module, x in self._forms(task, task["side"]):
            self.calls[name] = (form, module, x)
        self.x = self.calls["ours"][2]
        if "half" in task.get("forms", ()):
            with contextlib.suppress(InputError):  # some blocks have a smallest size
                half = self._forms(task, task["side"] // 2)
                self.calls["half"] = next((form, module, x) for name, form, module, x in half if name == "ours")

    def _forms(self, task: dict[str, Any], side: int) -> Any:
        spec = CASES[task["case"]].make(task["channels"], side)
        module = nlblocks.build(spec, backend=task["backend"])
        nlblocks.load_state(module, sample.random_state(spec, 0))
        module.eval()
        x = self.library.random_input((BATCH, task["channels"], side, side))
        if self.training:
            self.library.track(x)
        found = self.library.forms(spec.kind, module, x)
        return [(name, found[name], module, x) for name in FORMS if name in found]

    def run(self, name: str) -> None:
        form, module, x = self.calls[name]
        if self.training:
            self.library.backward(form(x), module, x)
        else:
            with self.library.no_grad():
                form(x)

    def times(self, names: list[str], seconds: float) -> dict[str, Any]:
        """Median wall and CPU seconds of each form; a round runs every form once, so that all see the same machine."""
        names = [name for name in names if name in self.calls]
        for name in names:
            self.run(name)
        samples: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        end = time.perf_counter() + seconds
        rounds = 0
        while rounds == 0 or _more(rounds, end - time.perf_counter()):
            for name in names:
                wall, cpu = time.perf_counter(), time.process_time()
                self.run(name)
                samples[name].append((time.perf_counter() - wall, time.process_time() - cpu))
            rounds += 1
        return {
            name: {"wall": statistics.median(w for w, _ in pairs), "cpu": statistics.median(c for _, c in pairs),
                   "rounds": rounds}
            for name, pairs in samples.items()
        }  # fmt: skip

    def memory(self, name: str) -> dict[str, float]:
        """Peak bytes of one call beyond what was there before it (the input and the weights) and its output."""
        output = 4 * self.x.shape[0] * self.x.shape[1] * self.x.shape[2] * self.x.shape[3]
        before = _reset_peak()
        self.run(name)
        return {"bytes": max(0, _peak() - before - output * (2 if self.training else 1))}


def _more(rounds: int, left: float) -> bool:
    return left > -PATIENCE if rounds < 3 else rounds < 200 and left > 0


def _reset_peak() -> int:
    """Forget the peak where the system can (Linux), and return the memory in use."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> int:
    try:
        return _status("VmHWM")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field}")


if __name__ == "__main__":
    main()
