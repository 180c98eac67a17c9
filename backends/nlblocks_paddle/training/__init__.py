"""How Paddle trains a model of a recipe: a step, a loader, the state that a run goes on from."""

from nlblocks_paddle.training.trainer import PaddleTrainer

make = PaddleTrainer
