"""Named inputs: the keywords of a model's forward, or an order."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from nlblocks.errors import InputError, known


def split(inputs: Any) -> tuple[tuple[str, ...], Any]:
    """The names of named inputs, and the inputs without them."""
    if not isinstance(inputs, Mapping):
        return (), inputs
    if not all(isinstance(name, str) for name in inputs):
        raise InputError(f"inputs has keys {list(inputs)}; name each input as the model's forward does")
    return tuple(inputs), tuple(inputs.values())


def keywords(models: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The keywords to pass named inputs by to each model (by its side); none where they are passed in order.

    Names that no model knows, and the name of a single input, say nothing: the order counts. Raises InputError where
    one model knows the names and another does not, so that an order would be a guess.
    """
    unknown = {side: [name for name in names if not _accepts(model, name)] for side, model in models.items()}
    if len(names) == 1:
        return {side: () if unknown[side] else names for side in models}
    if all(len(found) == len(names) for found in unknown.values()):
        return dict.fromkeys(models, ())
    for side, found in unknown.items():
        if found:
            raise InputError(
                f"the inputs are named {known(names)}, but {_signature(models[side])} of the {side} model has no "
                f"{known(found)}; name them as both models do, or leave the names out to pass them in order"
            )
    return dict.fromkeys(models, names)


def _accepts(model: Any, name: str) -> bool:
    try:
        parameters = inspect.signature(model.forward).parameters
    except (TypeError, ValueError):
        return False
    found = parameters.get(name)
    if found is not None:
        return found.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def _signature(model: Any) -> str:
    names = ", ".join(str(p).partition(":")[0] for p in inspect.signature(model.forward).parameters.values())
    return f"forward({names})"
