"""Prove that the backends of a block agree, or name the first place where they do not."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from operator import index
from typing import Any, cast

import numpy as np

from nlblocks.backend import Array, Backend, Differentiator, DType, Run, get
from nlblocks.errors import InputError
from nlblocks.init import generator
from nlblocks.numerics.difference import Difference, measure
from nlblocks.numerics.tolerance import CEILING, EPSILON, RATIO
from nlblocks.paths import force, forced
from nlblocks.proof import sample
from nlblocks.proof.check import Check
from nlblocks.proof.report import Report
from nlblocks.proof.sample import PARTS, Point
from nlblocks.specs.base import BlockSpec
from nlblocks.weights.state import load_state

Key = tuple[str, str]
"""(group, tensor name)."""
Tensors = dict[Key, Array]
Noise = Mapping[Key, float]
"""The noise floor of each tensor."""
NUDGES = 2
MORE_NUDGES = 16
TEMPERINGS = 40
SATURATION = 0.9


def verify(
    spec: BlockSpec,
    backends: Sequence[str | Backend] = ("torch", "paddle", "reference"),
    seed: int = 0,
    input_shape: Sequence[int] | None = None,
) -> Report:
    """Run one spec in every backend from identical random weights and compare all that it computes.

    Output, attention maps, input and parameter gradients and running statistics, in train and eval mode, float64 and
    float32, on distinct values and, where a maximum is taken, on tie-rich ones. A block with a map is called with and
    without asking for it: the call without is the one users make, and may compute another way (:mod:`nlblocks.paths`).
    The gradients are also checked against directional derivatives of the reference. ``input_shape`` defaults to
    ``spec.example_shape()``. Dropout is off: random masks cannot be compared.

    Returns a report that is true when all agree. Raises InputError when fewer than two backends are named.
    """
    start = time.perf_counter()
    if not isinstance(spec, BlockSpec):
        raise InputError(f"verify: spec must be a block spec such as nlblocks.specs.NonLocal(...), received {spec!r}")
    if isinstance(backends, str) or not isinstance(backends, Sequence):
        raise InputError(f"verify: backends={backends!r} must be a sequence such as ('torch', 'paddle')")
    found = [get(backend) for backend in backends]
    names = tuple(backend.name for backend in found)
    if len(set(names)) < 2:
        raise InputError(f"verify: backends={list(names)} leaves nothing to compare; name at least two")
    shape = _whole_shape(spec.example_shape() if input_shape is None else input_shape)
    spec.check_input(shape)
    report = Report(spec=spec, backends=names, seed=seed, input_shape=shape)
    spec = spec.deterministic()
    point = _sensitive_point(spec, found[0], seed, shape)
    modules = _Modules(spec, seed)
    for mode in ("eval", "train"):
        report.checks.extend(_Trial(spec, found, seed, point, mode, modules).checks())
    report.seconds = time.perf_counter() - start
    return report


def _whole_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape as plain ints of at least 1: an empty input leaves nothing to compare."""
    try:
        extents = tuple(index(extent) for extent in shape)
    except TypeError:
        raise InputError(f"verify: input_shape={shape!r} must be whole numbers such as (2, 64, 14, 14)") from None
    if any(extent < 1 for extent in extents):
        raise InputError(f"verify: input_shape={extents} is empty, which leaves nothing to compare")
    return extents


class _Modules:
    """One module per backend and precision; every run loads its own weights and leaves the module as it was."""

    def __init__(self, spec: BlockSpec, seed: int) -> None:
        self.spec, self.seed = spec, seed
        self._built: dict[tuple[str, str], Any] = {}

    def get(self, backend: Backend, dtype: str) -> Any:
        key = (backend.name, dtype)
        if key not in self._built:
            self._built[key] = backend.build(self.spec, seed=self.seed, dtype=cast(DType, dtype))
        return self._built[key]


@dataclass(frozen=True, slots=True)
class _Setting:
    """A point, what its inputs are called, and the parts of it that may be nudged to measure rounding."""

    point: Point
    inputs: str
    parts: tuple[str, ...]


class _Trial:
    """One mode (eval or train) of one spec: its weights and inputs, and all comparisons on them."""

    def __init__(
        self, spec: BlockSpec, backends: Sequence[Backend], seed: int, point: Point, mode: str, modules: _Modules
    ) -> None:
        self.spec, self.backends, self.seed, self.point, self.mode = spec, backends, seed, point, mode
        self.modules = modules
        self.has_map = bool(spec.attention_shapes(point.x.shape))

    def checks(self) -> Iterator[Check]:
        gradients = [b for b in self.backends if b.differentiable]
        settings = [_Setting(self.point, "distinct", PARTS)]
        if self.spec.takes_maximum:  # the input stays, or its ties would break
            settings.append(_Setting(self.point.tied(), "tied", ("state", "grad_output")))
        for setting in settings:
            runs = {b.name: self._run(b, setting.point, self.has_map) for b in self.backends}
            checks, noise = self._explained(gradients, setting, runs, self.has_map)
            yield from checks
            yield from self._without_map(runs, noise, setting)
            for judge in self.backends:
                if isinstance(judge, Differentiator):
                    yield from self._derivatives(judge, runs, noise, gradients, setting)
        if len(gradients) > 1:
            single = _Setting(self.point.cast("float32"), "distinct", PARTS)
            runs = {b.name: self._run(b, single.point, with_map=False) for b in gradients}
            yield from self._explained(gradients, single, runs, with_map=False)[0]

    def _explained(
        self, gradients: Sequence[Backend], setting: _Setting, runs: Mapping[str, Tensors], with_map: bool
    ) -> tuple[list[Check], Noise]:
        """All comparisons of the runs, and the noise floors that judged them.

        A few nudges find the floor of most models. Where they do not suffice, more are made: a maximum or a ReLU close
        to a tie jumps, and a few nudges may not show it.
        """
        checks: list[Check] = []
        noise: Noise = {}
        for nudges in (NUDGES, MORE_NUDGES):
            noise = self._noise(gradients, setting, runs, with_map, nudges)
            dtype = setting.point.x.dtype.name
            checks = list(self._compare(runs, noise, dtype, setting.inputs, with_map))
            if all(check.passed or check.difference.problem for check in checks):
                break
        return checks, noise

    def _without_map(self, runs: Mapping[str, Tensors], noise: Noise, setting: _Setting) -> Iterator[Check]:
        """Each backend's call as users make it, which never builds the map, against every call that returned the map.

        The floor is that of the calls with the map. Where it does not suffice, as where a gradient is zero and one
        way happens to compute it without rounding, the rounding of both ways counts.
        """
        for backend in self.backends:
            if not (self.has_map and backend.differentiable):
                continue
            name = f"{backend.name} without map"
            own = {name: self._run(backend, setting.point, with_map=False)}
            checks = self._against(own, runs, noise, setting.inputs)
            if not all(check.passed for check in checks):
                floors = self._noise([backend], setting, {backend.name: own[name]}, with_map=False)
                both = {key: max(noise.get(key, 0.0), floors.get(key, 0.0)) for key in {*noise, *floors}}
                checks = self._against(own, runs, both, setting.inputs)
            yield from checks

    def _against(
        self, own: Mapping[str, Tensors], runs: Mapping[str, Tensors], noise: Noise, inputs: str
    ) -> list[Check]:
        pairs = [{**own, name: found} for name, found in runs.items()]
        return [c for pair in pairs for c in self._compare(pair, noise, "float64", inputs, with_map=False)]

    def _run(self, backend: Backend, point: Point, with_map: bool) -> Tensors:
        module = self.modules.get(backend, point.x.dtype.name)
        load_state(module, point.state)
        with force(forced() or "fast"):
            result = backend.run(
                module, point.x, training=self.mode == "train", grad_output=point.grad_output, return_attention=with_map
            )
        return _flatten(self.spec, result)

    def _noise(
        self,
        backends: Sequence[Backend],
        setting: _Setting,
        runs: Mapping[str, Tensors],
        with_map: bool,
        nudges: int = NUDGES,
    ) -> Noise:
        """Per tensor, the largest change of ``runs`` in any backend when ``parts`` move one unit in the last place."""
        floors: dict[Key, float] = defaultdict(float)
        for trial in range(nudges):
            nudged = setting.point.nudged(trial, setting.parts)
            for backend in backends:
                for key, value in self._run(backend, nudged, with_map).items():
                    if value.size:
                        floors[key] = max(floors[key], float(np.abs(value - runs[backend.name][key]).max()))
        # A tie that rounding breaks deep inside moves a gradient as far as it likes: tied inputs, and float32.
        if setting.inputs == "tied" or setting.point.x.dtype == np.float32:
            return floors
        limit = CEILING / RATIO
        largest: dict[str, float] = defaultdict(float)
        for key, value in ((key, value) for found in runs.values() for key, value in found.items()):
            largest[key[0]] = max(largest[key[0]], float(np.abs(value).max(initial=0.0)))
        return {key: min(floor, limit * largest[key[0]]) for key, floor in floors.items()}

    def _compare(
        self, runs: Mapping[str, Tensors], noise: Noise, dtype: str, inputs: str, with_map: bool
    ) -> Iterator[Check]:
        """Every tensor that two runs both owe, in the order of the computation."""
        forward_only = {b.name for b in self.backends if not b.differentiable}
        for left, right in combinations(runs, 2):
            gradients = not {left, right} & forward_only
            for key in _owed(self.spec, with_map, gradients):
                missing = [name for name in (left, right) if key not in runs[name]]
                floor = noise.get(key, 0.0)
                difference = (
                    Difference(problem=f"{' and '.join(missing)} computed no such tensor")
                    if missing
                    else measure(runs[left][key], runs[right][key], noise=floor)
                )
                yield self._check(key, (left, right), difference, floor, dtype, inputs)
            for key in {*runs[left], *runs[right]} - set(_owed(self.spec, self.has_map, True)):
                surplus = Difference(problem="the spec names no such tensor")
                yield self._check(key, (left, right), surplus, 0.0, dtype, inputs)

    def _check(
        self, key: Key, pair: tuple[str, str], difference: Difference, noise: float, dtype: str, inputs: str
    ) -> Check:
        return Check(
            group=key[0], tensor=key[1], mode=self.mode, inputs=inputs, dtype=dtype, pair=pair,
            difference=difference, noise=noise,
        )  # fmt: skip

    def _derivatives(
        self,
        judge: Differentiator,
        runs: Mapping[str, Tensors],
        noise: Noise,
        gradients: Iterable[Backend],
        setting: _Setting,
    ) -> Iterator[Check]:
        """Each gradient, projected on random directions, against the derivative of the reference's formula."""
        module = self.modules.get(judge, "float64")
        for backend in gradients:
            own = {key: value for key, value in runs[backend.name].items() if key[0].startswith("grad_")}
            for group in ("grad_input", "grad_params"):
                keys = [key for key in own if key[0] == group]
                check = self._project(judge, module, own, noise, keys, backend.name, setting)
                if check.passed or len(keys) == 1:
                    yield check
                else:  # find the parameters that are wrong
                    single = (self._project(judge, module, own, noise, [key], backend.name, setting) for key in keys)
                    yield from [c for c in single if not c.passed] or [check]

    def _project(
        self,
        judge: Differentiator,
        module: Any,
        own: Tensors,
        noise: Noise,
        keys: Sequence[Key],
        backend: str,
        setting: _Setting,
    ) -> Check:
        """Compare Σ gradient · direction with the derivative along the direction; each tensor has about unit weight.

        A gradient that is zero but for rounding gets no more weight than the largest one, or its noise would count.
        """
        tensor = keys[0][1] if len(keys) == 1 else f"of {len(keys)} parameters"
        pair = (backend, judge.name)
        if not all(np.isfinite(own[key]).all() for key in keys):
            problem = Difference(problem="the gradient is not finite")
            return self._check(("derivative", tensor), pair, problem, 0.0, "float64", setting.inputs)
        norms = {key: float(np.linalg.norm(array)) for key, array in own.items()}
        directions, projected, floor = {}, 0.0, 0.0
        for key in keys:
            direction = generator(self.seed, f"direction:{key[1]}").normal(size=own[key].shape)
            zero = norms[key] <= RATIO * noise.get(key, 0.0) * math.sqrt(direction.size)
            direction /= (max(norms.values()) if zero else norms[key]) or 1.0
            directions["" if key[0] == "grad_input" else key[1]] = direction
            terms = own[key] * direction
            projected += float(terms.sum())
            floor += noise.get(key, 0.0) * float(np.linalg.norm(direction)) + EPSILON["float64"] * float(
                np.abs(terms).sum()
            )
        expected = self._slope(judge, module, directions, setting.point)
        moved = self._slope(judge, module, directions, setting.point.nudged(0, setting.parts))
        found = measure(np.array([projected]), np.array([expected]))
        difference = replace(found, scale=max(found.scale, math.sqrt(len(keys))), index=())
        floor += abs(moved - expected)
        return self._check(("derivative", tensor), pair, difference, floor, "float64", setting.inputs)

    def _slope(self, judge: Differentiator, module: Any, directions: Mapping[str, Array], point: Point) -> float:
        """The derivative of Σ output · grad_output along the directions, at a point."""
        load_state(module, point.state)
        slope = judge.derivative(module, point.x, directions, training=self.mode == "train")
        return float((slope * point.grad_output).sum())


def _sensitive_point(spec: BlockSpec, backend: Backend, seed: int, shape: tuple[int, ...]) -> Point:
    """Random weights and input at which no softmax is saturated: one that is hides faults and magnifies rounding."""
    point = Point(
        state=sample.random_state(spec, seed),
        x=sample.random_array(shape, seed, "input"),
        grad_output=sample.random_array(spec.output_shape(shape), seed, "grad_output"),
    )
    if not spec.attention_shapes(shape):
        return point
    module = backend.build(spec, seed=seed, dtype="float64")
    for _ in range(TEMPERINGS):
        load_state(module, point.state)
        found = backend.run(module, point.x, training=False, grad_output=None, return_attention=True).attention
        maps = found.values() if isinstance(found, dict) else [found]
        if not any(_saturated(array) for array in maps if array is not None):
            break
        point = point.tempered(spec)
    return point


def _saturated(attention: Array) -> bool:
    """Whether a map of probabilities puts nearly all weight of its average row in one place."""
    if attention.size == 0 or attention.shape[-1] < 2:
        return False
    is_softmax = bool((attention >= 0).all()) and bool(np.allclose(attention.sum(-1), 1.0))
    return is_softmax and float(attention.max(-1).mean()) > SATURATION


def _flatten(spec: BlockSpec, run: Run) -> Tensors:
    """What a run computed, by group and tensor; parameters after the run are left out, buffers kept."""
    tensors: Tensors = {("output", "output"): run.output}
    maps = run.attention if isinstance(run.attention, dict) else {"attention": run.attention}
    tensors |= {("attention", name): value for name, value in maps.items() if value is not None}
    if run.grad_input is not None:
        tensors["grad_input", "input"] = run.grad_input
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
        keys.append(("grad_input", "input"))
        keys += [("grad_params", param.name) for param in spec.params() if param.trainable]
    return keys
