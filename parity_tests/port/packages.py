"""Small Paddle packages, ported and run in this process: what the tests of the closure and of whole files stand on."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.port.job import Job
from nlblocks.port.observe import Record
from nlblocks.port.port import _target, _write, translate
from nlblocks.port.prove import prove
from nlblocks.port.rewrite import Ported
from nlblocks.port.weights import Entry, moves
from nlblocks.port.worker import observe
from nlblocks_paddle.lab.porting import porting as paddle_porting
from nlblocks_torch.lab.porting import porting as torch_porting
from parity_tests.port.snippets import TOLERANCE


class Package:
    """A package's files by name, "inner/part.py"; each package that is touched gets an __init__.py."""

    def __init__(self, folder: Path, files: Mapping[str, str], entry: str, *shapes: str) -> None:
        self.entry = entry
        source = folder / "source"
        for name, text in files.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            for above in path.relative_to(source).parents[:-1]:
                (source / above / "__init__.py").touch()
            path.write_text(textwrap.dedent(text).lstrip())
        self.job = Job.of([entry], folder / "out", path=[source], kwargs="", inputs=shapes, weights=(), setup=None)
        self.roots = {Path(name).parts[0].removesuffix(".py") for name in files}
        with self._imported():
            seen = observe(self.job)
            assert not seen["errors"], seen["errors"]
            self.ported: dict[str, Ported] = translate(self.job, Record.from_dict(seen["record"]))
        _write(self.job, {_target(name): found.text for name, found in self.ported.items()})

    def text(self, module: str) -> str:
        return self.ported[module].text

    @property
    def refused(self) -> set[str]:
        return {one.api for found in self.ported.values() for one in found.refused}

    def proof(self, *planted: tuple[str, str]) -> dict[str, Any]:
        """What the proof says, with texts of the entry's module replaced in the port."""
        path = Path(self.job.out, _target(self.entry.partition(":")[0]).replace(".", "/") + ".py")
        text = path.read_text(encoding="utf-8")
        for old, new in planted:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        with self._imported():
            return prove(self.job)

    def check(self) -> Any:
        """Both models agree on the inputs in evaluation; the port's result, which has torch tensors as leaves."""
        module, _, name = self.entry.partition(":")
        with self._imported():
            sys.path[:0] = [self.job.out, *self.job.paths]
            left = getattr(importlib.import_module(module), name)()
            root, dot, rest = module.partition(".")
            right = getattr(importlib.import_module(f"{root}_torch{dot}{rest}"), name)()
            state, target = paddle_porting.state(left), right.state_dict()
            entries = [[Entry(*e) for e in p.entries(m)] for p, m in ((paddle_porting, left), (torch_porting, right))]
            for move in moves(*entries):
                value = state[move.paddle].T if move.transposed else state[move.paddle]
                target[move.torch].copy_(
                    torch_porting.tensor(np.ascontiguousarray(value)).reshape(target[move.torch].shape)
                )
            left.eval(), left.to(dtype="float64"), right.eval(), right.double()
            draw = np.random.default_rng(0)
            arrays = [draw.normal(size=[int(n) for n in shape.split(",")]) for shape in self.job.inputs]
            mine, found = left(*map(paddle_porting.tensor, arrays)), right(*map(torch_porting.tensor, arrays))
        one, other = _leaves(mine), _leaves(found)
        assert len(one) == len(other) > 0
        for a, b in zip(one, other, strict=True):
            assert a.shape == b.shape
            assert np.abs(a - b).max() <= TOLERANCE * np.abs(a).max()
        return found

    @contextmanager
    def _imported(self) -> Any:
        """Leave no module of the package behind, in either framework."""
        path = list(sys.path)
        try:
            yield
        finally:
            sys.path[:] = path
            for name in [n for n in sys.modules if n.partition(".")[0].removesuffix("_torch") in self.roots]:
                del sys.modules[name]


def _leaves(value: Any) -> list[np.ndarray]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value.detach().numpy()]
