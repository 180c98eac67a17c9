"""What nlblocks writes into a file beside the program: JSON in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import onnx

KEY = "nlblocks"
"""The entry of the metadata."""


def of(model: onnx.ModelProto) -> dict[str, Any]:
    """What :func:`put` wrote; nothing in another's file, or a damaged one."""
    text = next((entry.value for entry in model.metadata_props if entry.key == KEY), "{}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


def put(model: onnx.ModelProto, found: Mapping[str, Any]) -> None:
    """Write notes into a model."""
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps(found)
