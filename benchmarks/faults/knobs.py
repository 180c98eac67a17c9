"""What one side of a case does differently from the model as it is meant: dotted names and values, nothing else.

``{"layer1.0.bn2.eps": 1e-3}`` gives an argument to the layer made as ``layer1.0.bn2``; ``{"layer1.0.residual": False}``
answers a question that the model's own code asks. A knob that nothing asked for is an error: a fault that is not
planted would look like one that no tool finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Knobs:
    """The knobs of one model. ``at`` narrows to a part of it; all parts share what was used."""

    def __init__(self, values: Mapping[str, Any], prefix: str = "", used: set[str] | None = None) -> None:
        self.values, self.prefix = values, prefix
        self.used: set[str] = set() if used is None else used

    def at(self, name: str) -> Knobs:
        return Knobs(self.values, f"{self.prefix}{name}.", self.used)

    def __call__(self, name: str, default: Any) -> Any:
        """The value of a question such as "is the residual added?"."""
        key = f"{self.prefix}{name}"
        if key not in self.values:
            return default
        self.used.add(key)
        return self.values[key]

    def layer(self, name: str, cls: Callable[..., Any], find: Callable[[str], Any], args: Any, kwargs: Any) -> Any:
        """Make the layer ``name``: its class, positional and named arguments may each be turned by a knob."""
        start = f"{self.prefix}{name}."
        own = {
            key.removeprefix(start): value
            for key, value in self.values.items()
            if key.startswith(start) and "." not in key.removeprefix(start)
        }
        self.used.update(start + key for key in own)
        if "type" in own:
            cls, kwargs = find(own.pop("type")), {}
        return cls(*own.pop("args", args), **{**kwargs, **own})

    def check(self) -> None:
        unused = set(self.values) - self.used
        if unused:
            raise ValueError(f"no layer and no question of the model is named {', '.join(sorted(unused))}")
