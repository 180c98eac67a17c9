"""A training step in Paddle: forward, loss, backward, clipping, optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor
from paddle.io import DataLoader

from nlblocks.backend import Array, DType, State
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.training.data import Batches
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import Options, TrainingState
from nlblocks_paddle import block
from nlblocks_paddle.backend import backend
from nlblocks_paddle.training import processes
from nlblocks_paddle.training.optimiser import POWERS, SLOTS, clip, fill, kept_of, optimiser_of

NO_GPU = "Paddle finds no CUDA device, or is built without CUDA"


class PaddleTrainer:
    """One model in training: see :class:`nlblocks.training.running.Trainer`.

    Mixed precision is paddle.amp's O1 in float16, the loss scaled; it has no effect on a CPU, where it is refused.
    The device is Paddle's current one, for the whole process.
    """

    framework = "paddle"

    def __init__(self, recipe: Recipe, spec: BlockSpec, options: Options) -> None:
        self.recipe, self.options = recipe, options
        cuda = paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
        gpu, mixed = options.on_gpu(found=cuda, why=NO_GPU), recipe.precision == "mixed"
        if mixed and not gpu:
            raise InputError(
                "Recipe: precision='mixed' has no effect in Paddle on a CPU; choose float32, a GPU, or backend torch"
            )
        self.device = "gpu" if gpu else "cpu"
        paddle.device.set_device(self.device)
        self.dtype: DType = "float64" if recipe.precision == "float64" else "float32"
        self.model = backend.build(spec, seed=recipe.seed, dtype=self.dtype)
        if recipe.sync_norm and processes.several():
            processes.share_norms(self.model)
        self.forward: Callable[[Tensor], Tensor] = self.model
        if options.compiled:
            if processes.several():
                raise InputError("Options: compiled=True is for one process in Paddle; leave it out")
            self.forward = paddle.jit.to_static(self.model.forward, full_graph=True)
        groups = recipe.trained(spec.params())
        parameters = dict(self.model.named_parameters())
        self.trained = {name: parameters[name] for names in groups.values() for name in names}
        for name, parameter in parameters.items():
            parameter.stop_gradient = name not in self.trained
        self.parallel = processes.parallel(self.model) if processes.several() else self.forward
        self.still = [layer for layer in self.model.sublayers() if _is_frozen_norm(layer)]
        self._train()
        self._new_optimiser = lambda: optimiser_of(recipe, self.trained, groups)
        self.optimiser = self._new_optimiser()
        amp: Callable[[], AbstractContextManager[Any]] = paddle.amp.auto_cast
        self.autocast = amp if mixed else nullcontext
        self.scaler = paddle.amp.GradScaler(enable=mixed)
        self.steps = self.updates = 0

    def step(self, images: Any, labels: Any, *, lr: float, seed: int) -> Tensor:
        """One step: [B, C, H, W], [B] → the loss, a scalar tensor."""
        paddle.seed(seed)
        if not self.model.training:
            self._train()
        self.optimiser.set_lr(lr)
        with self.autocast():
            loss = cross_entropy(self.parallel(self._input(images)), _tensor(labels), self.recipe.label_smoothing)
        self.optimiser.clear_grad(set_to_zero=False)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        if self.recipe.optimiser.clip is not None:
            clip(self.trained.values(), self.recipe.optimiser.clip)
        self.scaler.step(self.optimiser)
        overflown = self.scaler.is_enable() and bool(self.scaler._found_inf)
        self.scaler.update()
        self.steps += 1
        self.updates += not overflown
        return processes.mean(loss.detach())

    def update(self, gradients: State, *, lr: float) -> None:
        self.optimiser.set_lr(lr)
        given = self._canonical(gradients)
        for name, parameter in self.trained.items():
            parameter.grad = paddle.to_tensor(given[name].astype(self.dtype)) if name in given else None
        self.optimiser.step()
        self.steps += 1
        self.updates += 1

    def gradients(self) -> State:
        return self._canonical({name: p.grad.numpy() for name, p in self.trained.items() if p.grad is not None})

    @paddle.no_grad()
    def logits(self, images: Any) -> Array:
        self.model.eval()
        with self.autocast():
            return np.array(self.forward(self._input(images)).astype(self.dtype).numpy())

    def loader(self, batches: Batches, epoch: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        steps = cast(Any, batches.steps(epoch, start))
        yield from DataLoader(steps, batch_size=cast(Any, None), num_workers=self.options.workers)

    def state(self) -> TrainingState:
        kept = kept_of(self.optimiser, self.trained, SLOTS.values())
        slots = {ours: self._canonical(kept[theirs]) for ours, theirs in SLOTS.items() if theirs in kept}
        if "m" in slots:
            slots["updates"] = {name: np.array(float(self.updates)) for name in slots["m"]}
        powers = kept_of(self.optimiser, self.trained, POWERS)
        native = {f"{kind}.{name}": value for kind, values in powers.items() for name, value in values.items()}
        native |= {f"scaler.{name}": np.array(value) for name, value in self.scaler.state_dict().items()}
        weights = {name: np.array(tensor.numpy()) for name, tensor in block.tensors(self.model).items()}
        return TrainingState(framework="paddle", step=self.steps, weights=weights, slots=slots, native=native)

    def load(self, state: TrainingState) -> None:
        state.check(self.model.spec)
        block.assign(self.model, {name: paddle.to_tensor(np.array(value)) for name, value in state.weights.items()})
        updates = state.slots.get("updates", {})
        kept = {SLOTS[ours]: self._canonical(values) for ours, values in state.slots.items() if ours in SLOTS}
        for kind, beta in POWERS.items() if updates else ():
            base: float = getattr(self.recipe.optimiser, beta)
            own = {name: np.array([base ** (int(count) + 1)]) for name, count in updates.items()}
            kept[kind] = {name: state.native.get(f"{kind}.{name}", value) for name, value in own.items()}
        self.optimiser = self._new_optimiser()
        fill(self.optimiser, self.trained, kept)
        scaler: Any = {
            name.removeprefix("scaler."): value if value.ndim else value.item()  # the scale is [1], the rest numbers
            for name, value in state.native.items()
            if name.startswith("scaler.")
        }
        if scaler and state.framework == self.framework:
            self.scaler.load_state_dict(scaler)
        self.steps = state.step
        self.updates = max((int(count) for count in updates.values()), default=0)

    def _canonical(self, values: State) -> State:
        """Linear weights turned: from Paddle's layout to the canonical one, and back."""
        linear = block.linear_weights(self.model)
        return {name: np.ascontiguousarray(v.T) if name in linear else np.array(v) for name, v in values.items()}

    def _input(self, images: Any) -> Tensor:
        found = _tensor(images)
        return found if found.dtype == getattr(paddle, self.dtype) else found.astype(self.dtype)

    def _train(self) -> None:
        self.model.train()
        for layer in self.still:
            layer.eval()


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """The mean loss of [B, K] and [B]; Paddle's own holds ``smoothing`` as float32.

    Paddle's kernels, used below float64, say 64 for any loss of a sample beyond it; the gradient is right.
    """
    exact = logits.dtype == paddle.float64
    if not smoothing and not exact:
        return F.cross_entropy(logits, labels)
    likely = logits - logits.logsumexp(1, keepdim=True) if exact else F.log_softmax(logits, axis=1)  # [B, K]
    return F.nll_loss(likely, labels) * (1.0 - smoothing) - likely.mean() * smoothing


def _is_frozen_norm(layer: paddle.nn.Layer) -> bool:
    """Whether it keeps running statistics beside parameters of which none is trained."""
    own = layer.parameters(include_sublayers=False)
    keeps = bool(layer.buffers(include_sublayers=False))
    return keeps and bool(own) and all(parameter.stop_gradient for parameter in own)


def _tensor(values: Any) -> Tensor:
    return values if isinstance(values, paddle.Tensor) else paddle.to_tensor(values)
