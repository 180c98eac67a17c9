"""The small models that the lab's tests compare, in torch and in Paddle, right but for what a test asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nlblocks import parity

SHAPE = (4, 3, 9, 9)
ACCEPT = ("batch_norm.variance",)  # both frameworks' own BatchNorm: they keep different running variances
DEEP_SHAPE = (4, 3, 12, 12)


def compare(left: Any, right: Any, shape: Any = SHAPE, **options: Any) -> Any:
    """The lab's report, with the two frameworks' variances accepted."""
    return parity.compare(left, right, shape, **{"accept": ACCEPT, **options})


def same(x: Any) -> Any:
    return x


def torch_net(
    eps: float = 1e-5, slope: float = 0.1, residual: bool = True, p: float = 0.0, between: Callable[[Any], Any] = same
) -> Any:
    """A stem with a BatchNorm, a convolution and dropout beside a residual, and a Linear."""
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 3, padding=1)
            self.norm = nn.BatchNorm2d(4, eps=eps, track_running_stats=True)
            self.act = nn.LeakyReLU(slope, inplace=True)
            self.conv = nn.Conv2d(4, 4, 3, padding=1)
            self.drop = nn.Dropout(p)
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            x = self.act(self.norm(between(self.stem(x))))
            y = self.drop(self.conv(x))
            return self.fc((x + y if residual else y).mean((2, 3)))

    return Net()


def paddle_net(
    eps: float = 1e-5, slope: float = 0.1, residual: bool = True, p: float = 0.0, momentum: float = 0.9, out: int = 4
) -> Any:
    """The same under other names, defined in another order."""
    from paddle import nn

    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, out)
            self.conv1 = nn.Conv2D(3, 4, 3, padding=1)
            self.bn1 = nn.BatchNorm2D(4, epsilon=eps, momentum=momentum)
            self.relu = nn.LeakyReLU(slope)
            self.conv2 = nn.Conv2D(4, 4, 3, padding=1)
            self.drop = nn.Dropout(p)

        def forward(self, x: Any) -> Any:
            x = self.relu(self.bn1(self.conv1(x)))
            y = self.drop(self.conv2(x))
            return self.head((x + y if residual else y).mean([2, 3]))

    return Net()


def torch_deep() -> Any:
    """Three residual units behind a stem, then pooling, dropout and a Linear: room for several faults."""
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 6, 3, padding=1)
            self.norms = nn.ModuleList(nn.BatchNorm2d(6) for _ in range(3))
            self.acts = nn.ModuleList(nn.LeakyReLU(0.1, inplace=True) for _ in range(3))
            self.convs = nn.ModuleList(nn.Conv2d(6, 6, 3, padding=1) for _ in range(3))
            self.pool = nn.AvgPool2d(3, 2, 1)
            self.drop = nn.Dropout(0.25)
            self.fc = nn.Linear(6, 5)

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            for norm, act, conv in zip(self.norms, self.acts, self.convs, strict=True):
                x = x + conv(act(norm(x)))
            return self.fc(self.drop(self.pool(x).mean((2, 3))))

    return Net()


def paddle_deep(
    eps: tuple[float, ...] = (1e-5,) * 3, slope: tuple[float, ...] = (0.1,) * 3, momentum: float = 0.9,
    p: float = 0.25, gelu: int = -1, residual: bool = True, exclusive: bool = False, mode: Any = "upscale_in_train",
    detached: bool = False,
) -> Any:  # fmt: skip
    from paddle import nn

    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2D(3, 6, 3, padding=1)
            self.norms = nn.LayerList([nn.BatchNorm2D(6, epsilon=e, momentum=momentum) for e in eps])
            self.acts = nn.LayerList([nn.GELU() if i == gelu else nn.LeakyReLU(s) for i, s in enumerate(slope)])
            self.convs = nn.LayerList([nn.Conv2D(6, 6, 3, padding=1) for _ in range(3)])
            self.pool = nn.AvgPool2D(3, 2, 1, exclusive=exclusive)
            self.drop = nn.Dropout(p, mode=mode)
            self.fc = nn.Linear(6, 5)

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            for i, (norm, act, conv) in enumerate(zip(self.norms, self.acts, self.convs, strict=True)):
                y = conv(act(norm(x)))
                x = (x.detach() if detached and i == 1 else x) + y if residual or i != 1 else y
            return self.fc(self.drop(self.pool(x).mean([2, 3])))

    return Net()


def torch_rows(depth: int = 1) -> Any:
    """Linear and Tanh, as often as asked, on [N, 4]."""
    from torch import nn

    return nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(depth)], nn.Linear(4, 2))


def paddle_rows(depth: int = 1, wrong: int = -1, out: int = 2) -> Any:
    """The same, with a ReLU in the layer that is ``wrong``."""
    from paddle import nn

    acts = [nn.ReLU() if i == wrong else nn.Tanh() for i in range(depth)]
    return nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), act) for act in acts], nn.Linear(4, out))
