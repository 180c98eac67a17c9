"""A run is a folder: recipe, environment, metrics, checkpoints; it resumes to the bit. A study is a folder of runs."""

from nlblocks.training.runs.folder import RunFolder
from nlblocks.training.runs.run import Epoch
from nlblocks.training.runs.study import Plan, StudyFolder

__all__ = ["Epoch", "Plan", "RunFolder", "StudyFolder"]
