"""Pairs of optimisers by name: each side is called with the model's parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from paddle import optimizer as popt
from paddle.optimizer import lr
from torch import optim as topt

Maker = Callable[[Any], Any]


class DecayedSGD(topt.SGD):
    """SGD whose learning rate falls to nothing in four steps; each step moves the schedule."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, lr=0.1)
        self.schedule = torch.optim.lr_scheduler.PolynomialLR(self, total_iters=4, power=1.0)

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        if hasattr(self, "schedule"):
            self.schedule.step()
        return loss


class DecayedPaddleSGD(popt.SGD):
    """The same with PolynomialDecay, whose end is 1e-4 unless it is told."""

    def __init__(self, parameters: Any) -> None:
        self.schedule = lr.PolynomialDecay(0.1, decay_steps=4, power=1.0)
        super().__init__(self.schedule, parameters=parameters)

    def step(self) -> None:
        super().step()
        self.schedule.step()


OPTIMISERS: dict[str, tuple[Maker, Maker]] = {
    "SGD": (lambda p: topt.SGD(p, lr=0.1), lambda p: popt.SGD(0.1, parameters=p)),
    "momentum": (
        lambda p: topt.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2),
        lambda p: popt.Momentum(0.1, 0.9, parameters=p, weight_decay=1e-2),
    ),
    "Adam": (lambda p: topt.Adam(p, lr=1e-2), lambda p: popt.Adam(1e-2, parameters=p)),
    "AdamW": (
        lambda p: topt.AdamW(p, lr=1e-2, weight_decay=0.05),
        lambda p: popt.AdamW(1e-2, parameters=p, weight_decay=0.05),
    ),
    "RMSProp epsilon": (
        lambda p: topt.RMSprop(p, lr=1e-2, alpha=0.95, eps=1e-6),
        lambda p: popt.RMSProp(1e-2, rho=0.95, epsilon=1e-6, parameters=p),
    ),
    "clear_grad leaves zeros": (
        lambda p: topt.SGD(p, lr=0.1, momentum=0.9),
        lambda p: popt.Momentum(0.1, 0.9, parameters=p),
    ),
    "RMSProp defaults": (lambda p: topt.RMSprop(p, lr=1e-2), lambda p: popt.RMSProp(1e-2, parameters=p)),
    "polynomial decay": (DecayedSGD, DecayedPaddleSGD),
    "momentum 0.9 and 0.8": (
        lambda p: topt.SGD(p, lr=0.1, momentum=0.9),
        lambda p: popt.Momentum(0.1, 0.8, parameters=p),
    ),
    "Adam for AdamW": (
        lambda p: topt.AdamW(p, lr=1e-2, weight_decay=0.1),
        lambda p: popt.Adam(1e-2, parameters=p, weight_decay=0.1),
    ),
}
STEPS = 5
