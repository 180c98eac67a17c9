"""Attributes of layers turned: what a port gets wrong in a constructor's arguments, and what it swaps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.soundness.places import Mutation, Place, become, is_native

Change = Callable[[Any], Any]


def _bump(by: int) -> Change:
    """Whole numbers, alone or in a row, by one; names such as "SAME" stay."""

    def change(value: Any) -> Any:
        if isinstance(value, bool | str) or value is None:
            return value
        if isinstance(value, int):
            return max(value + by, 0)
        return type(value)(max(v + by, 0) for v in value) if isinstance(value, tuple | list) else value

    return change


def _times(factor: float) -> Change:
    return lambda value: value * factor if isinstance(value, float) and value else value


def _to(*values: Any) -> Change:
    """The first of the values that it is not."""
    return lambda value: next(v for v in values if v != value)


def _flipped(value: Any) -> Any:
    return not value if isinstance(value, bool) else value


EPS = ("eps", "_epsilon", "epsilon")
ROWS: dict[str, tuple[tuple[str, ...], Change]] = {
    "eps of a layer": (EPS, _times(100.0)),
    "eps of a layer, slightly": (EPS, _times(1.5)),
    "momentum": (("momentum", "_momentum"), lambda v: 1.0 - v if isinstance(v, float) and v != 0.5 else v),
    "momentum, slightly": (("momentum", "_momentum"), _times(0.99)),
    "stride": (("stride", "_stride"), _bump(1)),
    "stride, less": (("stride", "_stride"), _bump(-1)),
    "padding": (("padding", "_padding", "_updated_padding"), _bump(1)),
    "padding, less": (("padding", "_padding", "_updated_padding"), _bump(-1)),
    "dilation": (("dilation", "_dilation"), _bump(1)),
    "window of a pool": (("kernel_size", "ksize"), _bump(1)),
    "window of a pool, less": (("kernel_size", "ksize"), _bump(-1)),
    "groups": (("groups", "_groups", "num_groups", "_num_groups"), lambda v: 2 if v == 4 else 4 if v == 2 else v),
    "ceil_mode": (("ceil_mode",), _flipped),
    "padding counted in a mean": (("count_include_pad", "exclusive"), _flipped),
    "p of dropout": (("p", "dropout"), lambda v: 0.3 if isinstance(v, float | int) and v != 0.3 else v),
    "slope below zero": (("negative_slope", "_negative_slope"), _times(1.1)),
    "alpha": (("alpha", "_alpha"), _times(1.1)),
    "approximate GELU": (
        ("approximate", "_approximate"),
        lambda v: not v if isinstance(v, bool) else _to("tanh", "none")(v),
    ),
    "mode of padding": (("padding_mode", "_padding_mode"), _to("replicate", "reflect", "circular")),
    "mode of resizing": (("mode",), lambda v: _to("nearest", "bilinear")(v) if isinstance(v, str) else v),
    "align_corners of a layer": (("align_corners",), lambda v: not v),
    "axis of a layer": (("dim", "axis", "_axis"), lambda v: 1 if v in (-1, 2, 3) else -1 if isinstance(v, int) else v),
    "batch statistics": (("track_running_stats", "_use_global_stats"), lambda v: not v),
    "padding row of an embedding": (("padding_idx", "_padding_idx"), _to(0, 1)),
}


def _turned(names: tuple[str, ...], change: Change) -> Callable[[Any, Any], list[Place]]:
    def find(side: Any, model: Any) -> list[Place]:
        found = []
        for path, module in side.modules(model).items():
            own = [key for key in names if key in vars(module)]
            if not own or not is_native(side, module):
                continue
            values = {key: change(vars(module)[key]) for key in own}
            if any(values[key] != vars(module)[key] for key in own):
                found.append(Place(f"{path}: {values}", _set(module, values)))
        return found

    return find


def _set(module: Any, values: dict[str, Any]) -> Callable[[], None]:
    def apply() -> None:
        for key, value in values.items():
            object.__setattr__(module, key, value)

    return apply


EXCHANGING = {"swapped"}
"""Settings by which two layers change places: where the other model has other names, only their weights tell."""


def _own_attributes(side: Any, model: Any, *, exchanging: bool) -> list[Place]:
    """The author's own settings: heads, shifts, flags; or only those that are in :data:`EXCHANGING`."""
    found = []
    for path, module in side.modules(model).items():
        if is_native(side, module):
            continue
        for key, value in vars(module).items():
            if (key in EXCHANGING) != exchanging:
                continue
            if key.startswith("_") or key == "training" or not isinstance(value, bool | int | float):
                continue
            other = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else 1.01 * value
            found.append(Place(f"{path}.{key} = {other}", _set(module, {key: other})))
    return found


def _without(names: tuple[str, ...], only: tuple[str, ...]) -> Callable[[Any, Any], list[Place]]:
    """Parameters that a layer has no more: a bias, the affine part of a norm."""

    def find(side: Any, model: Any) -> list[Place]:
        found = []
        for path, module in side.modules(model).items():
            if any(word in type(module).__name__ for word in only) and is_native(side, module):
                own = [name for name in names if getattr(module, name, None) is not None]
                if own:
                    found.append(Place(f"{path}: no {', '.join(own)}", _unset(module, own)))
        return found

    return find


def _unset(module: Any, names: list[str]) -> Callable[[], None]:
    def apply() -> None:
        for name in names:
            module._parameters[name] = None

    return apply


def _replaced(make: Callable[[Any], Any], only: tuple[str, ...] = ()) -> Callable[[Any, Any], list[Place]]:
    """A layer without parameters (or of the kinds ``only``) replaced by another."""

    def find(side: Any, model: Any) -> list[Place]:
        found = []
        for path, module in side.modules(model).items():
            for name, child in side.children(module).items():
                named = any(word in type(child).__name__ for word in only)
                plain = not side.tensors(child) and not side.children(child) and is_native(side, child)
                if (named if only else plain) and not isinstance(child, type(make(side))):
                    label = f"{path}.{name}: {type(child).__name__} to {type(make(side)).__name__}"
                    found.append(Place(label, partial(side.set_child, module, name, make(side))))
        return found

    return find


def _evaluating(side: Any, own: Callable[..., Any]) -> Callable[..., Any]:
    def forward(self: Any, *args: Any) -> Any:
        before, self.training = self.training, False
        try:
            return own(self, *args)
        finally:
            self.training = before

    return forward


def _forgetting(side: Any, own: Callable[..., Any]) -> Callable[..., Any]:
    def forward(self: Any, *args: Any) -> Any:
        before = {name: side.array(t) for name, t in side.tensors(self).items() if _statistic(name)}
        result = own(self, *args)
        for name, value in before.items():
            side.write(side.tensors(self)[name], value)
        return result

    return forward


def _behaving(only: tuple[str, ...], other: Callable[..., Any]) -> Callable[[Any, Any], list[Place]]:
    """Layers of the kinds ``only`` with another forward."""

    def find(side: Any, model: Any) -> list[Place]:
        return [
            Place(path, partial(become, module, forward=other(side, type(module).forward)))
            for path, module in side.modules(model).items()
            if any(word in type(module).__name__ for word in only)
        ]

    return find


def _statistic(name: str) -> bool:
    return name in ("running_mean", "running_var", "_mean", "_variance")


_CONVOLUTIONS, _NORMS = ("Conv", "Linear"), ("Norm",)
ATTRIBUTES = (
    *(Mutation(name=name, find=_turned(*row)) for name, row in ROWS.items()),
    Mutation(name="own attribute", find=partial(_own_attributes, exchanging=False)),
    Mutation(name="roles of layers exchanged", find=partial(_own_attributes, exchanging=True), keeps=True),
    Mutation(name="bias off", find=_without(("bias",), _CONVOLUTIONS)),
    Mutation(name="affine off", find=_without(("weight", "scale", "bias"), _NORMS)),
    Mutation(name="layer dropped", find=_replaced(lambda side: side.identity())),
    Mutation(name="norm dropped", find=_replaced(lambda side: side.identity(), _NORMS)),
    Mutation(name="layer to SiLU", find=_replaced(lambda side: side.activation("silu"))),
    Mutation(name="layer to leaky ReLU", find=_replaced(lambda side: side.activation("leaky"))),
    Mutation(name="layer to tanh", find=_replaced(lambda side: side.activation("tanh"))),
    Mutation(name="layer in evaluation mode", find=_behaving(("BatchNorm", "Dropout"), _evaluating)),
    Mutation(name="buffers not updated", find=_behaving(("BatchNorm",), _forgetting)),
)
