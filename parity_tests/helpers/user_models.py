"""Models as users write them, right and wrong, for the command line: ``parity_tests.helpers.user_models:name``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paddle
import torch

Forward = Callable[..., Any]


@dataclass
class Outputs:
    logits: Any
    extra: Any = None


class _Torch(torch.nn.Module):
    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.fc, self.forward_of = torch.nn.Linear(4, 3), forward

    def forward(self, x: Any) -> Any:
        return self.forward_of(self, x)


class _Paddle(paddle.nn.Layer):
    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.fc, self.forward_of = paddle.nn.Linear(4, 3), forward

    def forward(self, x: Any) -> Any:
        return self.forward_of(self, x)


def _pair(forward: Forward) -> tuple[Callable[[], Any], Callable[[], Any]]:
    return (lambda: _Torch(forward)), (lambda: _Paddle(forward))


def _raise(model: Any, x: Any) -> Any:
    raise ValueError("no such\nhead")


def _raise_in_training(model: Any, x: Any) -> Any:
    return _raise(model, x) if model.training else model.fc(x)


torch_one, paddle_one = _pair(lambda m, x: m.fc(x))
torch_inside, paddle_inside = _pair(lambda m, x: (m.fc(x),))
torch_two, paddle_two = _pair(lambda m, x: (m.fc(x), m.fc(x) * 2))
torch_dict, paddle_dict = _pair(lambda m, x: {"a": m.fc(x), "b": m.fc(x) * 2})
torch_turned, paddle_turned = _pair(lambda m, x: {"b": m.fc(x) * 2, "a": m.fc(x)})
torch_class, paddle_class = _pair(lambda m, x: Outputs(m.fc(x)))
torch_nothing, paddle_nothing = _pair(lambda m, x: None)
torch_raises, paddle_raises = _pair(_raise)
torch_raises_in_training, paddle_raises_in_training = _pair(_raise_in_training)
number = 5


def needs_an_argument(config: Any) -> Any:
    return config


def nothing() -> None:
    return None


def broken() -> Any:
    raise RuntimeError("two\nlines")


def interrupted() -> Any:
    raise KeyboardInterrupt


def torch_half() -> Any:
    return torch_one().half()


class TorchLoss(torch.nn.Module):
    """The mean squared distance from a target, by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(4, 3)

    def forward(self, x: Any, target: Any) -> Any:
        return ((self.fc(x) - target) ** 2).mean()


class PaddleLoss(paddle.nn.Layer):
    """The same, which lets no gradient through to the target."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = paddle.nn.Linear(4, 3)

    def forward(self, x: Any, target: Any) -> Any:
        return ((self.fc(x) - target.detach()) ** 2).mean()


class TorchTokens(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.fc = torch.nn.Embedding(10, 6), torch.nn.Linear(6, 3)

    def forward(self, ids: Any, mask: Any, *, scale: Any = None) -> Any:
        hidden = self.embed(ids) * mask.unsqueeze(-1)
        return self.fc((hidden if scale is None else hidden * scale).sum(1))


class PaddleTokens(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.fc = paddle.nn.Embedding(10, 6), paddle.nn.Linear(6, 3)

    def forward(self, ids: Any, mask: Any, *, scale: Any = None) -> Any:
        hidden = self.embed(ids) * mask.unsqueeze(-1)
        return self.fc((hidden if scale is None else hidden * scale).sum(1))


class PaddleOtherNames(PaddleTokens):
    def forward(self, tokens: Any, attention: Any) -> Any:
        return super().forward(tokens, attention)


def torch_sgd(parameters: Any) -> Any:
    return torch.optim.SGD(parameters, lr=0.1)


def paddle_sgd(parameters: Any) -> Any:
    return paddle.optimizer.SGD(0.1, parameters=parameters)


def no_optimiser(parameters: Any) -> None:
    return None
