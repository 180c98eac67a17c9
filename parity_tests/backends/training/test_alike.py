"""Every field of a recipe means the same in torch and in Paddle: trained from the same bits, they stay together."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from nlblocks.specs import BlockSpec
from parity_tests.helpers.trainers import FRAMEWORKS, NET, RESNET, Trained, distances, group, recipe, started, train

# float64 on small networks: what 12 steps make of rounding; a hyper-parameter held as float32 is 1e-9 or more away.
ALIKE = 1e-12
# A field that does nothing would pass: it must move the losses by more than this.
EFFECT = 1e-6

MOMENTUM = {"rule": "sgd", "lr": 0.003, "momentum": 0.9}
PLAIN: dict[str, dict[str, Any]] = {
    "adam": {},
    "sgd": {"optimiser": {"rule": "sgd", "lr": 0.01}},
    "momentum": {"optimiser": MOMENTUM},
    "adamw": {"optimiser": {"rule": "adamw", "lr": 0.01}},
}
# By the field: a run without it, and what it is set to.
FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "lr": ("adam", {"optimiser": {"lr": 0.002}}),
    "beta1": ("adam", {"optimiser": {"beta1": 0.8}}),
    "beta2": ("adam", {"optimiser": {"beta2": 0.95}}),
    "eps": ("adam", {"optimiser": {"eps": 1e-3}}),
    "momentum": ("sgd", {"optimiser": {"momentum": 0.7}}),
    "nesterov": ("momentum", {"optimiser": {"nesterov": True}}),
    "decay of sgd": ("sgd", {"optimiser": {"weight_decay": 0.3}}),
    "decay of momentum": ("momentum", {"optimiser": {"weight_decay": 0.3}}),
    "decay of nesterov": ("momentum", {"optimiser": {"weight_decay": 0.3, "nesterov": True}}),
    "decay of adam": ("adam", {"optimiser": {"weight_decay": 0.3}}),
    "decay of adamw": ("adamw", {"optimiser": {"weight_decay": 0.3}}),
    "clip": ("momentum", {"optimiser": {"clip": 0.3}}),
    "clip of groups": ("adam", {"optimiser": {"clip": 0.3, "eps": 1e-3}, "groups": [group("fc_*", lr_factor=0.5)]}),
    "label_smoothing": ("adam", {"label_smoothing": 0.1}),
    "lr_factor": ("adam", {"groups": [group("fc_*", lr_factor=0.1)]}),
    "lr_factor 0": ("momentum", {"groups": [group("conv_1.*", lr_factor=0.0)]}),
    "lr_factor and decay": ("adamw", {"groups": [group("fc_*", lr_factor=0.1, decay=0.3)]}),
    "a group's decay": ("momentum", {"groups": [group("fc_*", decay=0.3)]}),
    "frozen": ("adam", {"groups": [group("conv_1.*", frozen=True), group("nl.*", frozen=True)]}),
    "cosine": ("adam", {"schedule": {"shape": "cosine", "floor": 0.1}, "epochs": 1}),
    "step": ("adam", {"schedule": {"shape": "step", "every": 1, "gamma": 0.5}, "batch_size": 300}),
    "warmup": ("adam", {"schedule": {"warmup": 8}}),
    "batch_size": ("adam", {"batch_size": 24}),
    "seed": ("adam", {"seed": 1}),
    "images": ("adam", {"data": {"size": 8, "flip": True, "crop": 1}}),
}


def merged(plain: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "optimiser": PLAIN[plain].get("optimiser", {}) | fields.get("optimiser", {})}


def run(backend: str, net: BlockSpec, fields: dict[str, Any]) -> Trained:
    spec = recipe(**fields)
    return train(started(backend, spec, net), spec)


@pytest.mark.parametrize("rule", PLAIN)
def test_norms_everywhere(rule: str, require: Any) -> None:
    require("torch", "paddle")
    gentle = {"lr": 1e-4, "eps": 1e-3}  # norms over few values magnify rounding as they magnify steps
    fields = merged(rule, {"optimiser": gentle, "data": {"size": 16}})
    found = distances(*(run(backend, RESNET, fields) for backend in FRAMEWORKS))
    assert max(found.values()) <= ALIKE, found


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_means_the_same(field: str, require: Any) -> None:
    require("torch", "paddle")
    plain, fields = FIELDS[field]
    torch, paddle = (run(backend, NET, merged(plain, fields)) for backend in FRAMEWORKS)
    found = distances(torch, paddle)
    assert max(found.values()) <= ALIKE, found
    without = run("torch", NET, PLAIN[plain])
    assert np.abs(torch.losses - without.losses).max() > EFFECT


@pytest.mark.parametrize("rule", PLAIN)
def test_vectors_do_not_decay_where_they_are_exempt(rule: str, require: Any) -> None:
    require("torch", "paddle")
    decay = {"weight_decay": 0.3, "decay_vectors": False}
    torch, paddle = (run(backend, NET, merged(rule, {"optimiser": decay})) for backend in FRAMEWORKS)
    found = distances(torch, paddle)
    assert max(found.values()) <= ALIKE, found
    without = run("torch", NET, merged(rule, {"optimiser": {"weight_decay": 0.3}}))
    assert np.abs(torch.losses - without.losses).max() > EFFECT


def test_no_field_is_left_out() -> None:
    tried = [*PLAIN.values(), *(fields for _, fields in FIELDS.values())]
    for part, elsewhere in (("optimiser", {"decay_vectors"}), ("schedule", set())):
        names = {name for fields in tried for name in fields.get(part, {})}
        assert names | elsewhere == {field.name for field in dataclasses.fields(getattr(recipe(), part))}
    elsewhere = {"name", "variants", "precision", "sync_norm"}
    names = {name for fields in tried for name in fields}
    assert names | elsewhere == {field.name for field in dataclasses.fields(recipe())}
