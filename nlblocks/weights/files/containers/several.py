"""Models in several files: which one a path belongs to."""

from __future__ import annotations

from pathlib import Path

from nlblocks.weights.files.containers.distributed import distributed, is_distributed
from nlblocks.weights.files.containers.paddle_inference import inference_model, is_inference
from nlblocks.weights.files.contents import Contents


def is_several(path: Path) -> bool:
    """Whether a path is a folder, or a file that is read together with others."""
    return path.is_dir() or is_distributed(path) or is_inference(path)


def several(path: Path) -> Contents:
    """The model that a path belongs to, put together from all its files."""
    return distributed(path) if is_distributed(path) else inference_model(path)
