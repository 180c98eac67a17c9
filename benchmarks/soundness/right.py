"""Right pairs: one model in two spellings, put together from steps that are each spelled in several ways."""

from __future__ import annotations

import zlib
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from benchmarks.soundness.catalogue import FRAMEWORKS
from benchmarks.soundness.inputs import FLOATS
from benchmarks.soundness.outcome import Compare, Outcome, judge
from benchmarks.soundness.spellings import paddle_words, torch_words
from benchmarks.soundness.truth import DIFFERS, SAME, SIDES, Seen, apart, observe
from nlblocks import parity

Array = np.ndarray[Any, Any]
WORDS: dict[str, Any] = {"torch": torch_words, "paddle": paddle_words}
ROUNDED = ("hard swish", "hard sigmoid", "squeeze and excite", "mean", "nearest, then means", "cross entropy")
"""Kernels compute these with float32 constants: a sixth, or one over the size of a pool. Such a pair is right with what
that costs.
"""
INPUTS = ("plain", "plain", "zeros", "integers", "ties", "thresholds")
"""None that overflows float32, where one spelling may hold and another may not."""
ATTEMPTS = 40
HALVES = {"qkv": ("q", "k", "v")}
BUFFERS = {"_mean": "running_mean", "_variance": "running_var"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One side: which spelling of each step."""

    framework: str
    steps: tuple[tuple[str, str, int], ...]
    """(table, step, spelling)"""

    def build(self) -> Any:
        words = WORDS[self.framework]
        made = [getattr(words, table)[name][spelling]() for table, name, spelling in self.steps]
        return words.Chain(*made)

    def __str__(self) -> str:
        return f"{self.framework}: " + ", ".join(f"{name} {spelling}" for _, name, spelling in self.steps)


def right(seed: int, index: int, compare: Compare = parity.compare, only: str = "") -> list[Outcome]:
    """The right pair of an index, judged; none where no attempt gave one whose truth is clear."""
    dropped: Counter[str] = Counter()
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng((seed, index, attempt, 1))
        sides, how = draw(rng, only)
        drawn = rng.normal(size=(3, 8, 6, 6) if sides[0].steps[0][0] == "IMAGES" else (3, 6, 8))
        inputs = (FLOATS[how](drawn).astype(np.float32),)
        difference, where = truth(sides, inputs)
        if np.isnan(difference):
            dropped[f"NaN all over on both sides: {where}"] += 1
            continue
        rounded = any(name in ROUNDED for _, name, _ in sides[0].steps)
        if difference > (DIFFERS if rounded else SAME):
            dropped[f"two spellings differ: {difference:.0e} {sides[0]} | {sides[1]} | {how} {where}"] += 1
            continue
        outcome = Outcome(
            kind="right", index=index, recipe=f"{sides[0]} | {sides[1]} | inputs: {how}",
            mutation=", ".join(a[1] for a, b in zip(*(s.steps for s in sides), strict=True) if a != b),
            difference=difference, where=where, dropped=dict(dropped),
        )  # fmt: skip
        judge(outcome, compare, filled(sides[0]), filled(sides[1]), inputs)
        return [outcome]
    return []


def draw(rng: np.random.Generator, only: str) -> tuple[tuple[Sentence, Sentence], str]:
    """A weighted step first, then two to four, then an end; at least one of the rest is spelled in two ways."""
    frameworks = FRAMEWORKS[rng.integers(len(FRAMEWORKS))]
    table = ("IMAGES", "SEQUENCES")[rng.integers(2)]
    chosen = [(table, "1x1" if table == "IMAGES" else "linear")]
    chosen += [_one(rng, table if rng.random() < 0.6 else "POINTS", only) for _ in range(rng.integers(2, 4))]
    chosen.append(_one(rng, "IMAGE_ENDS" if table == "IMAGES" else "SEQUENCE_ENDS", ""))
    picked = list(enumerate(chosen))  # the first step is the framework's own layer
    while True:
        sides = tuple(
            Sentence(f, tuple((t, n, i and int(rng.integers(len(getattr(WORDS[f], t)[n])))) for i, (t, n) in picked))
            for f in frameworks
        )
        if frameworks[0] != frameworks[1] or sides[0] != sides[1]:
            return (sides[0], sides[1]), INPUTS[rng.integers(len(INPUTS))]


def _one(rng: np.random.Generator, table: str, only: str) -> tuple[str, str]:
    names = [name for name in getattr(torch_words, table) if only in name] or list(getattr(torch_words, table))
    return table, names[rng.integers(len(names))]


def filled(side: Sentence) -> Any:
    """The model with random weights; each tensor's are drawn for its canonical name, so both sides have the same."""
    framework, model = SIDES[side.framework], side.build()
    layers = framework.modules(model)
    for name, tensor in framework.tensors(model).items():
        owner, kind = _owner(layers, name)
        shape = tuple(tensor.shape)[::-1] if _turned(owner, kind) else tuple(tensor.shape)
        path, parts = _parts(name)
        values = [_value(f"{path}.{part}", (shape[0] // len(parts), *shape[1:])) for part in parts]
        value = np.concatenate(values).reshape(shape)
        framework.write(tensor, np.ascontiguousarray(value.T if _turned(owner, kind) else value))
    return model


def canonical(side: Sentence, model: Any, arrays: dict[str, Array]) -> dict[str, Array]:
    """Tensors by canonical names, in torch's layouts, q, k and v apart."""
    layers = SIDES[side.framework].modules(model)
    found: dict[str, Array] = {}
    for name, array in arrays.items():
        owner, kind = _owner(layers, name)
        if _turned(owner, kind):
            array = array.T
        elif array.shape[2:] == (1, 1):  # a convolution of 1x1
            array = array.reshape(array.shape[:2])
        path, parts = _parts(name)
        found |= {f"{path}.{part}": piece for part, piece in zip(parts, np.split(array, len(parts)), strict=True)}
    return found


def _owner(layers: dict[str, Any], name: str) -> tuple[Any, str]:
    path, _, kind = name.rpartition(".")
    return layers[path], kind


def _turned(owner: Any, kind: str) -> bool:
    """Whether a tensor is the weight of a Paddle Linear, [in, out]."""
    return isinstance(owner, paddle.nn.Linear) and kind == "weight"


def _parts(name: str) -> tuple[str, list[str]]:
    """``0.qkv.weight`` as ("0", ["q.weight", "k.weight", "v.weight"]); another name as it is, buffers by torch's."""
    path, _, kind = name.rpartition(".")
    start, _, layer = path.rpartition(".")
    kind = BUFFERS.get(kind, kind)
    return start, [f"{part}.{kind}" for part in HALVES.get(layer, (layer,))]


def _value(name: str, shape: tuple[int, ...]) -> Array:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if len(shape) == 1:
        return (np.where(rng.random(shape) < 0.5, -1.0, 1.0) * rng.uniform(0.25, 1.0, shape)).astype(np.float32)
    return rng.normal(0.0, 1.0 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)


def truth(sides: tuple[Sentence, Sentence], inputs: tuple[Array, ...]) -> tuple[float, str]:
    """How far the two spellings are apart, and where; NaN where a tensor holds no number that could tell."""
    with ExitStack() as stack:
        for framework in SIDES.values():
            stack.enter_context(framework.float64())
        seen = _seen(sides[0], inputs), _seen(sides[1], inputs)
    empty = [f"{group}: {name}" for group, found in seen[0].items() for name, a in found.items() if np.isnan(a).all()]
    difference, where = apart(*seen)
    return (np.nan, empty[0]) if empty and np.isfinite(difference) else (difference, where)


def _seen(side: Sentence, inputs: tuple[Array, ...]) -> Seen:
    model = filled(side)
    seen = observe(side.framework, model, inputs)
    for group in ("gradients", "updated"):
        seen[group] = canonical(side, model, seen[group])
    buffers = ("running_mean", "running_var")  # which Paddle lists as parameters
    seen["gradients"] = {name: g for name, g in seen["gradients"].items() if not name.endswith(buffers)}
    return seen
