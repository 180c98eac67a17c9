"""The models that are mutated: those of the fault families, as their right pairs build them, and real ones."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.faults.case import Case
from benchmarks.faults.families import FAMILIES, Array, Family, Input
from benchmarks.faults.held_families import HELD_FAMILIES
from benchmarks.faults.transfer import randomise, transfer
from benchmarks.soundness.inputs import FLOATS, varied

FRAMEWORKS = (("torch", "torch"), ("torch", "paddle"), ("paddle", "torch"), ("paddle", "paddle"))


@dataclass(frozen=True, slots=True)
class Real:
    """A model of ``torch_models`` or ``paddle_models`` in this folder; the names are the same in both."""

    module: str
    cls: str
    inputs: tuple[Input, ...]

    def build(self, framework: str, knobs: Any) -> Any:
        return getattr(import_module(f"benchmarks.soundness.{framework}_models.{self.module}"), self.cls)()

    def partner(self, name: str) -> str:
        return name


@dataclass(frozen=True, slots=True)
class Pair:
    """A model in both frameworks. ``left`` and ``right`` are the knobs of the torch and of the Paddle model.

    ``batch`` is the most that the first axis of an input may hold.
    """

    name: str
    models: Family | Real
    family: str = ""
    left: dict[str, Any] = field(default_factory=dict)
    right: dict[str, Any] = field(default_factory=dict)
    batch: int = 3

    def partner(self, name: str) -> str:
        return self.models.partner(name)

    def build(self, framework: str) -> Any:
        """The model, freshly initialised."""
        return self.models.build(framework, self.left if framework == "torch" else self.right)

    def filled(self, framework: str, seed: int) -> Any:
        """The model with random weights, statistics included; those of both frameworks are the same, by name."""
        carrier = self.build("torch")
        randomise(carrier, seed)
        if framework == "torch":
            return carrier
        model = self.build("paddle")
        lost = transfer(self, carrier, model)  # type: ignore[arg-type]
        if lost:
            raise ValueError(f"{self.name}: no place for {', '.join(lost)}")
        return model

    def inputs(self, how: str, seed: int) -> tuple[Array, ...]:
        rng = np.random.default_rng((zlib.crc32(self.name.encode()), seed))
        drawn = [
            (replace(item, shape=(min(self.batch, item.shape[0]), *item.shape[1:])), item.below)
            for item in self.models.inputs
        ]
        return tuple(varied(item.draw(rng), below, how) for item, below in drawn)

    @property
    def kinds_of_input(self) -> tuple[str, ...]:
        return tuple(FLOATS) if any(not item.below for item in self.models.inputs) else ("plain", "ties", "zeros")


def _families() -> dict[str, Pair]:
    """Every family as its plain right pair builds it; then, once, with the knobs of its other right pairs."""
    found = {}
    for name, family in {**FAMILIES, **HELD_FAMILIES}.items():
        if name == "cbam on features":  # cbam itself, with another first layer
            continue
        found[name] = Pair(name=name, models=family, family=name)
    for case in (
        Case(name="gpt causal, tied", family="gpt", left={"tied": True, "blocks.0.attn.causal": True},
             right={"tied": True, "h.0.attn.causal": True}),
        Case(name="unet, bilinear", family="unet", left={"up": "bilinear"}, right={"up": "bilinear"}),
        Case(name="resnet, frozen statistics", family="pyramid", left={"frozen": True}, right={"frozen": True}),
        Case(name="lstm, dropout", family="lstm", left={"p": 0.5}, right={"p": 0.5}),
        Case(name="mobilenet, dropout", family="mobilenet", left={"dropout": 0.5}, right={"dropout": 0.5}),
    ):  # fmt: skip
        found[case.name] = Pair(case.name, case.models, case.family, dict(case.left), dict(case.right))
    return found


def _real() -> dict[str, Pair]:
    image, tokens, features = Input((2, 3, 8, 8)), Input((2, 6), below=12), Input((2, 5, 8))
    rows: dict[str, tuple[str, str, tuple[Input, ...]]] = {
        "bert": ("sequences", "Bert", (tokens,)),
        "llama": ("sequences", "Llama", (tokens,)),
        "experts": ("sequences", "Experts", (features,)),
        "gru tagger": ("sequences", "GRUTagger", (tokens,)),
        "wavenet": ("sequences", "WaveNet", (Input((2, 3, 8)),)),
        "t5": ("sequences", "T5", (tokens,)),
        "perceiver": ("sequences", "Perceiver", (features,)),
        "efficientnet": ("images", "MBConv", (image,)),
        "shufflenet": ("images", "ShuffleNet", (image,)),
        "squeezenet": ("images", "SqueezeNet", (image,)),
        "psp": ("images", "PSP", (image,)),
        "retina": ("images", "Retina", (image,)),
        "diffusion": ("images", "Diffusion", (image, Input((2,), below=9))),
        "keypoints": ("images", "Keypoints", (image,)),
        "alexnet": ("images", "AlexNet", (image,)),
        "vq": ("tables", "VQ", (image,)),
        "quantised": ("tables", "Quantised", (Input((3, 8)),)),
        "graph": ("tables", "GCN", (Input((6, 6)), Input((2, 8), below=3))),
        "deepfm": ("tables", "DeepFM", (Input((5, 6), below=12),)),
        "triplet": ("tables", "Triplet", (Input((6, 6)), Input((6,), below=3))),
        "reader": ("tables", "Reader", (Input((2, 1, 8, 8)), Input((2, 3), below=12))),
        "pruning": ("decisions", "Pruning", (features, Input((2, 5)))),
        "buckets": ("decisions", "Buckets", (Input((3, 8)), Input((3,)))),
        "sampling": ("decisions", "Sampling", (Input((2, 3, 6, 6)), Input((2, 32)))),
        "ranking": ("decisions", "Ranking", (Input((4, 8)),)),
    }
    return {name: Pair(name=name, models=Real(*row), family=name, batch=8) for name, row in rows.items()}


PAIRS: dict[str, Pair] = {**_families(), **_real()}
DECIDING = ("pruning", "buckets", "sampling", "ranking", "experts", "keypoints", "vq", "quantised", "retina", "triplet")
"""Those that stand at decisions where inputs have ties; they are drawn three times as often."""
MODELS = (*PAIRS, *DECIDING, *DECIDING)
