"""Two frameworks trained side by side from the same bits, and whether it is the same training."""

from nlblocks.training.lockstep.lockstep import lockstep
from nlblocks.training.lockstep.report import LockstepReport

__all__ = ["LockstepReport", "lockstep"]
