"""Whether two models agree: phase by phase, by noise floors, and what was not compared."""

from nlblocks.parity.judging.judge import Judge
from nlblocks.parity.judging.passes import PASSES, pass_name
from nlblocks.parity.judging.side import Side

__all__ = ["PASSES", "Judge", "Side", "pass_name"]
