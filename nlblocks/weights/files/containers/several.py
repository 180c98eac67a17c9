"""Models in several files: which one a path belongs to."""

from __future__ import annotations

from pathlib import Path

from nlblocks.errors import InputError
from nlblocks.weights.files.containers.distributed import distributed, is_distributed
from nlblocks.weights.files.containers.paddle_inference import inference_model, is_inference
from nlblocks.weights.files.containers.ranks import check_alone
from nlblocks.weights.files.contents import Contents


def several(path: Path) -> Contents | None:
    """The model that a folder or a file of several belongs to, put together; None for a file that stands alone.

    Raises InputError where files or their metadata are missing, or cannot be put together here.
    """
    try:
        if is_distributed(path):
            return distributed(path)
        if path.is_dir() or is_inference(path):
            return inference_model(path)
        if path.is_file():
            check_alone(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return None
