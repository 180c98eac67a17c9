"""torch's optimisers in the parity lab's vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import optim
from torch.optim.optimizer import register_optimizer_step_pre_hook

from nlblocks.backend import Array
from nlblocks.parity.optimising import Settings

RULES: Mapping[type, str] = {
    optim.SGD: "sgd", optim.Adam: "adam", optim.AdamW: "adam", optim.RMSprop: "rmsprop", optim.Adamax: "adamax",
    optim.NAdam: "nadam", optim.RAdam: "radam", optim.Adagrad: "adagrad", optim.Adadelta: "adadelta",
    optim.Rprop: "rprop", optim.ASGD: "asgd",
}  # fmt: skip
"""The rule of each class."""
NAMES = {
    "lr": "lr", "weight_decay": "weight_decay", "momentum": "momentum", "dampening": "dampening",
    "nesterov": "nesterov", "eps": "eps", "amsgrad": "amsgrad", "centered": "centered", "rho": "alpha",
    "initial_accumulator_value": "accumulator", "lr_decay": "lr_decay", "momentum_decay": "momentum_decay",
    "lambd": "lambd", "etas": "factors", "step_sizes": "range", "maximize": "maximize",
    "decoupled_weight_decay": "decoupled",
}  # fmt: skip
"""What a group calls a setting, and the lab's name for it; ``alpha`` is two of them."""
PLACES: Mapping[str, Mapping[str, Any]] = {
    "rmsprop": {"eps_in": "to the root"},
    "adamax": {"eps_in": "to the gradient"},
}
"""Where rules have their epsilon that may have it elsewhere."""


def make(settings: Settings, parameters: list[Any]) -> optim.Optimizer:
    """The native optimiser of these settings."""
    s = settings
    if s.rule == "adam":
        adam = optim.AdamW if s.decoupled else optim.Adam
        return adam(
            parameters, lr=s.lr, betas=(s.beta1, s.beta2), eps=s.eps, weight_decay=s.weight_decay, amsgrad=s.amsgrad
        )
    return optim.SGD(parameters, lr=s.lr, momentum=s.momentum, weight_decay=s.weight_decay, nesterov=s.nesterov)


def own(made: Any) -> bool:
    """Whether an optimiser is torch's own: nothing is done around its step."""
    return type(made) in RULES and "step" not in vars(made)


def gradient(parameter: torch.Tensor) -> Array | None:
    """A copy of the gradient that a parameter has now."""
    if parameter.grad is None or parameter.grad.is_sparse:
        return None
    return np.array(parameter.grad.detach().cpu().numpy())


def clear(parameter: torch.Tensor) -> None:
    """Leave a parameter without a gradient."""
    parameter.grad = None


@contextmanager
def stepping(told: Callable[[list[tuple[Any, Settings | None]]], None]) -> Iterator[None]:
    """Within, ``told`` hears before each step of an optimiser what it will do to each parameter with a gradient."""
    handle = register_optimizer_step_pre_hook(lambda made, args, kwargs: told(read(made)))
    try:
        yield
    finally:
        handle.remove()


def read(made: optim.Optimizer) -> list[tuple[Any, Settings | None]]:
    """What an optimiser does to each parameter that has a gradient; None where it is of another kind."""
    rule = next((RULES[kind] for kind in type(made).__mro__ if kind in RULES), None)
    return [
        (parameter, None if rule is None else _settings(rule, made, group))
        for group in made.param_groups
        for parameter in group["params"]
        if parameter.grad is not None
    ]


def _settings(rule: Any, made: optim.Optimizer, group: Mapping[str, Any]) -> Settings:
    values = {own: _number(group[name]) for name, own in NAMES.items() if name in group}
    if "betas" in group:
        values["beta1"], values["beta2"] = map(_number, group["betas"])
    if "alpha" in group:
        values["power" if rule == "asgd" else "alpha"] = _number(group["alpha"])
    if isinstance(made, optim.AdamW):
        values["decoupled"] = True
    return Settings(rule=rule, **values, **PLACES.get(rule, {}))


def _number(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(map(_number, value))
    return value if isinstance(value, bool) else float(value)
