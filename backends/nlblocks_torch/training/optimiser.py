"""torch's optimiser of a recipe, and what it keeps, under canonical names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn, optim

from nlblocks.backend import Array, State
from nlblocks.training.recipes import Recipe
from nlblocks_torch.conventions import conventions

Parameters = Mapping[str, nn.Parameter]
SLOTS = {**conventions.kept.slots, "updates": conventions.kept.updates} if conventions.kept else {}
"""What the optimiser keeps of a parameter, by our name: torch's."""


def optimiser_of(
    recipe: Recipe, parameters: Parameters, trained: Mapping[tuple[float, float], list[str]]
) -> optim.Optimizer:
    """The optimiser of a recipe; ``trained`` is what :meth:`Recipe.trained` says."""
    spec = recipe.optimiser
    groups = [
        {"params": [parameters[name] for name in names], "factor": factor, "weight_decay": decay}
        for (factor, decay), names in trained.items()
    ]
    if spec.rule == "sgd":
        return optim.SGD(groups, lr=spec.lr, momentum=spec.momentum, nesterov=spec.nesterov)
    kind = optim.AdamW if spec.rule == "adamw" else optim.Adam
    return kind(groups, lr=spec.lr, betas=(spec.beta1, spec.beta2), eps=spec.eps)


def set_rate(optimiser: optim.Optimizer, lr: float) -> None:
    """Each group's rate is its factor times ``lr``."""
    for group in optimiser.param_groups:
        group["lr"] = lr * group["factor"]


@torch.no_grad()
def clip(parameters: Iterable[nn.Parameter], largest: float) -> None:
    """Shrink all gradients alike to a Euclidean norm of ``largest`` together, where they exceed it.

    torch's own adds 1e-6 to the norm.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    share = (largest / nn.utils.get_total_norm(gradients)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(share)


def slots_of(optimiser: optim.Optimizer, trained: Parameters) -> dict[str, State]:
    """A copy of what the optimiser keeps, by slot and parameter; only of parameters that it has moved."""
    found: dict[str, State] = {}
    for name, parameter in trained.items():
        kept = optimiser.state.get(parameter, {})
        for ours, theirs in SLOTS.items():
            if kept.get(theirs) is not None:
                value = array(kept[theirs])
                found.setdefault(ours, {})[name] = value.astype(float) if ours == "updates" else value
    return found


def fill(optimiser: optim.Optimizer, trained: Parameters, slots: Mapping[str, State]) -> None:
    """Let an optimiser that keeps nothing keep what another one kept."""
    for ours, values in slots.items():
        for name, value in values.items():
            tensor = torch.from_numpy(np.array(value))
            parameter = trained[name]
            optimiser.state[parameter][SLOTS[ours]] = tensor.float() if ours == "updates" else tensor.to(parameter)


def array(tensor: Tensor) -> Array:
    """A copy."""
    return np.array(tensor.detach().cpu().numpy())
