"""Gradients against the derivative of the formula itself, which knows nothing of any backward pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nlblocks.backend import Array, Differentiator
from nlblocks.init import generator
from nlblocks.numerics import Comparison, tolerance
from nlblocks.proof.sample import Floors, Key, Point, Results, Setting, floor_of, input_names
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.inputs import joined, parts, shape_of
from nlblocks.weights.state import load_state


class Derivatives:
    """One backend's derivatives of its formula, in one setting, as the judge of the others' gradients."""

    def __init__(
        self, judge: Differentiator, module: Any, spec: BlockSpec, seed: int, setting: Setting, floors: Floors
    ) -> None:
        self.judge, self.module, self.spec, self.seed = judge, module, spec, seed
        self.setting, self.floors = setting, floors

    def checks(self, backend: str, run: Results) -> Iterator[Comparison]:
        """Each gradient of a backend's run, projected on random directions, against the derivative along them.

        One that is owed and missing, or has another shape than what it is the gradient of, is a failure.
        """
        own, owed = {}, self._owed()
        for key, shape in owed.items():
            found = run.get(key)
            if found is not None and found.shape == shape:
                own[key] = found
                continue
            what = "computed no such tensor" if found is None else f"has {found.shape} where {shape} is owed"
            record = self.setting.record(*key, (backend, self.judge.name))
            yield Comparison.impossible(f"{backend} {what}", noise=0.0, **record)
        for group in ("grad_input", "grad_params"):
            keys = [key for key in own if key[0] == group]
            if not keys:
                continue
            check = self._project(backend, own, keys)
            if check.passed or len(keys) == 1:
                yield check
            else:  # find the parameters that are wrong
                single = (self._project(backend, own, [key]) for key in keys)
                yield from [c for c in single if not c.passed] or [check]

    def _owed(self) -> dict[Key, tuple[int, ...]]:
        """The shape of every gradient that a backend with a backward pass must have computed."""
        point, trainable = self.setting.point, (p.name for p in self.spec.params() if p.trainable and not p.still)
        inputs = zip(input_names(self.spec), parts(shape_of(point.x)), strict=True)
        return {("grad_input", name): shape for name, shape in inputs} | {
            ("grad_params", name): point.state[name].shape for name in trainable
        }

    def _project(self, backend: str, own: Results, keys: Sequence[Key]) -> Comparison:
        """Compare Σ gradient · direction with the derivative along the direction; each tensor has about unit weight.

        A gradient that is zero but for rounding gets no more weight than the largest one, or its noise would count.
        """
        group, single = keys[0]
        tensor = single if len(keys) == 1 else f"of {len(keys)} {'inputs' if group == 'grad_input' else 'parameters'}"
        record = self.setting.record("derivative", tensor, (backend, self.judge.name))
        if not all(np.isfinite(own[key]).all() for key in keys):
            return Comparison.impossible("the gradient is not finite", noise=0.0, **record)
        norms = {key: float(np.linalg.norm(array)) for key, array in own.items()}
        directions, projected, rounding = {}, 0.0, 0.0
        for key in keys:
            floor = floor_of(own[key], key, self.floors)
            direction = generator(self.seed, f"direction:{key[1]}").normal(size=own[key].shape)
            zero = norms[key] <= tolerance.RATIO * float(np.linalg.norm(floor))
            direction /= (max(norms.values()) if zero else norms[key]) or 1.0
            directions[key] = direction
            terms = own[key] * direction
            projected += float(terms.sum())
            rounding += float(np.linalg.norm(floor * direction)) + tolerance.EPSILON["float64"] * float(
                np.abs(terms).sum()
            )
        expected = self._slope(directions, self.setting.point)
        moved = self._slope(directions, self.setting.point.nudged(0, self.setting.parts))
        found = Comparison.of(np.array([projected]), np.array([expected]), **record)
        scale = max(found.difference.scale, math.sqrt(len(keys)))
        difference = replace(found.difference, scale=scale, index=())
        return replace(found, difference=difference, noise=rounding + abs(moved - expected))

    def _slope(self, directions: Mapping[Key, Array], point: Point) -> float:
        """The derivative of Σ output · grad_output along the directions, at a point."""
        load_state(self.module, point.state)
        named: dict[str, Any] = {name: array for (group, name), array in directions.items() if group == "grad_params"}
        if len(named) < len(directions):  # inputs of which none is asked for stay
            xs = zip(input_names(self.spec), parts(point.x), strict=True)
            named[""] = joined(directions.get(("grad_input", name), np.zeros(x.shape)) for name, x in xs)
        slope = self.judge.derivative(self.module, point.x, named, training=self.setting.training)
        return float((slope * point.grad_output).sum())
