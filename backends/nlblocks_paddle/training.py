"""A training step in Paddle: forward, loss, backward, clipping, optimiser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn, optimizer
from paddle.io import DataLoader, Dataset

from nlblocks.backend import Array, DType, State
from nlblocks.specs.base import BlockSpec
from nlblocks.training.data import Batches
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import Options, TrainingState
from nlblocks_paddle import block
from nlblocks_paddle.backend import backend

SLOTS = {"m": "moment1", "v": "moment2", "velocity": "velocity"}
"""What the optimiser keeps, by our name: Paddle's accumulator."""
POWERS = ("beta1_pow_acc", "beta2_pow_acc")
"""beta1 and beta2 to the power of the step, which Paddle multiplies up step by step."""


class PaddleTrainer:
    """One model in training: see :class:`nlblocks.training.running.Trainer`."""

    framework = "paddle"

    def __init__(self, recipe: Recipe, spec: BlockSpec, options: Options) -> None:
        self.recipe, self.options = recipe, options
        self.dtype: DType = "float64" if recipe.precision == "float64" else "float32"
        self.model = backend.build(spec, seed=recipe.seed, dtype=self.dtype)
        self.steps = 0
        self.linear = block.linear_weights(self.model)
        self.named = dict(self.model.named_parameters())
        self.groups = {param.name: recipe.group_of(param) for param in spec.params() if param.trainable}
        for name, parameter in self.named.items():
            parameter.stop_gradient = self.groups[name].frozen
        self.trained = {name: p for name, p in self.named.items() if not p.stop_gradient}
        self.optimiser = self._optimiser()

    def step(self, images: Any, labels: Any, *, lr: float, seed: int) -> Any:
        """One step: [B, C, H, W], [B] → the loss, a scalar tensor."""
        paddle.seed(seed)
        self.model.train()
        self.optimiser.set_lr(lr)
        x, target = paddle.to_tensor(images).astype(self.dtype), paddle.to_tensor(labels)
        loss = F.cross_entropy(self.model(x), target, label_smoothing=self.recipe.label_smoothing)
        self.optimiser.clear_grad()
        loss.backward()
        self.optimiser.step()
        self.steps += 1
        return loss.detach()

    def gradients(self) -> State:
        return {name: self._canonical(name, p.grad) for name, p in self.trained.items() if p.grad is not None}

    @paddle.no_grad()
    def logits(self, images: Any) -> Array:
        self.model.eval()
        return np.array(self.model(paddle.to_tensor(images).astype(self.dtype)).numpy())

    def loader(self, batches: Batches, epoch: int, start: int) -> Iterator[tuple[Any, Any]]:
        found = _Epoch(batches, epoch, start)
        yield from DataLoader(found, batch_size=cast(Any, None), num_workers=self.options.workers)

    def state(self) -> TrainingState:
        found = self.optimiser.state_dict()
        slots = {
            ours: {
                name: self._canonical(name, found[f"{p.name}_{theirs}_0"])
                for name, p in self.trained.items()
                if f"{p.name}_{theirs}_0" in found
            }
            for ours, theirs in SLOTS.items()
        }
        native = {
            f"{name}.{power}": np.array(found[f"{p.name}_{power}_0"].numpy())
            for name, p in self.trained.items()
            for power in POWERS
            if f"{p.name}_{power}_0" in found
        }
        weights = {name: np.array(tensor.numpy()) for name, tensor in block.tensors(self.model).items()}
        slots = {name: slot for name, slot in slots.items() if slot}
        return TrainingState(framework="paddle", step=self.steps, weights=weights, slots=slots, native=native)

    def load(self, state: TrainingState) -> None:
        block.assign(self.model, {name: paddle.to_tensor(np.array(value)) for name, value in state.weights.items()})
        found: dict[str, Any] = {}
        for ours, theirs in SLOTS.items():
            for name, value in state.slots.get(ours, {}).items():
                turned = value.T if name in self.linear else value
                found[f"{self.trained[name].name}_{theirs}_0"] = paddle.to_tensor(np.array(turned))
        if self.recipe.optimiser.rule != "sgd" and state.step:
            spec = self.recipe.optimiser
            for name, parameter in self.trained.items():
                for power, beta in zip(POWERS, (spec.beta1, spec.beta2), strict=True):
                    value = state.native.get(f"{name}.{power}", np.array([beta**state.step]))
                    found[f"{parameter.name}_{power}_0"] = paddle.to_tensor(np.array(value, self.dtype))
        self.optimiser = self._optimiser()
        self.optimiser.set_state_dict(found)
        self.steps = state.step

    def _canonical(self, name: str, tensor: Any) -> Array:
        found = np.array(tensor.numpy())
        return np.ascontiguousarray(found.T) if name in self.linear else found

    def _optimiser(self) -> optimizer.Optimizer:
        spec = self.recipe.optimiser
        kinds: dict[tuple[float, float], list[Any]] = {}
        for name, parameter in self.trained.items():
            group = self.groups[name]
            kinds.setdefault((group.lr_factor, group.weight_decay or 0.0), []).append(parameter)
        groups: Any = [{"params": p, "learning_rate": f, "weight_decay": decay} for (f, decay), p in kinds.items()]
        clip = None if spec.clip is None else nn.ClipGradByGlobalNorm(spec.clip)
        if spec.rule == "sgd":
            if spec.momentum:
                return optimizer.Momentum(
                    spec.lr, spec.momentum, parameters=groups, use_nesterov=spec.nesterov, grad_clip=clip
                )
            return optimizer.SGD(spec.lr, parameters=groups, grad_clip=clip)
        kind = optimizer.AdamW if spec.rule == "adamw" else optimizer.Adam
        return kind(spec.lr, beta1=spec.beta1, beta2=spec.beta2, epsilon=spec.eps, parameters=groups, grad_clip=clip)


class _Epoch(Dataset[Any]):
    """The batches of an epoch, by number."""

    def __init__(self, batches: Batches, epoch: int, start: int) -> None:
        super().__init__()
        self.batches, self.epoch, self.start = batches, epoch, start

    def __len__(self) -> int:
        return self.batches.steps_per_epoch - self.start

    def __getitem__(self, number: int) -> tuple[Array, Array]:
        batch = self.batches.batch(self.epoch, self.batches.own(self.epoch, self.start + number))
        return batch.images, batch.labels


make = PaddleTrainer
