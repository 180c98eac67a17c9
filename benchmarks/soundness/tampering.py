"""What can happen to one tensor on its way through a model: values, gradients or dtype changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.soundness.places import Mutation, Place, become, is_native

Tamper = Callable[[Any, Any], Any]
"""From the framework's side and a floating tensor to another tensor; None where it has no place."""


def _last(x: Any) -> int:
    return int(x.shape[-1]) if x.ndim else 0


def _reshaped_axis(s: Any, x: Any) -> Any:
    """Read along the wrong axis: a square transposed."""
    return s.turned(x) if x.ndim >= 2 and x.shape[-1] == x.shape[-2] > 1 else None


def _flip(axis: int) -> Tamper:
    return lambda s, x: s.flip(x, axis) if x.ndim >= -axis and x.shape[axis] > 1 else None


def _one_element(s: Any, x: Any, to: float) -> Any:
    if x.ndim < 2:
        return None
    return s.where(s.arange(_last(x), x) == min(1.0, _last(x) - 1.0), s.full_like(x, to), x)


def _straight_through(s: Any, x: Any, value: Any) -> Any:
    return value + (x - x.detach()) if s.tracks(x) else value


def _hook(change: Callable[[Any, Any], Any]) -> Tamper:
    """The same values, another gradient; where none flows there is nothing to change."""
    return lambda s, x: s.hooked(x, lambda g: change(s, g)) if s.tracks(x) else x


def _nan_gradient(s: Any, x: Any) -> Any:
    """A square root at 0 behind a mask: 0 times infinity."""
    return x + s.sqrt(s.relu(-s.relu(x)) * 1.0)


VALUES: dict[str, Tamper] = {
    "scaled by 1.01": lambda s, x: x * 1.01,
    "scaled by 1.00001": lambda s, x: x * 1.00001,
    "shifted by 0.01": lambda s, x: x + 0.01,
    "negated": lambda s, x: -x,
    "absolute value": lambda s, x: x.abs(),
    "clamped to 0.9": lambda s, x: s.clamp(x, -0.9, 0.9),
    "ReLU added": lambda s, x: s.relu(x),
    "squared": lambda s, x: x * x,
    "rounded": lambda s, x: s.rounded(x),
    "rolled by one": lambda s, x: s.roll(x, -1) if x.ndim and _last(x) > 1 else None,
    "rolled along the channels": lambda s, x: s.roll(x, 1) if x.ndim > 1 and x.shape[1] > 1 else None,
    "batch rolled": lambda s, x: s.roll(x, 0) if x.ndim > 1 and x.shape[0] > 1 else None,
    "last axis reversed": _flip(-1),
    "last axis but one reversed": _flip(-2),
    "sorted": lambda s, x: s.sort(x) if _last(x) > 1 else None,
    "square transposed": _reshaped_axis,
    "one element zero": lambda s, x: _one_element(s, x, 0.0),
    "one element NaN": lambda s, x: _one_element(s, x, float("nan")),
    "one element infinite": lambda s, x: _one_element(s, x, float("inf")),
    "mean taken off": lambda s, x: x - x.mean(),
    "half precision": lambda s, x: s.cast(s.cast(x, "float16"), s.dtype(x)),
    "bfloat16": lambda s, x: s.cast(s.cast(x, "bfloat16"), s.dtype(x)),
    "thresholded": lambda s, x: s.where(x > 0.5, x, x * 0.0),
    "exact zeros replaced": lambda s, x: s.where(x == 0.0, s.full_like(x, 1e-3), x),
    "positive ones doubled": lambda s, x: s.where(x > 0.0, 2.0 * x, x),
}
GRADIENTS: dict[str, Tamper] = {
    "detached": lambda s, x: x.detach(),
    "gradient doubled": lambda s, x: _straight_through(s, x, x),
    "gradient reversed": _hook(lambda s, g: -g),
    "gradient scaled by 1.01": _hook(lambda s, g: g * 1.01),
    "largest gradients halved": _hook(lambda s, g: s.where(g.abs() > 0.5 * g.abs().max(), 0.5 * g, g)),
    "gradient of one element lost": _hook(lambda s, g: g * 0.0 if g.ndim < 2 else _one_element(s, g, 0.0)),
    "gradient NaN": _nan_gradient,
    "one gradient NaN": _hook(lambda s, g: g * float("nan") if g.ndim < 2 else _one_element(s, g, float("nan"))),
    "gradient of negative values lost": lambda s, x: s.where(x > 0.0, x, x.detach()),
    "straight through a rounding": lambda s, x: x + (s.rounded(x) - x).detach(),
}
DTYPES: dict[str, Tamper] = {
    "cast to float32": lambda s, x: s.cast(x, "float32"),
}


class Effects:
    """Whether a mutation's code was reached, and had a place there."""

    count = 0


def tampered(side: Any, tamper: Tamper, value: Any) -> Any:
    """A layer's result, with the first floating tensor in it changed."""
    if side.is_float(value):
        changed = tamper(side, value)
        if changed is None:
            return value
        Effects.count += 1
        return changed
    if isinstance(value, tuple | list) and value and side.is_float(value[0]):
        return type(value)((tampered(side, tamper, value[0]), *value[1:]))
    return value


def _at_layers(tamper: Tamper) -> Callable[[Any, Any], list[Place]]:
    """Before or behind any layer of the model, the model itself among them, and on a weight's way into its layer."""

    def find(side: Any, model: Any) -> list[Place]:
        found = []
        for path, module in side.modules(model).items():
            found.append(Place(f"behind {path or 'the model'}", _after(side, module, tamper)))
            found.append(Place(f"before {path or 'the model'}", _before(side, module, tamper)))
            if is_native(side, module):
                found += [
                    Place(f"{name} into {path}", _weight(side, module, name, tamper))
                    for name, parameter in module._parameters.items()
                    if parameter is not None and side.tracks(parameter)
                ]
        return found

    return find


def _after(side: Any, module: Any, tamper: Tamper) -> Callable[[], None]:
    own = type(module).forward

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return tampered(side, tamper, own(self, *args, **kwargs))

    return partial(become, module, forward=forward)


def _before(side: Any, module: Any, tamper: Tamper) -> Callable[[], None]:
    own = type(module).forward

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return own(self, *(tampered(side, tamper, a) if i == 0 else a for i, a in enumerate(args)), **kwargs)

    return partial(become, module, forward=forward)


def _weight(side: Any, module: Any, name: str, tamper: Tamper) -> Callable[[], None]:
    own = type(module).forward

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        parameter = self._parameters[name]
        self._parameters[name] = tampered(side, tamper, parameter)
        try:
            return own(self, *args, **kwargs)
        finally:
            self._parameters[name] = parameter

    return partial(become, module, forward=forward)


TAMPERS: dict[str, Tamper] = {**VALUES, **GRADIENTS, **DTYPES}
TAMPERINGS = tuple(Mutation(name=name, find=_at_layers(tamper)) for name, tamper in TAMPERS.items())
