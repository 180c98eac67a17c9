"""torchvision without its compiled operators: they are defined first, without a body, and no classifier calls them.

torchvision's wheels want one exact torch; installed with --no-deps beside another, its import fails for want of its
operators, which only detection models use.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import torch

_LIBRARIES: list[Any] = []


def torchvision_models() -> Any:
    """The module torchvision.models."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("torchvision is not installed; try: pip install --no-deps torchvision")
    if not _LIBRARIES:
        library = torch.library.Library("torchvision", "DEF")
        for name in sorted(_operators(Path(found.origin).parent)):
            library.define(f"{name}(Tensor x) -> Tensor")
        _LIBRARIES.append(library)  # a library that is collected takes its operators with it
    import torchvision.models

    return torchvision.models


def _operators(root: Path) -> set[str]:
    """The operators that torchvision's Python code registers something for, by name."""
    names: set[str] = set()
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        names |= set(re.findall(r"torchvision::(\w+)", text))
        names |= set(re.findall(r"torch\.ops\.torchvision\.(\w+)", text))
    return names
