"""The random numbers of a dropout: what one model drops the other drops, in every framework and layout."""

from __future__ import annotations

import numpy as np

from nlblocks.backend import Array
from nlblocks.init import generator

Drawn = tuple[int, ...]
"""What a mask is drawn for: its shape, and how many of that shape, its axes in any order, were drawn before. With ~n in
place of n, the numbers are mirrored: 1 - u where they were u."""
STEP = 2.0**-24
"""The numbers are multiples of this: float32 holds every one of them, and 1 - STEP is the largest."""


def dropout_draw(drawn: Drawn, seed: int) -> Array:
    """The uniform numbers that decide what a dropout keeps: the same ones where the axes are in another order.

    An element is kept where its number is at least p. Axes of one element do not count, so that a dropout before a
    flatten of such and one after it drop the same.
    """
    *shape, count = drawn
    extents = [extent for extent in shape if extent != 1]
    order = sorted(range(len(extents)), key=lambda axis: extents[axis])
    place = count if count >= 0 else ~count
    numbers = generator(seed, f"dropout:{sorted(extents)}:{place}").random(sorted(extents))
    numbers = np.floor(numbers / STEP) * STEP
    if count < 0:
        numbers = 1.0 - STEP - numbers
    return numbers.transpose(np.argsort(order)).reshape(tuple(shape))
