"""Paddle's optimisers in the parity lab's vocabulary."""

from __future__ import annotations

from typing import Any

from paddle import nn, optimizer

from nlblocks.parity.running import Settings


def make(settings: Settings, parameters: list[Any]) -> optimizer.Optimizer:
    """The native optimiser of these settings."""
    s = settings
    common: dict[str, Any] = {"parameters": parameters, "weight_decay": s.weight_decay or None}
    if s.rule == "adam":
        adam = optimizer.AdamW if s.decoupled else optimizer.Adam
        common["weight_decay"] = s.weight_decay if s.decoupled else common["weight_decay"]
        return adam(s.lr, beta1=s.beta1, beta2=s.beta2, epsilon=s.eps, amsgrad=s.amsgrad, **common)
    if s.rule == "rmsprop":
        return optimizer.RMSProp(s.lr, rho=s.alpha, epsilon=s.eps, momentum=s.momentum, centered=s.centered, **common)
    if s.momentum:
        return optimizer.Momentum(s.lr, s.momentum, use_nesterov=s.nesterov, **common)
    return optimizer.SGD(s.lr, **common)


def offers(settings: Settings) -> bool:
    """Whether Paddle has an optimiser of these settings: its momentum has no dampening."""
    plain = settings.dampening == 0 and (settings.rule == "adam" or not settings.decoupled)
    return plain and settings.clip == "none"


def settings(made: Any) -> Settings | None:
    """What an optimiser does, None where it is another kind or treats parameters differently."""
    kinds: dict[type, Any] = {
        optimizer.SGD: "sgd", optimizer.Momentum: "sgd", optimizer.Adam: "adam", optimizer.AdamW: "adam",
        optimizer.RMSProp: "rmsprop",
    }  # fmt: skip
    rule = next((kinds[kind] for kind in type(made).__mro__ if kind in kinds), None)
    if rule is None or any(isinstance(group, dict) for group in getattr(made, "_param_groups", ())):
        return None
    decoupled = isinstance(made, optimizer.AdamW)
    names = {"momentum": "_momentum", "beta1": "_beta1", "beta2": "_beta2", "eps": "_epsilon", "alpha": "_rho"}
    flags = {"nesterov": "_use_nesterov", "amsgrad": "_amsgrad", "centered": "_centered"}
    values: dict[str, Any] = {key: float(getattr(made, name)) for key, name in names.items() if hasattr(made, name)}
    values |= {key: bool(getattr(made, name)) for key, name in flags.items() if hasattr(made, name)}
    decay = made._weight_decay if decoupled else getattr(made.regularization, "_coeff", 0.0)
    decay = getattr(made, "_regularization_coeff", 0.0) or decay
    clip = getattr(made, "_grad_clip", None)
    return Settings(
        rule=rule, lr=float(made.get_lr()), weight_decay=float(decay), decoupled=decoupled,
        clip="none" if clip is None else _clip(clip), **values,
    )  # fmt: skip


def _clip(clip: Any) -> str:
    if isinstance(clip, nn.ClipGradByValue):
        return f"ClipGradByValue({clip.min:g}, {clip.max:g})"
    return f"{type(clip).__name__}({getattr(clip, 'clip_norm', 0.0):g})"
