"""Models of one structure whose tensors have no name in common, in torch and in Paddle: to be converted by pairing."""

from __future__ import annotations

from typing import Any

import paddle
import torch
from paddle import nn as pnn
from torch import nn


def stirred(model: Any, seed: int = 0) -> Any:
    """A torch model whose every tensor is distinct, as after training; in evaluation."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.fill_(7)
            elif name.endswith("running_var"):
                tensor.copy_(torch.rand(tensor.shape, generator=draw) + 0.5)
            elif tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=draw) * 0.3)
    return model.eval()


class _TorchCell(nn.Module):
    """Grouped bottleneck with squeeze and excitation, as in RegNet."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c))
        self.conv2 = nn.Sequential(nn.Conv2d(c, c, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(c))
        self.se = nn.ModuleDict({"fc1": nn.Conv2d(c, 2, 1), "fc2": nn.Conv2d(2, c, 1)})

    def forward(self, x: Any) -> Any:
        y = torch.relu(self.conv2(torch.relu(self.conv1(x))))
        return x + y * torch.sigmoid(self.se["fc2"](torch.relu(self.se["fc1"](y.mean((2, 3), keepdim=True)))))


class TorchRegNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, bias=False)
        self.s1 = nn.Sequential(*(_TorchCell(8) for _ in range(3)))
        self.head = nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        return self.head(self.s1(self.stem(x)).mean((2, 3)))


class _PaddleCell(pnn.Layer):
    def __init__(self, c: int) -> None:
        super().__init__()
        self._reduce, self._bn_a = pnn.Conv2D(c, c, 1, bias_attr=False), pnn.BatchNorm2D(c)
        self._spread, self._bn_b = pnn.Conv2D(c, c, 3, padding=1, groups=2, bias_attr=False), pnn.BatchNorm2D(c)
        self._squeeze, self._excite = pnn.Conv2D(c, 2, 1), pnn.Conv2D(2, c, 1)

    def forward(self, x: Any) -> Any:
        f = pnn.functional
        y = f.relu(self._bn_b(self._spread(f.relu(self._bn_a(self._reduce(x))))))
        return x + y * f.sigmoid(self._excite(f.relu(self._squeeze(y.mean([2, 3], keepdim=True)))))


class PaddleRegNet(pnn.Layer):
    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        self.entry = pnn.Conv2D(3, 8, 3, bias_attr=False)
        self.layers_a, self.layers_b, self.layers_c = _PaddleCell(8), _PaddleCell(8), _PaddleCell(8)
        self.layers_b._bn_a._epsilon = eps
        self.fc = pnn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        return self.fc(self.layers_c(self.layers_b(self.layers_a(self.entry(x)))).mean([2, 3]))


def paddle_regnet_with_another_eps() -> Any:
    return PaddleRegNet(eps=0.1)


class TorchDenseNet(nn.Module):
    """Each layer takes all that was made before; two of them are of one shape."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(3 + 4 * i) for i in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(3 + 4 * i, 4, 3, padding=1, bias=False) for i in range(3))
        self.classifier = nn.Linear(15, 5)

    def forward(self, x: Any) -> Any:
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = torch.cat([x, conv(torch.relu(norm(x)))], 1)
        return self.classifier(x.mean((2, 3)))


class PaddleDenseNet(pnn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.block = pnn.LayerList()
        for i in range(3):
            bn, conv = pnn.BatchNorm2D(3 + 4 * i), pnn.Conv2D(3 + 4 * i, 4, 3, padding=1, bias_attr=False)
            self.block.append(pnn.LayerDict({"bn": bn, "unit": conv}))
        self.out = pnn.Linear(15, 5)

    def forward(self, x: Any) -> Any:
        for part in self.block:
            x = paddle.concat([x, part["unit"](pnn.functional.relu(part["bn"](x)))], 1)
        return self.out(x.mean([2, 3]))


class TorchEncoder(nn.Module):
    """Fused projections, a norm over two axes, a table that is tied to the layer behind, a GRU, and an index."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(9, 6)
        self.qkv, self.norm = nn.Linear(6, 18), nn.LayerNorm((4, 6))
        self.rnn = nn.GRU(6, 6, batch_first=True)
        self.lm_head = nn.Linear(6, 9, bias=False)
        self.lm_head.weight = self.emb.weight
        self.register_buffer("place", torch.arange(4))

    def forward(self, ids: Any) -> Any:
        q, k, v = self.qkv(self.norm(self.emb(ids))).chunk(3, -1)
        return self.lm_head(self.rnn(torch.softmax(q @ k.transpose(1, 2), -1) @ v)[0])


class PaddleEncoder(pnn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.table = pnn.Embedding(9, 6)
        self.query, self.key, self.value = pnn.Linear(6, 6), pnn.Linear(6, 6), pnn.Linear(6, 6)
        self.before = pnn.LayerNorm([4, 6])
        self.recurrent = pnn.GRU(6, 6)

    def forward(self, ids: Any) -> Any:
        x = self.before(self.table(ids))
        q, k, v = self.query(x), self.key(x), self.value(x)
        y = self.recurrent(pnn.functional.softmax(q @ k.transpose([0, 2, 1]), -1) @ v)[0]
        return y @ self.table.weight.T
