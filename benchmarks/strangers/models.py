"""Somebody else's models by name: ``timm:resnet18``, or ``package.module:name``, called with a pair's arguments."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from benchmarks.port import corpus
from benchmarks.zoo.vision import torchvision_models

WHEELS = ("timm==1.0.31", "paddleclas==2.6.0", "paddleseg==2.8.0")
"""The packages, at the versions that the truth was established on. torchvision and Paddle come with the project."""


def fetch(folder: Path) -> None:
    """Get the packages, unpacked and without their dependencies, into a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus.fetch(folder, list(WHEELS))
    corpus.fetch_extra(folder)


def install(folder: Path) -> None:
    """Make the packages of a folder importable in this process."""
    sys.path.append(str(folder / corpus.SITE))
    sys.path.append(str(folder / WHEELS[0]))
    for wheel in WHEELS[1:]:
        corpus.install(folder, wheel)
    torchvision_models()


def build(reference: str, arguments: dict[str, Any]) -> Any:
    """A fresh model. ``timm:name`` asks timm's registry, everything else is a module and what is called in it."""
    module, _, name = reference.partition(":")
    if module == "timm":
        return importlib.import_module("timm").create_model(name, **arguments)
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found(**arguments)


def module(pair: dict[str, Any], side: str) -> Any:
    """The module that a side's model comes from, imported."""
    return importlib.import_module(pair[side].partition(":")[0])
