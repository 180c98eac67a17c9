"""One measurement in a process of its own: ``python -m benchmarks.worker '{...}'`` prints one line of JSON."""

from __future__ import annotations

import importlib
import json
import resource
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import nlblocks
from benchmarks.cases import BATCH, CASES, FORMS
from nlblocks.parity import sample


def main() -> None:
    warnings.simplefilter("ignore")
    task = json.loads(sys.argv[1])
    forms = importlib.import_module(f"benchmarks.{task['backend']}_forms")
    setting = _Setting(forms, task)
    if "form" in task:
        _Setting(forms, {**task, "side": 8}).run(task["form"])  # a first call loads parts of the framework
        result = setting.memory(task["form"])
    else:
        result = setting.times(task["forms"], task["seconds"])
    print(json.dumps(result))


class _Setting:
    """A block in eval mode with random weights, its input, and every form of it."""

    def __init__(self, library: Any, task: dict[str, Any]) -> None:
        self.library, self.training = library, task["direction"] == "forward+backward"
        spec = CASES[task["case"]].make(task["channels"], task["side"])
        self.module = nlblocks.build(spec, backend=task["backend"])
        nlblocks.load_state(self.module, sample.random_state(spec, 0))
        self.module.eval()
        self.x = library.random_input((BATCH, task["channels"], task["side"], task["side"]))
        if self.training:
            library.track(self.x)
        found = library.forms(spec.kind, self.module, self.x)
        self.forms = {name: found[name] for name in FORMS if name in found}

    def run(self, name: str) -> None:
        if self.training:
            self.library.backward(self.forms[name](self.x), self.module, self.x)
        else:
            with self.library.no_grad():
                self.forms[name](self.x)

    def times(self, names: list[str], seconds: float) -> dict[str, Any]:
        """Median wall and CPU seconds of each form; a round runs every form once, so that all see the same machine."""
        names = [name for name in names if name in self.forms]
        for name in names:
            self.run(name)
        samples: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        end = time.perf_counter() + seconds
        rounds = 0
        while rounds < 3 or (rounds < 200 and time.perf_counter() < end):
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


def _reset_peak() -> int:
    """Forget the peak where the system can (Linux), and return the memory in use."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> int:
    try:
        return _status("VmHWM")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field}")


if __name__ == "__main__":
    main()
