"""Image files for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nlblocks.init import generator


def image_file(path: Path, size: tuple[int, int] = (28, 28), mode: str = "L") -> Path:
    """A file of random pixels (H, W)."""
    from PIL import Image

    shape = (*size, len(mode)) if mode == "RGB" else size
    pixels = generator(1, "image").integers(0, 256, shape).astype(np.uint8)
    Image.fromarray(pixels, mode).save(path)
    return path
