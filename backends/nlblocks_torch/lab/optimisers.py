"""torch's optimisers in the parity lab's vocabulary."""

from __future__ import annotations

from typing import Any

from torch import optim

from nlblocks.parity.running import Settings


def make(settings: Settings, parameters: list[Any]) -> optim.Optimizer:
    """The native optimiser of these settings."""
    s = settings
    if s.rule == "adam":
        adam = optim.AdamW if s.decoupled else optim.Adam
        return adam(
            parameters, lr=s.lr, betas=(s.beta1, s.beta2), eps=s.eps, weight_decay=s.weight_decay, amsgrad=s.amsgrad
        )
    if s.rule == "rmsprop":
        return optim.RMSprop(
            parameters, lr=s.lr, alpha=s.alpha, eps=s.eps, weight_decay=s.weight_decay, momentum=s.momentum,
            centered=s.centered,
        )  # fmt: skip
    return optim.SGD(
        parameters, lr=s.lr, momentum=s.momentum, dampening=s.dampening, weight_decay=s.weight_decay,
        nesterov=s.nesterov,
    )  # fmt: skip


def offers(settings: Settings) -> bool:
    """Whether torch has an optimiser of these settings: clipping is a call of its own there."""
    nesterov = not settings.nesterov or (settings.momentum > 0 and settings.dampening == 0)
    return settings.clip == "none" and nesterov and (settings.rule == "adam" or not settings.decoupled)


def settings(made: Any) -> Settings | None:
    """What an optimiser does, None where it is another kind or treats parameters differently."""
    kinds: dict[type, Any] = {optim.SGD: "sgd", optim.Adam: "adam", optim.AdamW: "adam", optim.RMSprop: "rmsprop"}
    rule = next((kinds[kind] for kind in type(made).__mro__ if kind in kinds), None)
    if rule is None or len(made.param_groups) != 1:
        return None
    group = made.param_groups[0]
    names = ("lr", "weight_decay", "momentum", "dampening", "nesterov", "eps", "amsgrad", "alpha", "centered")
    found = {name: group[name] for name in names if name in group}
    if "betas" in group:
        found["beta1"], found["beta2"] = group["betas"]
    decoupled = isinstance(made, optim.AdamW) or bool(group.get("decoupled_weight_decay", False))
    values: dict[str, Any] = {name: value if isinstance(value, bool) else float(value) for name, value in found.items()}
    return Settings(rule=rule, decoupled=decoupled, **values)
