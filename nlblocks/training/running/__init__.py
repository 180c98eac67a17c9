"""One model in training, as a framework implements it: a step, a loader, the state that a run goes on from."""

from nlblocks.training.running.trainer import Options, Trainer, TrainingState, trainer_of

__all__ = ["Options", "Trainer", "TrainingState", "trainer_of"]
