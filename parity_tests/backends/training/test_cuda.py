"""What only a GPU can show: training there is training on the CPU; float16 with a scaled loss goes on to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nlblocks.training.data import Batches
from nlblocks.training.running import Options
from parity_tests.helpers.trainers import NET, RESNET, digits, distances, recipe, started, train

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("needs a CUDA device", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore:.*script_method. is deprecated")  # in what torch.compile imports
GPU, CPU = Options(device="gpu"), Options(device="cpu")


@pytest.mark.parametrize("optimiser", [{}, {"rule": "sgd", "lr": 0.003, "momentum": 0.9}, {"rule": "adamw"}], ids=str)
def test_cuda_is_the_cpu(optimiser: dict[str, Any]) -> None:
    spec = recipe(optimiser={**optimiser, "weight_decay": 0.3, "clip": 2.0}, label_smoothing=0.1)
    found = distances(*(train(started("torch", spec, NET, options), spec) for options in (CPU, GPU)))
    assert max(found.values()) <= 1e-12, found


def test_norms_on_cuda() -> None:
    spec = recipe(optimiser={"lr": 1e-4, "eps": 1e-3}, data={"size": 16})
    found = distances(*(train(started("torch", spec, RESNET, options), spec) for options in (CPU, GPU)))
    assert max(found.values()) <= 1e-11, found


def test_auto_is_the_gpu() -> None:
    trainer = started("torch", recipe(), NET)
    assert next(trainer.model.parameters()).is_cuda
    ((images, labels),) = [
        batch for batch, _ in zip(trainer.loader(Batches(recipe(), digits()), 0, 0), [0], strict=False)
    ]
    assert images.is_pinned()
    assert trainer.step(images, labels, lr=1e-3, seed=0).is_cuda


def test_half_precision_overflows_and_goes_on_to_the_bit() -> None:
    spec = recipe(precision="mixed", optimiser={"clip": 2.0})
    full = train(started("torch", recipe(precision="float32"), NET, GPU), recipe(precision="float32"))

    def trainer(scale: float = 2.0**20) -> Any:
        made = started("torch", spec, NET, GPU)
        made.scaler = torch.amp.GradScaler("cuda", init_scale=scale)
        return made

    whole = train(trainer(), spec, steps=12)
    (updates,) = {float(value) for value in whole.state.slots["updates"].values()}
    assert 0 < updates < 12  # 2^20 times a gradient near 1 is beyond float16's 65504
    native = started("torch", spec, NET, GPU)
    apart = np.abs(train(native, spec, steps=12).losses - full.losses).max()
    assert 1e-6 < apart < 0.05
    half = train(trainer(), spec, steps=6)
    other = trainer(1.0)
    other.load(half.state)
    rest = train(other, spec, steps=6, start=6)
    assert rest.state.native == whole.state.native
    assert np.abs(rest.losses - whole.losses[6:]).max() <= 1e-6  # a GPU adds up in an order of its own


def test_dropout_is_seeded() -> None:
    from dataclasses import replace

    spec = recipe()
    net = replace(NET, dropout=0.5)
    trainers = [started("torch", spec, net, GPU) for _ in range(2)]
    images, labels = np.random.default_rng(0).random((8, 1, 8, 8)), np.arange(8)
    first, second = (float(trainer.step(images, labels, lr=0.0, seed=5)) for trainer in trainers)
    assert first == second
    assert float(trainers[0].step(images, labels, lr=0.0, seed=6)) != first


def test_compiled_on_cuda() -> None:
    spec = recipe()
    plain, compiled = (started("torch", spec, NET, Options(device="gpu", compiled=c)) for c in (False, True))
    found = distances(*(train(trainer, spec, steps=3) for trainer in (plain, compiled)))
    assert max(found.values()) <= 1e-12, found
