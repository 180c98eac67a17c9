"""A training step in torch: forward, loss, backward, clipping, optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader

from nlblocks.backend import Array, DType, State
from nlblocks.specs.base import BlockSpec
from nlblocks.training.data import Batches
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import Options, TrainingState
from nlblocks_torch.backend import backend
from nlblocks_torch.block import assign
from nlblocks_torch.training import processes
from nlblocks_torch.training.optimiser import array, clip, fill, optimiser_of, set_rate, slots_of

NO_GPU = "torch finds no CUDA device"
EAGER_DRAWS: dict[str, str | int | bool | Callable[..., Any]] = {"fallback_random": True}
"""A compiled model's dropout draws what the model itself does."""


class TorchTrainer:
    """One model in training: see :class:`nlblocks.training.running.Trainer`.

    Mixed precision is torch's autocast: bfloat16 on a CPU; float16 on a GPU, its loss scaled. On a GPU convolutions are
    deterministic, and float32 is not shortened to TF32.
    """

    framework = "torch"

    def __init__(self, recipe: Recipe, spec: BlockSpec, options: Options) -> None:
        self.recipe, self.options = recipe, options
        self.device = "cuda" if options.on_gpu(found=torch.cuda.is_available(), why=NO_GPU) else "cpu"
        dtype: DType = "float64" if recipe.precision == "float64" else "float32"
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.model = backend.build(spec, seed=recipe.seed, dtype=dtype).to(self.device)
        if recipe.sync_norm and processes.several():
            processes.share_norms(self.model)
        self.forward = torch.compile(self.model, options=EAGER_DRAWS) if options.compiled else self.model
        groups = recipe.trained(spec.params())
        parameters = dict(self.model.named_parameters())
        self.trained = {name: parameters[name] for names in groups.values() for name in names}
        for name, parameter in parameters.items():
            parameter.requires_grad_(name in self.trained)
        self.parallel = processes.parallel(cast(torch.nn.Module, self.forward))
        self.still = [module for module in self.model.modules() if _is_frozen_norm(module)]
        self._train()
        self.optimiser = optimiser_of(recipe, self.trained, groups)
        mixed = recipe.precision == "mixed"
        half = torch.float16 if self.device == "cuda" else torch.bfloat16
        self.autocast = lambda: torch.autocast(self.device, half, enabled=mixed)
        self.scaler = torch.amp.GradScaler(self.device, enabled=mixed and self.device == "cuda")
        cudnn = partial(torch.backends.cudnn.flags, enabled=True, deterministic=True, allow_tf32=False)
        self.exact: Callable[[], AbstractContextManager[Any]] = cudnn if self.device == "cuda" else nullcontext
        # torch.manual_seed goes through every kind of device, which takes a hundredth of a small step.
        gpu = self.device == "cuda"
        self.generator = torch.cuda.default_generators[torch.cuda.current_device()] if gpu else torch.default_generator
        self.steps = 0

    def step(self, images: Any, labels: Any, *, lr: float, seed: int) -> Tensor:
        """One step: [B, C, H, W], [B] → the loss, a scalar tensor."""
        self.generator.manual_seed(seed)
        if not self.model.training:
            self._train()
        set_rate(self.optimiser, lr)
        target = torch.as_tensor(labels).to(self.device)
        with self.exact():
            with self.autocast():
                logits = self.parallel(self._input(images))
                loss = F.cross_entropy(logits, target, label_smoothing=self.recipe.label_smoothing)
            self.optimiser.zero_grad()
            self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        if self.recipe.optimiser.clip is not None:
            clip(self.trained.values(), self.recipe.optimiser.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.steps += 1
        return processes.mean(loss.detach())

    def update(self, gradients: State, *, lr: float) -> None:
        set_rate(self.optimiser, lr)
        for name, parameter in self.trained.items():
            value = gradients.get(name)
            parameter.grad = None if value is None else torch.from_numpy(np.array(value)).to(parameter)
        self.optimiser.step()
        self.steps += 1

    def gradients(self) -> State:
        return {name: array(p.grad) for name, p in self.trained.items() if p.grad is not None}

    @torch.no_grad()
    def logits(self, images: Any) -> Array:
        self.model.eval()
        with self.exact(), self.autocast():
            return array(self.forward(self._input(images)).to(self.dtype))

    def loader(self, batches: Batches, epoch: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        steps = cast(Any, batches.steps(epoch, start))
        yield from DataLoader(
            steps, batch_size=None, num_workers=self.options.workers, pin_memory=self.device == "cuda"
        )

    def state(self) -> TrainingState:
        return TrainingState(
            framework="torch",
            step=self.steps,
            weights={name: array(tensor) for name, tensor in backend.tensors(self.model).items()},
            slots=slots_of(self.optimiser, self.trained),
            native={f"scaler.{name}": np.array(value) for name, value in self.scaler.state_dict().items()},
        )

    def load(self, state: TrainingState) -> None:
        state.check(self.model.spec)
        assign(self.model, {name: torch.from_numpy(np.array(value)) for name, value in state.weights.items()})
        self.optimiser.state.clear()
        fill(self.optimiser, self.trained, state.slots)
        if state.framework == self.framework and state.native:
            self.scaler.load_state_dict({name.removeprefix("scaler."): v.item() for name, v in state.native.items()})
        self.steps = state.step

    def _input(self, images: Any) -> Tensor:
        return torch.as_tensor(images).to(self.device, self.dtype, non_blocking=True)

    def _train(self) -> None:
        self.model.train()
        for module in self.still:
            module.eval()


def _is_frozen_norm(module: torch.nn.Module) -> bool:
    """Whether it keeps running statistics beside parameters of which none is trained."""
    own = list(module.parameters(recurse=False))
    keeps = next(module.buffers(recurse=False), None) is not None
    return keeps and bool(own) and not any(parameter.requires_grad for parameter in own)


make = TorchTrainer
