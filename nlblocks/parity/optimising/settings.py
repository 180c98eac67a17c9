"""What an optimiser does to one parameter in one step, as data that is the same for every framework."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.numerics.tolerance import FLOAT32_EQUAL

Rule = Literal[
    "sgd", "adam", "adamax", "nadam", "radam", "adagrad", "adadelta", "rmsprop", "rprop", "asgd", "sag", "lamb"
]
Apart = Mapping[str, tuple[Any, Any]]
"""Settings that differ: name to (the left's, the right's)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What is done to gradients before the rule sees them.

    Those of one ``group`` (of ``elements`` numbers together) are measured as one where a "global norm" is limited.
    ``order`` is the norm's, ``eps`` what is added to it; "value" cuts each number at ``low`` and ``limit``; "scale"
    multiplies by ``limit``.
    """

    kind: Literal["global norm", "norm", "value", "scale"]
    limit: float
    low: float = 0.0
    eps: float = 0.0
    order: float = 2.0
    elements: int = 0
    group: int = field(default=0, compare=False)

    def __str__(self) -> str:
        if self.kind == "value":
            return f"values in [{shown(self.low)}, {shown(self.limit)}]"
        words = {"global norm": "global norm", "norm": "norm of each tensor", "scale": "times"}[self.kind]
        return f"{words} {shown(self.limit)}{'' if self.order == 2.0 else f' of order {shown(self.order)}'}"

    @property
    def exact(self) -> str:
        """Everything that tells two clips apart that are called the same."""
        over = f" over {self.elements} numbers" if self.kind == "global norm" else ""
        return f"{self}{over}{f', {self.eps:g} added to the norm' if self.eps else ''}"

    def same(self, other: Clip) -> bool:
        """Whether two do the same, to what float32 holds of their numbers."""
        mine = self.limit, self.low, self.order
        theirs = other.limit, other.low, other.order
        alike = (self.kind, self.elements, self.eps) == (other.kind, other.elements, other.eps)
        return alike and all(map(_same, mine, theirs))

    def of(self, gradients: State) -> State:
        """The gradients of one group, as the rule sees them."""
        if self.kind == "value":
            return {name: np.clip(value, self.low, self.limit) for name, value in gradients.items()}
        if self.kind == "scale":
            return {name: value * self.limit for name, value in gradients.items()}
        norms = {name: self.norm({name: value}) for name, value in gradients.items()}
        if self.kind == "global norm":
            norms = dict.fromkeys(norms, self.norm(gradients))
        return {name: value * min(1.0, self.limit / max(norms[name] + self.eps, np.finfo(np.float64).tiny))
                for name, value in gradients.items()}  # fmt: skip

    def norm(self, gradients: State) -> float:
        """What is limited."""
        return norm(gradients.values(), self.order)


def norm(arrays: Collection[Array], order: float = 2.0) -> float:
    """The norm of all numbers together."""
    whole = np.concatenate([np.abs(array, dtype=np.float64).ravel() for array in arrays])
    return float(np.linalg.norm(whole, order))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an optimiser does. Momentum is a heavy ball; ``decoupled`` decay acts on the weights, not the gradients.

    ``l1`` and ``l2`` are added to the gradient beside it. ``eps_in`` tells where a rule has its epsilon that may have
    it in several places; ``alpha`` is what is kept of the mean square (RMSProp's alpha, Adadelta's rho).
    """

    rule: Rule
    lr: float
    weight_decay: float = 0.0
    decoupled: bool = False
    l1: float = 0.0
    l2: float = 0.0
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    eps_in: str = ""
    amsgrad: bool = False
    alpha: float = 0.99
    centered: bool = False
    accumulator: float = 0.0
    lr_decay: float = 0.0
    lr_kept: bool = False
    momentum_decay: float = 0.004
    factors: tuple[float, float] = (0.5, 1.2)
    range: tuple[float, float] = (1e-6, 50.0)
    lambd: float = 1e-4
    power: float = 0.75
    batches: int = 1
    always_adapt: bool = False
    maximize: bool = False
    clip: Clip | None = None

    def __str__(self) -> str:
        plain = Settings(rule=self.rule, lr=self.lr)
        used = [f.name for f in fields(self) if f.name in (*COMMON, *USES[self.rule]) and f.name not in PECULIAR]
        others = [name for name in used if getattr(self, name) != getattr(plain, name)]
        return ", ".join([f"{self.rule} lr={self.lr:g}", *[f"{n}={shown(getattr(self, n))}" for n in others]])

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Settings:
        """The settings of a dict that JSON gave back. Raises TypeError or ValueError for what holds none."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in found.items()
        }
        clip = values.pop("clip", None)
        if isinstance(clip, str):  # as it was written when a clip was a line of text
            if clip != "none":
                raise ValueError(f"clip {clip!r} is not understood")
            clip = None
        return cls(**values, clip=None if clip is None else Clip(**clip))

    def differing(self, other: Settings) -> Apart:
        """The settings that make a difference and differ from another's; of another rule, the rule itself."""
        used = COMMON if self.rule != other.rule else (*COMMON, *USES[self.rule])
        found = {name: (getattr(self, name), getattr(other, name)) for name in ("rule", *used)}
        if not self.weight_decay or not other.weight_decay:
            found.pop("decoupled")  # where there is no decay, it is none of either kind
        if not self.momentum and not other.momentum:
            for name in ("dampening", "nesterov", "lr_kept"):
                found.pop(name, None)
        return {name: values for name, values in found.items() if not _same(*values)}

    def changed(self, names: Collection[str], other: Settings) -> Settings:
        """These settings with some of another's: with its rule, all that belong to the rule."""
        base = self
        if "rule" in names and self.rule != other.rule:
            base = replace(other, **{name: getattr(self, name) for name in COMMON})
        if "weight_decay" in names and not (self.weight_decay and other.weight_decay):
            names = {*names, "decoupled"}
        return replace(base, **{name: getattr(other, name) for name in names})


COMMON = ("lr", "weight_decay", "decoupled", "l1", "l2", "maximize", "clip")
"""What every rule has."""
_BETAS = ("beta1", "beta2", "eps")
USES: Mapping[str, tuple[str, ...]] = {
    "sgd": ("momentum", "dampening", "nesterov"),
    "adam": (*_BETAS, "amsgrad"),
    "adamax": (*_BETAS, "eps_in"),
    "nadam": (*_BETAS, "momentum_decay"),
    "radam": _BETAS,
    "adagrad": ("eps", "accumulator", "lr_decay"),
    "adadelta": ("eps", "alpha"),
    "rmsprop": ("eps", "eps_in", "alpha", "centered", "momentum", "lr_kept"),
    "rprop": ("factors", "range"),
    "asgd": ("lambd", "power"),
    "sag": ("batches",),
    "lamb": (*_BETAS, "always_adapt"),
}
"""The settings that each rule has of its own."""
PECULIAR = ("eps_in", "lr_kept")
"""What a framework decides and no argument does: it counts where a step shows it."""


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Clip) and isinstance(b, Clip):
        return a.same(b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, float | int) and isinstance(b, float | int):
        return abs(a - b) <= FLOAT32_EQUAL * max(abs(a), abs(b))
    return bool(a == b)


def shown(value: Any) -> str:
    """A setting as it is said."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    return re.sub(r"\.0$", "", f"{value:g}") if isinstance(value, float) else str(value)
