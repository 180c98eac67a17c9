"""Why two runs part: the first operation that differs, and hypotheses tried on its tensors."""

from nlblocks.parity.explaining.explainer import Explainer
from nlblocks.parity.explaining.gradients import GradientLocated
from nlblocks.parity.explaining.localise import Located

__all__ = ["Explainer", "GradientLocated", "Located"]
