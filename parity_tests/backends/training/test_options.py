"""How a run is executed changes no number of it beyond rounding; what cannot be done is said in a line."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.training.running import Options, trainer_of
from parity_tests.helpers.trainers import FRAMEWORKS, NET, RESNET, distances, recipe, started, train


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_compiled_model_is_the_same(backend: str, require: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Norms that move in training and stay in evaluation, a last batch of another size."""
    require(backend)
    if backend == "torch":  # the graph is captured and differentiated; C++ for it takes most of a minute
        import torch

        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    spec = recipe(optimiser={"lr": 1e-4, "eps": 1e-3}, data={"size": 16})
    plain, compiled = (started(backend, spec, RESNET, Options(compiled=compiled)) for compiled in (False, True))
    for steps in ({"steps": 2}, {"steps": 2, "start": 2}):
        found = distances(*(train(trainer, spec, **steps) for trainer in (plain, compiled)))
        assert max(found.values()) <= 1e-12, found
        images = np.random.default_rng(0).random((7, 1, 16, 16))
        left, right = plain.logits(images), compiled.logits(images)
        assert np.abs(left - right).max() <= 1e-12 * np.abs(left).max()
    assert type(compiled.forward) is not type(plain.forward)


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # its compiler uses it
def test_a_compiled_model_drops_the_same(backend: str, require: Any) -> None:
    """torch's compiler draws otherwise, unless it is told; here it compiles in earnest."""
    require(backend)
    spec, net = recipe(), replace(NET, dropout=0.5)
    plain, compiled = (
        train(started(backend, spec, net, Options(compiled=compiled)), spec, steps=2) for compiled in (False, True)
    )
    found = distances(plain, compiled)
    assert max(found.values()) <= 1e-12, found


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_gpu_that_is_not_there_is_refused(backend: str, require: Any) -> None:
    require(backend)
    if _has_gpu(backend):
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match=r"device='gpu' cannot be used: .* no CUDA device.*; choose 'cpu'"):
        trainer_of(backend, recipe(), NET, Options(device="gpu"))
    for device in ("auto", "cpu"):
        train(trainer_of(backend, recipe(), NET, Options(device=device)), recipe(), steps=1)


@pytest.mark.parametrize(
    ("field", "value"), [("device", "tpu"), ("device", None), ("workers", -1), ("workers", 1.5), ("workers", True)]
)
def test_other_options_are_refused(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"Options: {field}={value!r} must be"):
        Options(**{field: value})


def _has_gpu(backend: str) -> bool:
    if backend == "torch":
        import torch

        return torch.cuda.is_available()
    import paddle

    return paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
