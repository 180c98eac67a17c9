"""Prove that the backends of a block agree, or name the first place where they do not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from operator import index

from nlblocks.backend import Backend, get, rows, third_party
from nlblocks.errors import InputError, no_spec, said
from nlblocks.proof.report import Report
from nlblocks.proof.sample import sensitive_point
from nlblocks.proof.trial import Modules, Trial
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.inputs import joined, split


def verify(
    spec: BlockSpec,
    backends: Sequence[str | Backend] | None = None,
    seed: int = 0,
    input_shape: Sequence[int] | Sequence[Sequence[int]] | None = None,
) -> Report:
    """Run one spec in every backend from identical random weights and compare all that it computes.

    Output, attention maps, input and parameter gradients and running statistics, in train and eval mode, float64 and
    float32, on distinct values and, where a maximum is taken, on tie-rich ones. A block with a map is called with and
    without asking for it: the call without is the one users make, and may compute another way (:mod:`nlblocks.paths`).
    The gradients are also checked against directional derivatives of the reference. ``backends`` defaults to every
    registered one, a third party's where it has the block, ``input_shape`` to ``spec.example_shape()``: a shape, or one
    for each input of a block that takes several. Dropout is off: random masks cannot be compared.

    Returns a report that is true when all agree, and that names the backends. Raises InputError when fewer than two
    are named, and BackendError when one of the library's own, or one that is named, needs a framework that is not
    installed or has no such block: none is left out silently.
    """
    start = time.perf_counter()
    if not isinstance(spec, BlockSpec):
        raise no_spec("verify", spec)
    plain = spec.deterministic()
    modules = Modules(plain, seed)
    found = _resolved(_registered(modules) if backends is None else backends)
    given = spec.example_shape() if input_shape is None else input_shape
    shape = joined(map(_whole_shape, split(spec, given)))
    spec.check_input(shape)
    point = sensitive_point(plain, found[0], seed, shape)
    trials = [Trial(plain, found, seed, point, mode, modules) for mode in ("eval", "train")]
    checks = tuple(check for trial in trials for check in trial.checks())
    return Report(
        spec=spec, backends=tuple(backend.name for backend in found), seed=seed, input_shape=shape,
        checks=checks, seconds=time.perf_counter() - start,
    )  # fmt: skip


def _registered(modules: Modules) -> list[str]:
    """Every registered backend, but for the third parties' that have no such block."""
    return [name for name in rows() if not third_party(name) or modules.has(get(name))]


def _resolved(backends: Sequence[str | Backend]) -> list[Backend]:
    """The backends, of which there must be two."""
    if isinstance(backends, str) or not isinstance(backends, Sequence):
        raise InputError(f"verify: backends={said(backends)} must be a sequence such as ('torch', 'paddle')")
    found = [get(backend) for backend in backends]
    names = [backend.name for backend in found]
    if len(set(names)) < 2:
        raise InputError(f"verify: backends={names} leaves nothing to compare; name at least two")
    return found


def _whole_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape as plain ints of at least 1: an empty input leaves nothing to compare."""
    try:
        extents = tuple(index(extent) for extent in shape)
    except TypeError:
        raise InputError(f"verify: input_shape={said(shape)} must be whole numbers such as (2, 64, 14, 14)") from None
    if any(extent < 1 for extent in extents):
        raise InputError(f"verify: input_shape={extents} is empty, which leaves nothing to compare")
    return extents
