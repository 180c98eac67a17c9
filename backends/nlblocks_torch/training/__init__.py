"""How torch trains a model of a recipe: a step, a loader, the state that a run goes on from."""

from nlblocks_torch.training.trainer import TorchTrainer

make = TorchTrainer
