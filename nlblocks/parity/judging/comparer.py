"""Runs both sides and compares their tensors: how far apart they are, and whether that is more than rounding does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import Comparison, NoiseFloor, tolerance
from nlblocks.numerics.tolerance import (
    CEILING,
    EPSILON,
    FEW_NUDGES,
    LADDER,
    MODEL_CEILING,
    MODEL_LIMIT,
    MORE_NUDGES,
    NUDGES,
    RATIO,
    ZERO_CEILING,
)
from nlblocks.parity.findings import Phase
from nlblocks.parity.judging.alike import DecidedAlike, decided_alike, decided_exactly
from nlblocks.parity.judging.noise_floor import SideFloors
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.side import Side
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Trace, vocabulary

GRADIENTS = ("grad_input", "grad_params")
"""The groups of gradients."""
_NONE = np.zeros((0, 0, 0))
"""The floor of a tensor that none is known of."""
SWINGS = 4.0
"""A jump is as far as nudges show where it is no more than this many times as far: several may add up."""


class Comparer:
    """Both sides of a comparison. A noise floor is measured only where it is needed."""

    def __init__(self, left: Side, right: Side, pairs: Pairing) -> None:
        self.left, self.right, self.pairs = left, right, pairs
        self.floors = SideFloors(held=True), SideFloors(held=True)
        self.falling = SideFloors(held=False), SideFloors(held=False)
        self.most = MORE_NUDGES
        self._zeros: dict[vocabulary.Key, Array] = {}  # where gradients are zero in float64 but for rounding
        self.cancelled: dict[vocabulary.Key, Array] = {}  # the floors of those that are zero all over
        self._mirrored: dict[tuple[str, int], tuple[Mapping[vocabulary.Key, Array], Mapping[str, Array]]] = {}
        self._digests: Pass | None = None  # the training pass in float64, without its gradients
        self._jumps: dict[tuple[bool, str], str] = {}
        self._alike: dict[tuple[bool, str], DecidedAlike | None] = {}
        self._exactly: dict[tuple[bool, str], tuple[Comparer, DecidedAlike] | None] = {}

    def asking(self, most: int) -> Comparer:
        """The same, floors and all, that asks for no more nudged runs than these."""
        found = copy(self)
        found.most = most
        return found

    def forget(self) -> None:
        """Let go of the runs and floors of the passes that are judged: there is a number in them for every weight."""
        for floors in (*self.floors, *self.falling):
            floors.forget()
        for known in (self._mirrored, self._alike, self._exactly):
            known.clear()

    def run(self, *, training: bool, dtype: str, keep: str) -> Pass:
        """One run of each side."""
        left = self.left.run(training=training, dtype=dtype, keep=keep)
        right = self.right.run(training=training, dtype=dtype, keep=keep)
        return Pass(left=left, right=right, training=training, dtype=dtype)

    def run_deciding(self, *, training: bool, dtype: str, keep: str) -> Pass:
        """One run of each side; what each decides is known then."""
        how: dict[str, Any] = {"training": training, "dtype": dtype, "keep": keep}
        (left, mine), (right, theirs) = (side.run_deciding(**how) for side in (self.left, self.right))
        runs = Pass(left=left, right=right, training=training, dtype=dtype)
        for floors, decisions in zip(self.floors, (mine, theirs), strict=True):
            floors.know(runs, decisions)
        if keep == "digests":
            bare: list[Trace] = [replace(trace, grad_params={}, grad_inputs={}) for trace in (left, right)]
            self._digests = replace(runs, left=bare[0], right=bare[1])
        return runs

    def beside(self, left: Trace, *, training: bool, keep: str, given: vocabulary.Given | None) -> Pass:
        """A run of the right beside one of the left, which it is given some of."""
        right = self.right.run(training=training, keep=keep, given=given)
        return Pass(left=left, right=right, training=training, given=given, back=keep != "forward")

    def redraw(self, masks: Mapping[str, tuple[int, ...]]) -> None:
        """Draw the right's dropout masks for what the left's are drawn for, from now on."""
        self.right = self.right.redrawn(masks)

    def compare(
        self,
        phase: Phase,
        key: vocabulary.Key,
        a: Array,
        b: Array,
        runs: Pass,
        *,
        other: str | None = None,
        extra: float = 0.0,
        where: Array | None = None,
    ) -> Comparison:
        """Compare one pair of tensors, the right's by the name ``other``; ``extra`` is what else counts as noise.

        ``where`` says which elements of the left's whole tensor these are, if not all. In the models' own dtype the
        smaller floor counts: both compute the same function, so that it moves as little on either side, and a side that
        loses precision must not excuse itself by it. Where a gradient is zero but for rounding in float64 the larger
        one does: one kernel may happen to compute it exactly. Floors of such that are ``cancelled`` already, from a
        pass with other random numbers, hold where the tensor passes by them. Integers and truth values are exact:
        rounding moves none of them by a little.
        """
        a, b = _alike(a, b)
        exact = a.dtype.kind not in "fc"
        found = self._plain(phase, key, a, b, runs)
        if exact:
            return found if runs.dtype == "float64" else _undecided(found)
        largest = self._largest(key[0], runs, found.difference.scale)
        graded = runs.dtype == "float64" and key[0] in GRADIENTS
        if graded and not found.difference.problem:
            self._zeros[key] = np.maximum(np.abs(a), np.abs(b)) <= RATIO * EPSILON["float64"] * largest
        if found.passed or found.difference.problem or found.undecided:
            return found
        nothing = tolerance.NOTHING * largest / RATIO if key[0] in GRADIENTS else 0.0
        if graded and self.cancelled.get(key, _NONE).shape == a.shape:
            again = found.judged(a, b, np.maximum(self.cancelled[key], nothing), largest)
            if again.passed and again.zero:
                self._zeros[key] = np.ones(a.shape, bool)
                return again
        # What passes by fewer nudges, or by nudges alone, needs no more.
        narrow = [(FEW_NUDGES, False), (NUDGES, False)] if runs.dtype == "float64" else [(FEW_NUDGES, True)]
        more = [(nudges, True) for nudges in LADDER if nudges >= NUDGES]
        steps = [step for step in (*narrow, *more) if step[0] <= self.most]
        for nudges, constants in steps:
            floors = self._floors(self.floors, key, runs, other, nudges, a.shape, where, constants=constants)
            zero = self._zeros.get(key)
            either = runs.dtype == "float64" or (zero is not None and zero.shape == a.shape and zero)
            measured = np.where(either, np.maximum(*floors), np.minimum(*floors))
            found = found.judged(a, b, np.maximum(measured, max(extra, nothing)), largest)
            if found.passed or found.undecided or (constants and self._beyond(found, measured)):
                break
        if graded and found.passed and found.zero:
            self._zeros[key], self.cancelled[key] = np.ones(a.shape, bool), measured
        return replace(found, undecided=self._jump(runs) or found.undecided) if found.undecided else found

    def expect(self, pairs: Iterable[tuple[vocabulary.Key, tuple[Array, Array]]], runs: Pass) -> None:
        """Say before what will be compared in float64, so that no floor is kept but of what needs one."""
        if runs.dtype != "float64":
            return
        left = {key for key, (a, b) in pairs if not self._plain("backward", key, *_alike(a, b), runs).passed}
        right = {("grad_params", b) for a, b in self.pairs.parameters if ("grad_params", a) in left}
        own = left, right | {key for key in left if key[0] == "grad_input"}
        for floors, keys in zip(self.floors, own, strict=True):
            floors.expect(runs, (left, keys))

    def no_rounding(
        self, phase: Phase, key: vocabulary.Key, a: Array, b: Array, runs: Pass, *, extra: float = 0.0
    ) -> Comparison | None:
        """The comparison without a floor, where the sides differ by more than float64 rounds; None where they do not.

        A cause that takes such a difference away needs no floor beside it. ``extra`` is as of :meth:`compare`.
        """
        a, b = _alike(a, b)
        found = self._plain(phase, key, a, b, runs)
        largest = max(found.difference.scale, self._largest(key[0], runs, found.difference.scale))
        judged = runs.dtype == "float64" and a.dtype.kind in "fc" and not found.difference.problem
        return found if judged and found.difference.error > max(CEILING * largest, RATIO * extra) else None

    def _plain(self, phase: Phase, key: vocabulary.Key, a: Array, b: Array, runs: Pass) -> Comparison:
        """Two tensors of one dtype, compared without a floor."""
        limit = 0.0 if a.dtype.kind not in "fc" else MODEL_LIMIT if runs.dtype == "float64" else None
        return Comparison.of(
            a, b, alike=True, phase=phase, group=key[0], name=key[1], dtype=runs.dtype, limit=limit,
            ceiling=MODEL_CEILING[runs.dtype],
        )  # fmt: skip

    def _largest(self, group: str, runs: Pass, scale: float) -> float:
        """The largest value beside which a tensor of this ``scale`` may be zero but for rounding: in its group.

        An input may be the only one. Its gradient is beside those of the parameters, where it is nothing to them.
        """
        groups = (group, "grad_params") if group == "grad_input" else (group,)
        found = [max(f.largest(g, runs, right=bool(i)) for i, f in enumerate(self.floors)) for g in groups]
        nothing = scale <= RATIO * ZERO_CEILING[runs.dtype] * found[-1]
        return max(found) if nothing else found[0]

    def _beyond(self, found: Comparison, measured: Array) -> bool:
        """Whether a difference is more than chance may hide: beyond what any element moved by, in float64."""
        return found.dtype == "float64" and found.difference.error > RATIO * float(measured.max(initial=0.0))

    def _jump(self, runs: Pass) -> str:
        """The operation that jumps on one of the sides, in words; "" where none is known to."""
        key = (runs.training, runs.dtype)
        if key not in self._jumps:
            how: dict[str, Any] = {"training": runs.training, "dtype": runs.dtype}
            left = self.left.jump(**how)
            place = left or self.right.jump(**how, given=runs.given)
            self._jumps[key] = f"the {'left' if left else 'right'} model jumps at {place}" if place else ""
        return self._jumps[key]

    def decided_alike(self, runs: Pass) -> DecidedAlike | None:
        """The pass in which the right decides as the left does at thresholds and ties; see :mod:`.alike`."""
        key = (runs.training, runs.dtype)
        if key not in self._alike:
            decided = self.floors[0].decided(self.left, runs, right=False)
            self._alike.clear()  # of another pass: it holds a run
            known = self._digests
            known = known if known is not None and known.training == runs.training and runs.given is None else None
            self._alike[key] = decided_alike(self.left, self.right, runs, decided, known)
        return self._alike[key]

    def exactly(self, runs: Pass) -> tuple[Comparer, DecidedAlike] | None:
        """The same sides where each decides as it does in float64, and their pass; see :mod:`.alike`."""
        key = (runs.training, runs.dtype)
        if key not in self._exactly:
            self._exactly.clear()
            found = decided_exactly(self.left, self.right, runs)
            own = None if found is None else (self._of(found.left, found.right), found.alike)
            self._exactly[key] = own
        return self._exactly[key]

    def _of(self, left: Side, right: Side) -> Comparer:
        """Of the same two models, held to what they decide: where gradients are zero is known."""
        found = Comparer(left, right, self.pairs)
        found._zeros = self._zeros
        return found

    def jumping(
        self, key: vocabulary.Key, a: Array, b: Array, runs: Pass, where: Array | None = None
    ) -> tuple[int, bool]:
        """(elements of a tensor beyond their own floors, whether nudges that are held to nothing move each as far)."""
        a, b = _alike(a, b)
        scale = max(float(np.abs(side).max(initial=0.0)) for side in (a, b))
        floors = np.minimum(*self._floors(self.floors, key, runs, None, MORE_NUDGES, a.shape, where))
        swings = self._floors(self.falling, key, runs, None, MORE_NUDGES, a.shape, where, smooth=False)
        errors = np.abs(a.astype(np.result_type(a, np.float64)) - b)
        apart = errors > RATIO * np.maximum(floors, EPSILON[runs.dtype] * scale)
        return int(apart.sum()), bool((errors <= SWINGS * np.maximum(*swings))[apart].all())

    def _floors(
        self, floors: tuple[SideFloors, SideFloors], key: vocabulary.Key, runs: Pass, other: str | None, nudges: int,
        shape: tuple[int, ...], where: Array | None, *, smooth: bool = True, constants: bool = True,
    ) -> tuple[Array, Array]:  # fmt: skip
        how = {"smooth": smooth, "constants": constants}
        left, right = (self._floor(i, floors, key, runs, other, nudges, shape, where, **how) for i in range(2))
        return left, right

    def _floor(
        self, side: int, floors: tuple[SideFloors, SideFloors], key: vocabulary.Key, runs: Pass, other: str | None,
        nudges: int, shape: tuple[int, ...], where: Array | None, *, smooth: bool, constants: bool,
    ) -> Array:  # fmt: skip
        """One side's floor of each element, in the left's layout; 0 where there is none."""
        own = (self.left, self.right)[side]
        every = floors[side].of(own, runs, key, right=bool(side), nudges=nudges, constants=constants)
        sides = [self._in_left(side, place, one, key, runs, other) for place, one in enumerate(every)]
        found = [floor for floor in sides if floor is not None]
        there = [floor if where is None else floor[where] for floor in found]
        floor = _largest([floor for floor in there if floor.shape == shape] or [np.zeros(shape)])
        return NoiseFloor.smoothed(floor) if smooth else floor

    def _in_left(
        self, side: int, place: int, floors: Mapping[vocabulary.Key, Array], key: vocabulary.Key, runs: Pass,
        other: str | None,
    ) -> Array | None:  # fmt: skip
        """A side's floor of a tensor in the left's layout, if it has one; ``place`` tells its floors from others."""
        group, name = key
        if not side or group not in ("grad_params", "buffers"):
            return floors.get((group, other if side and other is not None else name))
        if not floors:
            return None
        of, found = self._mirrored.get((group, place), (None, {}))
        if of is not floors:
            grouped = {n: value for (g, n), value in floors.items() if g == group}
            shapes = {n: np.broadcast_to(0.0, tensor.shape) for n, tensor in runs.left.state.items()}
            found = self.pairs.mirrored(grouped, shapes)
            self._mirrored[group, place] = floors, found
        return found.get(name)


def _largest(arrays: Sequence[Array]) -> Array:
    """The largest of each element; the array itself where there is one."""
    first, *others = arrays
    for other in others:
        first = np.maximum(first, other)
    return first


def _undecided(found: Comparison) -> Comparison:
    """Integers that differ in the models' own dtype, though not in float64: a decision that rounding may turn."""
    if found.passed or found.difference.problem:
        return found
    count = found.difference.size - found.difference.same
    return replace(
        found, undecided=f"{count} of {found.difference.size} integers fall otherwise in {found.dtype} alone"
    )


def _alike(a: Array, b: Array) -> tuple[Array, Array]:
    """In one dtype: another precision is no difference here, the outputs' own dtypes are judged by themselves."""
    if a.dtype.kind == b.dtype.kind and a.dtype.kind in "fc":
        wider = np.result_type(a, b)
        a, b = a.astype(wider, copy=False), b.astype(wider, copy=False)
    elif a.dtype.kind in "iub" and b.dtype.kind in "iub":
        a, b = a.astype(np.int64), b.astype(np.int64)
    return a, b
