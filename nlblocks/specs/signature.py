"""Signatures that name a spec's fields: for ``help()``, ``inspect.signature`` and whatever completes by them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import MISSING, fields
from functools import wraps
from inspect import Parameter, Signature
from typing import Any, get_type_hints

SELF = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)


def field_parameters(cls: type) -> list[Parameter]:
    """The fields of a dataclass as keyword arguments, with their types and their defaults, made where they are made."""
    hints = get_type_hints(cls)
    return [
        Parameter(item.name, Parameter.KEYWORD_ONLY, default=_default(item), annotation=hints[item.name])
        for item in fields(cls)
    ]


def spell_spec(cls: type) -> None:
    """Give a spec class the signature of its fields, without the notes in their annotations."""
    _sign(cls, [SELF, *field_parameters(cls)])


def spell_block(cls: type, spec_type: type) -> None:
    """Give a block's class the signature of ``Block(spec)`` and ``Block(**fields of the spec)``, which are the same."""
    spec = Parameter("spec", Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=spec_type | None)
    seed = Parameter("seed", Parameter.KEYWORD_ONLY, default=None, annotation=int | None)
    if "__init__" not in cls.__dict__:
        inherited = cls.__init__  # type: ignore[misc]

        @wraps(inherited)
        def own(self: Any, *args: Any, **options: Any) -> None:
            inherited(self, *args, **options)

        cls.__init__ = own  # type: ignore[misc]
    _sign(cls, [SELF, spec, *field_parameters(spec_type), seed])


def _sign(cls: type, parameters: Iterable[Parameter]) -> None:
    vars(cls)["__init__"].__signature__ = Signature(list(parameters), return_annotation=None)


def _default(item: Any) -> Any:
    if item.default_factory is not MISSING:
        return item.default_factory()
    return inspect.Parameter.empty if item.default is MISSING else item.default
