"""Several processes that train one model, each on its share of every batch: who they are, and that one is gone."""

from nlblocks.training.processes.processes import Processes, joined, launched

__all__ = ["Processes", "joined", "launched"]
