"""One model, run: its inputs, seeds, optimisers and histories."""

from nlblocks.parity.running.history import History
from nlblocks.parity.running.optimisers import TrainingPlan
from nlblocks.parity.running.subject import Subject

__all__ = ["History", "Subject", "TrainingPlan"]
