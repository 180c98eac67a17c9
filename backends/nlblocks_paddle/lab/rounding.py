"""What Paddle's kernels hold as float32, whatever the model's dtype: for other frameworks. Imports no Paddle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nlblocks.parity.recording import Rounding

Functions = Mapping[str, Callable[..., Any]]
Attrs = Mapping[str, Any]
Held = Callable[[float], float]


def _hard_sigmoid(functions: Functions, x: Any, attrs: Attrs, held: Held) -> Any:
    return functions["clip"](x * held(attrs.get("slope", 0.1666667)) + attrs.get("offset", 0.5), 0.0, 1.0)


def _selu(functions: Functions, x: Any, attrs: Attrs, held: Held) -> Any:
    return functions["elu"](x, held(1.6732632423543772)) * held(1.0507009873554805)


rounding = Rounding(
    constants={
        "batch_norm": ("eps",),
        "layer_norm": ("eps",),
        "group_norm": ("eps",),
        "instance_norm": ("eps",),
        "elu": ("alpha",),
        "celu": ("alpha",),
        "pow": ("other",),
        "clip": ("low", "high"),
        "normalize": ("eps",),
        "smooth_l1": ("beta",),
        "huber": ("delta",),
        "cross_entropy": ("label_smoothing",),
    },
    backward={"leaky_relu": ("slope",), "softplus": ("beta",)},
    complements={"batch_norm": ("momentum",), "instance_norm": ("momentum",)},
    formulas={"hard_sigmoid": _hard_sigmoid, "selu": _selu},
    counts=frozenset({"avg_pool", "adaptive_avg_pool"}),
    ratios=frozenset({"interpolate"}),
    factors={"cross_entropy": "label_smoothing"},
)
