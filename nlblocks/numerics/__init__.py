"""How far arrays are apart, and when that is more than rounding. Knows no model.

``Comparison`` is the one record of two arrays and the verdict on them; ``distance`` compares arrays whatever their
layout; ``noise`` holds the nudge and the noise floor; ``tolerance`` every number that decides, with its reason.
"""

from nlblocks.numerics import distance, noise, tolerance
from nlblocks.numerics.comparison import Comparison

__all__ = ["Comparison", "distance", "noise", "tolerance"]
