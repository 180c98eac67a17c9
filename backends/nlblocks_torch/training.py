"""A training step in torch: forward, loss, backward, clipping, optimiser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader, Dataset

from nlblocks.backend import Array, DType, State
from nlblocks.specs.base import BlockSpec
from nlblocks.training.data import Batches
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import Options, TrainingState
from nlblocks_torch.backend import backend
from nlblocks_torch.block import assign

SLOTS = {"m": "exp_avg", "v": "exp_avg_sq", "velocity": "momentum_buffer"}
"""What the optimiser keeps, by our name: torch's."""


class TorchTrainer:
    """One model in training: see :class:`nlblocks.training.running.Trainer`."""

    framework = "torch"

    def __init__(self, recipe: Recipe, spec: BlockSpec, options: Options) -> None:
        self.recipe, self.options = recipe, options
        dtype: DType = "float64" if recipe.precision == "float64" else "float32"
        self.dtype = torch.float64 if dtype == "float64" else torch.float32
        self.model = backend.build(spec, seed=recipe.seed, dtype=dtype)
        self.steps = 0
        self.named = dict(self.model.named_parameters())
        self.groups = {param.name: recipe.group_of(param) for param in spec.params() if param.trainable}
        for name, parameter in self.named.items():
            parameter.requires_grad_(not self.groups[name].frozen)
        self.trained = {name: p for name, p in self.named.items() if p.requires_grad}
        self.optimiser = self._optimiser()

    def step(self, images: Any, labels: Any, *, lr: float, seed: int) -> Tensor:
        """One step: [B, C, H, W], [B] → the loss, a scalar tensor."""
        torch.manual_seed(seed)
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = lr * group["factor"]
        x, target = torch.as_tensor(images).to(self.dtype), torch.as_tensor(labels)
        loss = F.cross_entropy(self.model(x), target, label_smoothing=self.recipe.label_smoothing)
        self.optimiser.zero_grad()
        loss.backward()
        if self.recipe.optimiser.clip is not None:
            nn.utils.clip_grad_norm_(list(self.trained.values()), self.recipe.optimiser.clip)
        self.optimiser.step()
        self.steps += 1
        return loss.detach()

    def gradients(self) -> State:
        return {name: _array(p.grad) for name, p in self.trained.items() if p.grad is not None}

    @torch.no_grad()
    def logits(self, images: Any) -> Array:
        self.model.eval()
        return _array(self.model(torch.as_tensor(images).to(self.dtype)))

    def loader(self, batches: Batches, epoch: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        found = _Epoch(batches, epoch, start)
        yield from DataLoader(found, batch_size=None, num_workers=self.options.workers)

    def state(self) -> TrainingState:
        kept = {name: self.optimiser.state.get(p, {}) for name, p in self.trained.items()}
        slots = {
            ours: {name: _array(state[theirs]) for name, state in kept.items() if state.get(theirs) is not None}
            for ours, theirs in SLOTS.items()
        }
        weights = {name: _array(tensor) for name, tensor in backend.tensors(self.model).items()}
        slots = {name: slot for name, slot in slots.items() if slot}
        return TrainingState(framework="torch", step=self.steps, weights=weights, slots=slots)

    def load(self, state: TrainingState) -> None:
        assign(self.model, {name: torch.from_numpy(np.array(value)) for name, value in state.weights.items()})
        self.optimiser.state.clear()
        for ours, theirs in SLOTS.items():
            for name, value in state.slots.get(ours, {}).items():
                parameter = self.trained[name]
                self.optimiser.state[parameter][theirs] = torch.from_numpy(np.array(value)).to(parameter)
        if self.recipe.optimiser.rule != "sgd" and state.step:
            for parameter in self.trained.values():
                self.optimiser.state[parameter]["step"] = torch.tensor(float(state.step))
        self.steps = state.step

    def _optimiser(self) -> optim.Optimizer:
        spec = self.recipe.optimiser
        kinds: dict[tuple[float, float], list[Tensor]] = {}
        for name, parameter in self.trained.items():
            group = self.groups[name]
            kinds.setdefault((group.lr_factor, group.weight_decay or 0.0), []).append(parameter)
        groups = [{"params": p, "factor": f, "weight_decay": decay} for (f, decay), p in kinds.items()]
        if spec.rule == "sgd":
            return optim.SGD(groups, lr=spec.lr, momentum=spec.momentum, nesterov=spec.nesterov)
        kind = optim.AdamW if spec.rule == "adamw" else optim.Adam
        return kind(groups, lr=spec.lr, betas=(spec.beta1, spec.beta2), eps=spec.eps)


class _Epoch(Dataset[tuple[Array, Array]]):
    """The batches of an epoch, by number."""

    def __init__(self, batches: Batches, epoch: int, start: int) -> None:
        self.batches, self.epoch, self.start = batches, epoch, start

    def __len__(self) -> int:
        return self.batches.steps_per_epoch - self.start

    def __getitem__(self, number: int) -> tuple[Array, Array]:
        batch = self.batches.batch(self.epoch, self.batches.own(self.epoch, self.start + number))
        return batch.images, batch.labels


def _array(tensor: Tensor) -> Array:
    return np.array(tensor.detach().cpu().numpy())


make = TorchTrainer
