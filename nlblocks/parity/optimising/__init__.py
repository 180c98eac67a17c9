"""What optimisers do to weights: settings as data, the rules in NumPy, and which setting makes two trainings meet."""

from nlblocks.parity.optimising.settings import Clip, Settings
from nlblocks.parity.optimising.steps import Difference, Told

__all__ = ["Clip", "Difference", "Settings", "Told"]
