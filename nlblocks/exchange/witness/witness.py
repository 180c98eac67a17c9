"""A spec's programs, exported by each framework, against the native modules and the NumPy reference."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from nlblocks.backend import get
from nlblocks.errors import InputError
from nlblocks.exchange.exporting import BlockSource
from nlblocks.exchange.judging import NativeBlock, witnesses
from nlblocks.exchange.witness.cache import Cache
from nlblocks.numerics import Comparison
from nlblocks.specs.base import BlockSpec, describe
from nlblocks.specs.inputs import joined

DTYPES = ("float64", "float32")
FRAMEWORKS = ("torch", "paddle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What was said of one spec, exported by one framework in one dtype.

    ``worst`` is the largest difference of each who ran the program, from the native module and, for "reference", from
    that: by (runner, dtype). ``failed`` is the first comparison that failed, in words; ``notes`` say who could not run
    it. ``kept`` tells that it was found before. Nothing compared is a failure.
    """

    spec: BlockSpec
    framework: str
    dtype: str
    worst: dict[tuple[str, str], float]
    failed: str
    notes: tuple[str, ...]
    seconds: float
    kept: bool = False

    def __bool__(self) -> bool:
        return bool(self.worst) and not self.failed

    def __str__(self) -> str:
        head = f"{describe(self.spec)}, exported from {self.framework} in {self.dtype}"
        return f"{head}: {self.failed or ('the same' if self.worst else 'NOTHING WAS COMPARED')}"

    @classmethod
    def of(cls, spec: BlockSpec, data: Mapping[str, Any], *, kept: bool) -> Hearing:
        """What :meth:`to_dict` says."""
        own = {name: data[name] for name in ("framework", "dtype", "failed", "seconds")}
        worst = {(runner, dtype): value for runner, dtype, value in data["worst"]}
        return cls(spec=spec, worst=worst, notes=tuple(data["notes"]), kept=kept, **own)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "spec": self.spec.to_dict(), "framework": self.framework, "dtype": self.dtype, "failed": self.failed,
            "worst": [[*key, value] for key, value in self.worst.items()], "notes": list(self.notes),
            "seconds": self.seconds,
        }  # fmt: skip


def hear(
    spec: BlockSpec, frameworks: Sequence[str] = FRAMEWORKS, *, seed: int = 0, cache: Path | None = None
) -> list[Hearing]:
    """Export a spec from each framework, in float64 and in float32, and hold the programs against all who know it.

    Random weights, never those it starts with, in evaluation. ``cache`` is a folder where what was found is kept, by
    all that it depends on: the spec, the seed, the code and the versions of everything.
    """
    kept = Cache(cache)
    found = []
    for framework in frameworks:
        for dtype in DTYPES:
            key = [spec.to_dict(), framework, dtype, seed]
            data, before = kept.get(key, partial(_heard, spec, framework, dtype, seed))
            found.append(Hearing.of(spec, data, kept=before))
    return found


def _heard(spec: BlockSpec, framework: str, dtype: str, seed: int) -> dict[str, Any]:
    start = time.perf_counter()
    source = BlockSource(spec, get(framework), None, None, seed, dtype)
    native = source.native(random=True)
    checks: list[Comparison] = []
    try:
        program = source.program(None, [], random=True)
    except InputError as error:
        checks, notes = [], [str(error)]
    else:
        checks, notes = witnesses(program, native, dtype=dtype)
        if dtype == "float64":
            reference = NativeBlock(spec, get("reference"), native.state, joined(native.inputs))
            checks += [replace(c, pair=("reference", c.pair[1])) for c in witnesses(program, reference, dtype=dtype)[0]]
    worst: dict[tuple[str, str], float] = {}
    for check in checks:
        key = (check.pair[1] if check.pair[0] == "native" else check.pair[0], check.dtype)
        worst[key] = max(worst.get(key, 0.0), check.difference.relative)
    failed = next((check.line() for check in checks if not check.passed), "")
    found = Hearing(
        spec=spec, framework=framework, dtype=dtype, worst=worst, failed=failed, notes=tuple(notes),
        seconds=time.perf_counter() - start,
    )  # fmt: skip
    return found.to_dict()
