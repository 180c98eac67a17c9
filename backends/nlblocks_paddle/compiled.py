"""Programs that Paddle loads: they run where nobody sees their operations."""

from __future__ import annotations

from typing import Any

from paddle import nn

from nlblocks.host import refuse_programs

LOADED = ("TranslatedLayer", "PirTranslatedLayer")
"""What ``paddle.jit.load`` returns; the second is that of Paddle 3."""


def refuse_program(model: Any, can_not: str) -> None:
    """Raise InputError for such a program, and for a model that has one among its layers; ``can_not`` says to what."""
    parts = model.named_sublayers(include_self=True) if isinstance(model, nn.Layer) else ()
    refuse_programs(model, parts, _maker, can_not)


def _maker(part: Any) -> str:
    loaded = type(part).__name__ in LOADED and type(part).__module__.startswith("paddle.")
    return "paddle.jit.load, which runs where its operations are not seen" if loaded else ""
