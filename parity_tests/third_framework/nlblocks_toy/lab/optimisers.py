"""numtape's one optimiser."""

from __future__ import annotations

from typing import Any

import numtape

from nlblocks.parity.running import Settings


def make(settings: Settings, parameters: list[Any]) -> numtape.SGD:
    return numtape.SGD(parameters, settings.lr)


def offers(settings: Settings) -> bool:
    return settings == Settings(rule="sgd", lr=settings.lr)


def settings(made: Any) -> Settings | None:
    return Settings(rule="sgd", lr=made.rate) if isinstance(made, numtape.SGD) else None
