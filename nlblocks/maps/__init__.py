"""Where a model's blocks look, on images: pictures, and a page that shows the map under the pointer."""

from nlblocks.maps.drawing import draw
from nlblocks.maps.images import read_images

__all__ = ["draw", "read_images"]
