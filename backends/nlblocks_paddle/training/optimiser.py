"""Paddle's optimiser of a recipe, and what it keeps, under canonical names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import paddle
from paddle import Tensor, optimizer

from nlblocks.backend import Array, State
from nlblocks.training.recipes import Recipe
from nlblocks_paddle.conventions import conventions

Parameters = Mapping[str, Tensor]
SLOTS = conventions.kept.slots if conventions.kept else {}
"""What the optimiser keeps of a parameter, by our name: Paddle's accumulator."""
POWERS = dict(zip(conventions.kept.powers, ("beta1", "beta2"), strict=True)) if conventions.kept else {}
"""The accumulators that hold beta to the power of the next update; Paddle multiplies them up update by update."""


def optimiser_of(
    recipe: Recipe, parameters: Parameters, trained: Mapping[tuple[float, float], list[str]]
) -> optimizer.Optimizer:
    """The optimiser of a recipe; ``trained`` is what :meth:`Recipe.trained` says."""
    spec = recipe.optimiser
    rule = "momentum" if spec.rule == "sgd" and spec.momentum else spec.rule
    exact = recipe.precision == "float64" and rule in ("momentum", "adamw")
    decay_key = "decay" if exact else "weight_decay"  # Paddle itself acts on the latter
    groups: Any = [
        {
            "params": [parameters[name] for name in names], "learning_rate": factor,
            decay_key: decay if exact or decay or rule == "adamw" else None,  # 0.0 would be added up, at a price
        }
        for (factor, decay), names in trained.items()
    ]  # fmt: skip
    options = {"parameters": groups}
    if not exact and [group["learning_rate"] for group in groups] == [1.0]:  # Paddle goes through groups more slowly
        options = {"parameters": groups[0]["params"], "weight_decay": groups[0]["weight_decay"]}
    if rule == "sgd":
        return optimizer.SGD(spec.lr, **options)
    if rule == "momentum":
        momentum = _ExactMomentum if exact else optimizer.Momentum
        return momentum(spec.lr, spec.momentum, use_nesterov=spec.nesterov, **options)
    adamw = _ExactAdamW if exact else optimizer.AdamW
    kind = adamw if rule == "adamw" else optimizer.Adam
    return kind(spec.lr, beta1=spec.beta1, beta2=spec.beta2, epsilon=spec.eps, **options)


class _ExactMomentum(optimizer.Momentum):
    """Momentum written out, for float64: its kernel holds momentum and decay as float32."""

    def _append_optimize_op(self, block: Any, param_and_grad: Any) -> None:
        param, grad = param_and_grad["params"]
        grad = grad + param * param_and_grad["decay"]
        velocity = self._get_accumulator_master(self._velocity_acc_str, param)
        velocity.scale_(self._momentum).add_(grad)
        step = grad + velocity * self._momentum if self._use_nesterov else velocity
        param.subtract_(step * self._create_param_lr((param, grad)))


class _ExactAdamW(optimizer.Adam):
    """AdamW as a decay, written out, before Adam, for float64: its kernel holds the decay as float32."""

    def _append_optimize_op(self, block: Any, param_and_grad: Any) -> None:
        param, grad = param_and_grad["params"]
        param.multiply_(1.0 - self._create_param_lr((param, grad)) * param_and_grad["decay"])
        super()._append_optimize_op(block, param_and_grad)


@paddle.no_grad()
def clip(parameters: Iterable[Tensor], largest: float) -> None:
    """Shrink all gradients alike to a Euclidean norm of ``largest`` together, where they exceed it.

    An optimiser's own grad_clip measures each group of parameters by itself.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = paddle.add_n([gradient.square().sum() for gradient in gradients]).sqrt()
    share = (largest / norm).clip(max=1.0)
    for gradient in gradients:
        gradient.multiply_(share)


def kept_of(optimiser: optimizer.Optimizer, parameters: Parameters, kinds: Iterable[str]) -> dict[str, State]:
    """A copy of the accumulators of these kinds, in Paddle's layout, by kind and parameter."""
    found: dict[str, State] = {}
    for kind in kinds:
        kept = optimiser._accumulators.get(kind, {})
        values = {name: np.array(kept[p.name].numpy()) for name, p in parameters.items() if p.name in kept}
        if values:
            found[kind] = values
    return found


def fill(optimiser: optimizer.Optimizer, parameters: Parameters, kept: Mapping[str, Mapping[str, Array]]) -> None:
    """Let an optimiser that has moved nothing keep what another one kept, by kind and parameter."""
    if kept:
        optimiser._create_accumulators(paddle.static.default_main_program().global_block(), list(parameters.values()))
    for kind, values in kept.items():
        for name, value in values.items():
            own = optimiser._accumulators[kind][parameters[name].name]
            own.set_value(np.array(value).astype(str(own.dtype).removeprefix("paddle.")))
