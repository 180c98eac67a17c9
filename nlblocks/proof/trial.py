"""One mode of one spec: its runs, their noise floors, and all comparisons of what they computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, cast

import numpy as np

from nlblocks.backend import Backend, Differentiator, DType, Run
from nlblocks.errors import NoBlockError
from nlblocks.numerics import Comparison, NoiseFloor, tolerance
from nlblocks.paths import force, forced
from nlblocks.proof.derivatives import Derivatives
from nlblocks.proof.sample import PARTS, Floors, Key, Point, Results, Setting, floor_of, input_names
from nlblocks.proof.ties import WITHOUT_MAP, DecidedAlike
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.inputs import parts, shape_of
from nlblocks.weights.state import load_state

Runs = Mapping[str, Results]
"""What each backend, or way to call it, computed."""


class Modules:
    """One module per backend and precision; every run loads its own weights and leaves the module as it was."""

    def __init__(self, spec: BlockSpec, seed: int) -> None:
        self.spec, self.seed = spec, seed
        self._built: dict[tuple[str, str], Any] = {}

    def get(self, backend: Backend, dtype: str) -> Any:
        key = (backend.name, dtype)
        if key not in self._built:
            self._built[key] = backend.build(self.spec, seed=self.seed, dtype=cast(DType, dtype))
        return self._built[key]

    def has(self, backend: Backend) -> bool:
        """Whether a backend has the block."""
        try:
            self.get(backend, "float64")
        except NoBlockError:
            return False
        return True


class Trial:
    """One mode ("eval" or "train") of one spec, on the weights and inputs of a point and on what is made of it."""

    def __init__(
        self, spec: BlockSpec, backends: Sequence[Backend], seed: int, point: Point, mode: str, modules: Modules
    ) -> None:
        self.spec, self.backends, self.seed, self.point, self.mode = spec, backends, seed, point, mode
        self.modules = modules
        self.has_map = bool(spec.attention_shapes(shape_of(point.x)))

    def checks(self) -> Iterator[Comparison]:
        """All comparisons: float64 on distinct and tied inputs, in the order of the computation, then float32."""
        gradients = [b for b in self.backends if b.differentiable]
        settings = [Setting(self.point, self.mode, "distinct", PARTS)]
        if self.spec.takes_maximum:  # the input stays, or its ties would break
            settings.append(Setting(self.point.tied(), self.mode, "tied", ("state", "grad_output")))
        for setting in settings:
            runs = {b.name: self._run(b, setting, setting.point, self.has_map) for b in self.backends}
            checks, floors = self._explained(gradients, setting, runs, self.has_map)
            checks += self._without_map(runs, floors, setting)
            yield from self._at_ties(gradients, setting, checks)
            for judge in self.backends:
                if isinstance(judge, Differentiator):
                    module = self.modules.get(judge, "float64")
                    derivatives = Derivatives(judge, module, self.spec, self.seed, setting, floors)
                    for backend in gradients:
                        yield from derivatives.checks(backend.name, runs[backend.name])
        if len(gradients) > 1:
            single = Setting(self.point.cast("float32"), self.mode, "distinct", PARTS)
            runs = {b.name: self._run(b, single, single.point, with_map=False) for b in gradients}
            checks = self._explained(gradients, single, runs, with_map=False)[0]
            yield from self._at_ties(gradients, single, checks)

    def _explained(
        self, gradients: Sequence[Backend], setting: Setting, runs: Runs, with_map: bool
    ) -> tuple[list[Comparison], Floors]:
        """All comparisons of the runs, and the noise floors that judged them; more nudges where a few do not do."""
        checks: list[Comparison] = []
        floors: Floors = {}
        for nudges in (tolerance.NUDGES, tolerance.MORE_NUDGES):
            floors = self._floors(gradients, setting, runs, with_map, nudges)
            checks = list(self._compare(runs, floors, setting, with_map))
            if all(check.passed or check.difference.problem for check in checks):
                break
        return checks, floors

    def _at_ties(
        self, gradients: Sequence[Backend], setting: Setting, checks: Sequence[Comparison]
    ) -> Iterator[Comparison]:
        """The checks, with those accepted that jump, and agree where all backends decide alike."""
        alike = DecidedAlike(
            gradients, lambda backend: self.modules.get(backend, setting.dtype),
            lambda backend, with_map: self._run(backend, setting, setting.point, with_map and self.has_map), setting,
        )  # fmt: skip
        for check in checks:
            met = bool(check.undecided) and check.group.startswith("grad_") and alike.meet(check)
            yield replace(check, accepted=True) if met else check

    def _without_map(self, runs: Runs, floors: Floors, setting: Setting) -> Iterator[Comparison]:
        """Each backend's call as users make it, which never builds the map, against every call that returned the map.

        The floor is that of the calls with the map. Where it does not suffice, as where a gradient is zero and one
        way happens to compute it without rounding, the rounding of both ways counts.
        """
        for backend in self.backends:
            if not (self.has_map and backend.differentiable):
                continue
            name = f"{backend.name}{WITHOUT_MAP}"
            own = self._run(backend, setting, setting.point, with_map=False)
            checks = self._against(name, own, runs, floors, setting)
            if not all(check.passed for check in checks):
                more = self._floors([backend], setting, {backend.name: own}, with_map=False)
                checks = self._against(name, own, runs, NoiseFloor.larger(floors, more), setting)
            yield from checks

    def _against(self, name: str, own: Results, runs: Runs, floors: Floors, setting: Setting) -> list[Comparison]:
        pairs = [{name: own, other: found} for other, found in runs.items()]
        return [check for pair in pairs for check in self._compare(pair, floors, setting, with_map=False)]

    def _run(self, backend: Backend, setting: Setting, point: Point, with_map: bool) -> Results:
        """What the backend computes in a setting, at its point or one that was nudged."""
        module = self.modules.get(backend, setting.dtype)
        load_state(module, point.state)
        with force(forced() or "fast"):
            result = backend.run(
                module, point.x, training=setting.training, grad_output=point.grad_output, return_attention=with_map
            )
        return _flatten(self.spec, result)

    def _floors(
        self, backends: Sequence[Backend], setting: Setting, runs: Runs, with_map: bool, nudges: int = tolerance.NUDGES
    ) -> Floors:
        """The noise floors of the runs, element by element: the largest of any backend."""
        measured = {backend.name: NoiseFloor(runs[backend.name]) for backend in backends}
        for trial in range(nudges):
            point = setting.point.nudged(trial, setting.parts)
            for backend in backends:
                measured[backend.name].add_all(self._run(backend, setting, point, with_map))
        floors = NoiseFloor.larger(*(found.floors for found in measured.values()))
        return {key: NoiseFloor.smoothed(floor) for key, floor in floors.items()}

    def _compare(self, runs: Runs, floors: Floors, setting: Setting, with_map: bool) -> Iterator[Comparison]:
        """Every tensor that two runs both owe, in the order of the computation."""
        forward_only = {b.name for b in self.backends if not b.differentiable}
        known = set(_owed(self.spec, self.has_map, gradients=True))
        for pair in combinations(runs, 2):
            left, right = (runs[name] for name in pair)
            for key in _owed(self.spec, with_map, gradients=not set(pair) & forward_only):
                record = setting.record(*key, pair)
                missing = [name for name in pair if key not in runs[name]]
                if missing:
                    problem = f"{' and '.join(missing)} computed no such tensor"
                    yield Comparison.impossible(problem, noise=0.0, **record)
                else:
                    largest = max(largest_of(key[0], run) for run in runs.values())
                    noise = floor_of(left[key], key, floors)
                    yield Comparison.of(left[key], right[key], noise=noise, largest=largest, **record)
            for key in sorted({*left, *right} - known):
                record = setting.record(*key, pair)
                yield Comparison.impossible("the spec names no such tensor", noise=0.0, **record)


def largest_of(group: str, run: Results) -> float:
    """The largest value that a run has in a group."""
    return max((float(np.abs(value).max(initial=0.0)) for (g, _), value in run.items() if g == group), default=0.0)


def _flatten(spec: BlockSpec, run: Run) -> dict[Key, Any]:
    """What a run computed, by group and tensor; parameters after the run are left out, buffers kept."""
    tensors = {("output", "output"): run.output}
    maps = run.attention if isinstance(run.attention, dict) else {"attention": run.attention}
    tensors |= {("attention", name): value for name, value in maps.items() if value is not None}
    if run.grad_input is not None:
        tensors |= {("grad_input", n): g for n, g in zip(input_names(spec), parts(run.grad_input), strict=True)}
    tensors |= {("grad_params", name): value for name, value in run.grad_params.items()}
    buffers = [param.name for param in spec.params() if not param.trainable]
    return tensors | {("buffers", name): run.state_after[name] for name in buffers if name in run.state_after}


def _owed(spec: BlockSpec, has_map: bool, gradients: bool) -> list[Key]:
    """What a backend must have computed, by the spec."""
    keys = [("output", "output")]
    if has_map:
        keys += [("attention", name) for name in spec.attention_shapes(spec.example_shape())]
    keys += [("buffers", param.name) for param in spec.params() if not param.trainable]
    if gradients:
        keys += [("grad_input", name) for name in input_names(spec)]
        keys += [("grad_params", param.name) for param in spec.params() if param.trainable and not param.still]
    return keys
