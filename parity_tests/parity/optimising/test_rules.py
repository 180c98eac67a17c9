"""The rules in NumPy do what the frameworks' optimisers do, by the settings that are read of these."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks.parity.optimising.rules import replayed  # noqa: E402

T, Q = torch.optim, paddle.optimizer
SHAPES = {"w": (3, 4), "b": (4,)}
STEPS = 6
FLOAT32 = 2e-6
"""Paddle's kernels hold settings as float32: 6e-8 of each, and eps beside small numbers weighs more; so do torch's
NAdam and ASGD with what they keep between steps."""

TORCH: dict[str, Callable[[list[Any]], Any]] = {
    "SGD": lambda p: T.SGD(p, lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.1),
    "SGD nesterov": lambda p: T.SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True),
    "Adam": lambda p: T.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1),
    "AdamW in groups": lambda p: T.AdamW(
        [{"params": p[:1], "lr": 0.2}, {"params": p[1:], "weight_decay": 0.0}], lr=0.1
    ),
    "Adamax": lambda p: T.Adamax(p, lr=0.1, weight_decay=0.1),
    "NAdam": lambda p: T.NAdam(p, lr=0.1, weight_decay=0.1, decoupled_weight_decay=True),
    "RAdam": lambda p: T.RAdam(p, lr=0.1, betas=(0.9, 0.99)),
    "Adagrad": lambda p: T.Adagrad(p, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.3),
    "Adadelta": lambda p: T.Adadelta(p, lr=0.7, rho=0.8),
    "RMSprop": lambda p: T.RMSprop(p, lr=0.1, momentum=0.5, eps=1e-3),
    "RMSprop centered": lambda p: T.RMSprop(p, lr=0.1, centered=True),
    "Rprop": lambda p: T.Rprop(p, lr=0.1, step_sizes=(1e-2, 0.3)),
    "ASGD": lambda p: T.ASGD(p, lr=0.1, lambd=0.1),
}
PADDLE: dict[str, Callable[[list[Any]], Any]] = {
    "SGD": lambda p: Q.SGD(0.1, parameters=p, weight_decay=paddle.regularizer.L1Decay(0.1)),
    "Momentum": lambda p: Q.Momentum(0.1, 0.9, parameters=p, use_nesterov=True, weight_decay=0.1),
    "Momentum in groups": lambda p: Q.Momentum(
        0.1, 0.9, [{"params": p[:1], "learning_rate": 0.5}, {"params": p[1:], "weight_decay": 0.3}], weight_decay=0.1
    ),
    "Adam": lambda p: Q.Adam(0.1, parameters=p, weight_decay=0.1, amsgrad=True),
    "AdamW in groups": lambda p: Q.AdamW(
        0.1, parameters=[{"params": p[:1], "learning_rate": 2.0}, {"params": p[1:], "weight_decay": 0.0}]
    ),
    "AdamW without decay of b": lambda p: Q.AdamW(
        0.1, parameters=p, weight_decay=0.3, apply_decay_param_fun=lambda name: name == p[0].name
    ),
    "Adamax": lambda p: Q.Adamax(0.1, parameters=p),
    "NAdam": lambda p: Q.NAdam(0.1, parameters=p, weight_decay=0.1),
    "RAdam": lambda p: Q.RAdam(0.1, beta2=0.99, parameters=p),
    "Adagrad": lambda p: Q.Adagrad(0.1, parameters=p, initial_accumulator_value=0.3),
    "Adadelta": lambda p: Q.Adadelta(0.7, rho=0.8, parameters=p),
    "RMSProp": lambda p: Q.RMSProp(0.1, momentum=0.5, epsilon=1e-3, parameters=p),
    "RMSProp centered": lambda p: Q.RMSProp(0.1, centered=True, parameters=p),
    "Rprop": lambda p: Q.Rprop(0.1, (1e-2, 0.3), p),
    "ASGD": lambda p: Q.ASGD(0.1, 3, p, weight_decay=0.1),
    "Lamb": lambda p: Q.Lamb(0.1, parameters=p, lamb_weight_decay=0.02),
    "clipped to a norm of all": lambda p: Q.SGD(0.1, parameters=p, grad_clip=paddle.nn.ClipGradByGlobalNorm(0.5)),
    "clipped to a norm of each": lambda p: Q.Adam(0.1, parameters=p, grad_clip=paddle.nn.ClipGradByNorm(0.5)),
    "clipped to values": lambda p: Q.SGD(0.1, parameters=p, grad_clip=paddle.nn.ClipGradByValue(0.2)),
    "clipped in groups": lambda p: Q.SGD(
        0.1, [{"params": p[:1]}, {"params": p[1:]}], grad_clip=paddle.nn.ClipGradByGlobalNorm(0.5)
    ),
}


def gradients() -> list[dict[str, Any]]:
    draw = np.random.default_rng(1)
    return [{name: draw.normal(size=shape) for name, shape in SHAPES.items()} for _ in range(STEPS)]


def apart(framework: str, make: Callable[[list[Any]], Any], tensors: dict[str, Any], give: Any) -> float:
    """How far the rules' weights end from the framework's, relative to the way that these went."""
    lab = importlib.import_module(f"nlblocks_{framework}.lab.optimisers")
    start = {name: np.array(tensor.detach().numpy()) for name, tensor in tensors.items()}
    made = make(list(tensors.values()))
    names = {id(tensor): name for name, tensor in tensors.items()}
    told: list[dict[str, Any]] = []
    for step in gradients():
        for name, tensor in tensors.items():
            give(tensor, step[name])
        told.append({})
        with lab.stepping(lambda found: told[-1].update({names[id(p)]: settings for p, settings in found})):
            made.step()
        assert set(told[-1]) == set(SHAPES)
    found = replayed(start, told, gradients())[-1]
    ends = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    return max(np.abs(found[n] - ends[n]).max() / np.abs(ends[n] - start[n]).max() for n in SHAPES)


@pytest.mark.parametrize("name", TORCH)
def test_the_rules_are_torchs(name: str) -> None:
    draw = np.random.default_rng(0)
    tensors = {n: torch.nn.Parameter(torch.tensor(draw.normal(size=shape))) for n, shape in SHAPES.items()}

    def give(tensor: Any, gradient: Any) -> None:
        tensor.grad = torch.tensor(gradient)

    assert apart("torch", TORCH[name], tensors, give) < (FLOAT32 if name in ("NAdam", "ASGD") else 1e-12)


@pytest.mark.parametrize("name", PADDLE)
def test_the_rules_are_paddles(name: str) -> None:
    draw = np.random.default_rng(0)
    before = paddle.get_default_dtype()
    paddle.set_default_dtype("float64")
    try:
        tensors = {n: paddle.create_parameter(list(shape), "float64") for n, shape in SHAPES.items()}
        for tensor in tensors.values():
            tensor.set_value(draw.normal(size=tensor.shape))

        def give(tensor: Any, gradient: Any) -> None:
            tensor.clear_gradient(False)
            (tensor * paddle.to_tensor(gradient)).sum().backward()

        assert apart("paddle", PADDLE[name], tensors, give) < FLOAT32
    finally:
        paddle.set_default_dtype(before)
