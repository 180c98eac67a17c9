"""How far arrays are apart, and when that is more than rounding. Knows no model.

``Comparison`` is the one record of two arrays and the verdict on them; ``NoiseFloor`` measures what rounding does, with
the nudge; ``distance`` is for arrays in any layout; ``tolerance`` holds every number that decides, with its reason.
"""

from nlblocks.numerics import tolerance
from nlblocks.numerics.comparison import Comparison
from nlblocks.numerics.distance import distance
from nlblocks.numerics.noise import NoiseFloor

__all__ = ["Comparison", "NoiseFloor", "distance", "tolerance"]
