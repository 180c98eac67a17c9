"""The story of a port, in order: watch the Paddle model, gather what it needs, translate, write, prove."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlblocks.backend import package
from nlblocks.errors import InputError
from nlblocks.port.collect import Closure
from nlblocks.port.inputs import check_inputs
from nlblocks.port.job import Job
from nlblocks.port.observe import Record
from nlblocks.port.report import PortReport
from nlblocks.port.rewrite import Ported, ported
from nlblocks.port.rewrite.file import SUFFIX
from nlblocks.port.sources import Sources


def port(
    entry: str | Sequence[str], out: Any, *, path: Sequence[Any] = (), kwargs: str = "",
    inputs: Sequence[str] | str = (), weights: Sequence[Any] = (), setup: Any = None, prove: bool = True,
    progress: Callable[[str], None] | None = None,
) -> PortReport:  # fmt: skip
    """Port a Paddle model's source to torch, with its weights and a proof.

    Raises InputError, and writes nothing, where the source cannot be run or read; BackendError without Paddle.

    Args:
        entry: "package.module:Name", a class or function that makes a model; several for a whole project.
        out: The folder to write to, empty or not there yet. For each top package X it gets X_torch.
        path: The folders that the sources lie in; only modules under these are ported.
        kwargs: What stands in the brackets of the call that makes the model, e.g. "depth=18".
        inputs: What the model is run on: shapes ("2,3,64,64"), .npz files, or "module:function" giving nested arrays.
        weights: Weight files of the Paddle model, in any format that is read; its own start if there are none.
        setup: A Python file that is run first, with stand-ins for what is not installed.
        prove: Run the proof; without it the verdict is "not run".
        progress: Called with a line of text as the port goes on.
    """
    begun = time.perf_counter()
    say = progress or (lambda text: None)
    entries = [entry] if isinstance(entry, str) else list(entry)
    given = [inputs] if isinstance(inputs, str) else list(inputs)
    check_inputs(given)
    package("paddle")  # what is ported runs first
    job = Job.of(entries, out, path=path, kwargs=kwargs, inputs=given, weights=weights, setup=setup)
    say("running the Paddle model")
    seen = _worker("observe", job)
    record = Record.from_dict(seen["record"])
    say("translating")
    started = time.process_time()  # the one stage that is this process's own
    files = translate(job, record)
    translation = time.process_time() - started
    texts = {_target(module): found for module, found in files.items()}
    written = _write(job, {name: found.text for name, found in texts.items()})
    proof: Mapping[str, Any] = {"verdict": "not run", "why": "; ".join(seen["errors"]) or "the proof was not asked for"}
    if prove and not seen["errors"]:
        say("proving")
        try:
            proof = _worker("prove", job)
        except InputError as error:
            proof = {"verdict": "not run", "why": str(error)}
    paths = _paths(texts)
    by_path = {str(paths[name]): found for name, found in texts.items()}
    return PortReport.of(job, by_path, written, proof, translation, time.perf_counter() - begun)


def translate(job: Job, record: Record) -> dict[str, Ported]:
    """Every module that the entries need, by its name."""
    sources = Sources(record, [Path(folder) for folder in job.paths])
    closure = Closure(sources, record)
    for entry in job.entries:
        closure.add(entry.replace(":", "."))
    if not closure.wanted:
        raise InputError(f"{job.entries[0].partition(':')[0]} lies under none of the --path folders")
    closure.left()
    return {
        name: ported(wanted.module, sources.program, record, wanted, closure.changed)
        for name, wanted in closure.wanted.items()
    }


def _target(module: str) -> str:
    root, dot, rest = module.partition(".")
    return f"{root}{SUFFIX}{dot}{rest}"


def _paths(modules: Iterable[str]) -> dict[str, Path]:
    """The files under OUT of modules and of the packages that they lie in, by name."""
    packages = {".".join(name.split(".")[:n]) for name in modules for n in range(1, name.count(".") + 1)}
    return {
        name: Path(*name.split("."), "__init__.py") if name in packages else Path(*name.split(".")).with_suffix(".py")
        for name in sorted(packages | set(modules))
    }


def _write(job: Job, texts: Mapping[str, str]) -> list[str]:
    """The files under OUT, each package with an __init__.py: all of them, or none."""
    out = Path(job.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    paths = _paths(texts)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as made:
        for name, path in paths.items():
            target = Path(made) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(texts.get(name, ""), encoding="utf-8")
        if out.exists():
            out.rmdir()
        shutil.copytree(made, out)
    return [str(path) for path in paths.values()]


def _worker(stage: str, job: Job) -> dict[str, Any]:
    """Run a stage in a process of its own. Raises InputError for what is wrong in the user's code."""
    with tempfile.TemporaryDirectory() as folder:
        job_file, result = Path(folder) / "job.json", Path(folder) / "result.json"
        job_file.write_text(job.to_json(), encoding="utf-8")
        here = [str(Path(path).resolve()) for path in sys.path if path]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(here)), "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, "-m", "nlblocks.port.worker", stage, str(job_file), str(result)]
        done = subprocess.run(
            command, env=environment, capture_output=True, encoding="utf-8", errors="backslashreplace", check=False
        )
        if not result.exists():
            last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            raise InputError(f"the process that was to {stage} ended with status {done.returncode}: {last[:300]}")
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    if "wrong" in found:
        raise InputError(found["wrong"])
    return found
