"""Paddle's optimisers in the parity lab's vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import paddle
from paddle import optimizer
from paddle.nn import clip
from paddle.regularizer import L1Decay, L2Decay

from nlblocks.backend import Array
from nlblocks.parity.optimising import Clip, Settings

RULES: Mapping[type, str] = {
    optimizer.SGD: "sgd", optimizer.Momentum: "sgd", optimizer.Adam: "adam", optimizer.AdamW: "adam",
    optimizer.RMSProp: "rmsprop", optimizer.Adamax: "adamax", optimizer.NAdam: "nadam", optimizer.RAdam: "radam",
    optimizer.Adagrad: "adagrad", optimizer.Adadelta: "adadelta", optimizer.Rprop: "rprop", optimizer.ASGD: "sag",
    optimizer.Lamb: "lamb",
}  # fmt: skip
"""The rule of each class."""
NAMES = {
    "momentum": "momentum", "use_nesterov": "nesterov", "beta1": "beta1", "beta2": "beta2", "epsilon": "eps",
    "amsgrad": "amsgrad", "rho": "alpha", "centered": "centered", "momentum_decay": "momentum_decay",
    "initial_accumulator_value": "accumulator", "always_adapt": "always_adapt",
}  # fmt: skip
"""What Paddle calls a setting in a group (an optimiser: with a line before it), and the lab's name for it."""


def make(settings: Settings, parameters: list[Any]) -> optimizer.Optimizer:
    """The native optimiser of these settings."""
    s = settings
    common: dict[str, Any] = {"parameters": parameters, "weight_decay": s.weight_decay or None}
    if s.rule == "adam":
        adam = optimizer.AdamW if s.decoupled else optimizer.Adam
        common["weight_decay"] = s.weight_decay if s.decoupled else common["weight_decay"]
        return adam(s.lr, beta1=s.beta1, beta2=s.beta2, epsilon=s.eps, amsgrad=s.amsgrad, **common)
    if s.momentum:
        return optimizer.Momentum(s.lr, s.momentum, use_nesterov=s.nesterov, **common)
    return optimizer.SGD(s.lr, **common)


def own(made: Any) -> bool:
    """Whether an optimiser is Paddle's own: nothing is done around its step."""
    return type(made) in RULES and "step" not in vars(made)


def gradient(parameter: Any) -> Array | None:
    """A copy of the gradient that a parameter has now."""
    found = parameter.grad
    return None if found is None or not found.is_dense() else np.array(found.numpy())


def clear(parameter: Any) -> None:
    """Leave a parameter without a gradient."""
    parameter.clear_gradient(False)


@contextmanager
def stepping(told: Callable[[list[tuple[Any, Settings | None]]], None]) -> Iterator[None]:
    """Within, ``told`` hears before each step of an optimiser what it will do to each parameter with a gradient."""
    own: Any = optimizer.Optimizer
    clips: Any = clip
    own_way, own_norm = own._apply_optimize, clips.clip_by_norm

    def watched(self: Any, loss: Any, startup_program: Any, params_grads: Any, param_group_idx: int = 0) -> Any:
        group = params_grads if isinstance(params_grads, dict) else {"params": params_grads}
        told(_read(self, group, param_group_idx))
        return own_way(self, loss, startup_program, params_grads, param_group_idx)

    own._apply_optimize, clips.clip_by_norm = watched, _clip_by_norm
    try:
        yield
    finally:
        own._apply_optimize, clips.clip_by_norm = own_way, own_norm


def _clip_by_norm(x: Any, max_norm: float) -> Any:
    """Paddle's function in any dtype: its kernel is one of float32, and ClipGradByNorm calls it."""
    return x * paddle.clip(max_norm / paddle.linalg.norm(x), max=1.0)


def _read(made: Any, group: Mapping[str, Any], index: int) -> list[tuple[Any, Settings | None]]:
    """What an optimiser does to each parameter of a group; None where it is of another kind."""
    parameters = [parameter for parameter, _ in group["params"]]
    rule: Any = next((RULES[kind] for kind in type(made).__mro__ if kind in RULES), None)
    if rule is None:
        return [(parameter, None) for parameter in parameters]
    values = {name: _number(_of(made, group, key)) for key, name in NAMES.items() if _of(made, group, key) is not None}
    if rule == "rmsprop":
        values |= {"eps_in": "under the root", "lr_kept": True}
    if rule == "adamax":
        values["eps_in"] = "to what is kept"
    if rule == "rprop":
        values |= {"factors": _pair(made._etas), "range": _pair(made._learning_rate_range)}
    if rule == "sag":
        values["batches"] = int(made._n)
    measured = [p for p in parameters if getattr(p, "need_clip", True)]
    limit = _clip(group.get("grad_clip", made._grad_clip), measured, index)
    clipped = {id(p) for p in measured} if limit is not None else set()
    return [
        (p, Settings(
            rule=rule, lr=_rate(made, p), **values, **_decay(made, group, p), clip=limit if id(p) in clipped else None,
        )) for p in parameters
    ]  # fmt: skip


def _of(made: Any, group: Mapping[str, Any], key: str) -> Any:
    return group.get(key, getattr(made, f"_{key}", getattr(made, key, None)))


def _rate(made: Any, parameter: Any) -> float:
    """The optimiser's rate times the factor of the parameter, which its group or its attributes give."""
    factor = (getattr(parameter, "optimize_attr", None) or {}).get("learning_rate", 1.0)
    ratio = getattr(made, "_lr_ratio", None)
    return float(made.get_lr()) * float(factor) * (float(ratio(parameter)) if ratio else 1.0)


def _decay(made: Any, group: Mapping[str, Any], parameter: Any) -> dict[str, Any]:
    """The decay of the weights, and what regularisers add to the gradient: a parameter's own goes before all others."""
    found = getattr(parameter, "regularizer", None)
    if found is None:
        found = made.regularization
    values: dict[str, Any] = {"l1": float(found._coeff)} if isinstance(found, L1Decay) else {}
    coefficient = float(found._coeff) if isinstance(found, L2Decay) else 0.0
    if found is None and isinstance(made, optimizer.Momentum):
        coefficient = float(_of(made, group, "regularization_coeff") or 0.0)
    if isinstance(made, optimizer.AdamW):
        decays = made._apply_decay_param_fun
        kept = decays is None or decays(parameter.name)
        decay = float(_of(made, group, "weight_decay")) if kept else 0.0
        return {**values, "decoupled": True, "weight_decay": decay, "l2": coefficient}
    if isinstance(made, optimizer.Lamb):
        leaves = _of(made, group, "exclude_from_weight_decay_fn")
        decay = 0.0 if leaves is not None and leaves(parameter) else _of(made, group, "lamb_weight_decay")
        return {**values, "decoupled": True, "weight_decay": float(decay), "l2": coefficient}
    return {**values, "weight_decay": coefficient}


def _clip(found: Any, parameters: Sequence[Any], index: int) -> Clip | None:
    if isinstance(found, clip.ClipGradByValue):
        return Clip(kind="value", limit=float(found.max), low=float(found.min))
    if isinstance(found, clip.ClipGradByNorm):
        return Clip(kind="norm", limit=float(found.clip_norm))
    if isinstance(found, clip.ClipGradByGlobalNorm):
        elements = sum(int(np.prod(p.shape)) for p in parameters)
        return Clip(kind="global norm", limit=float(found.clip_norm), elements=elements, group=index)
    return None


def _pair(value: Any) -> tuple[float, float]:
    """Two numbers that are a tensor from the first step on."""
    low, high = (value.numpy() if isinstance(value, paddle.Tensor) else np.asarray(value)).ravel()
    return float(low), float(high)


def _number(value: Any) -> Any:
    return value if isinstance(value, bool) else float(value)
