"""One model in training: what a framework implements, and the run around it."""

from nlblocks.training.running.run import run
from nlblocks.training.running.trainer import Options, TrainingState, trainer_of

__all__ = ["Options", "TrainingState", "run", "trainer_of"]
