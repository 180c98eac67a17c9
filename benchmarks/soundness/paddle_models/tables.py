"""The same models of graphs, tables and embeddings as a Paddle user writes them."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn


class UnbiasedBatchNorm1D(nn.BatchNorm1D):
    """BatchNorm1D whose running variance averages the unbiased estimate, as torch's does: a careful port."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        before = self._variance.clone()
        y = super().forward(x)
        with paddle.no_grad():
            biased = self._variance - self._momentum * before
            self._variance.set_value(self._variance + biased / (x.shape[0] - 1))
        return y


class VQ(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.enc, self.book, self.dec = nn.Conv2D(3, 4, 2, stride=2), nn.Embedding(6, 4), nn.Conv2DTranspose(4, 3, 2, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = self.enc(x).transpose([0, 2, 3, 1])
        flat, book = z.reshape([-1, 4]), self.book.weight
        away = flat.pow(2).sum(1, keepdim=True) - 2.0 * paddle.matmul(flat, book, transpose_y=True) + book.pow(2).sum(1)
        index = away.argmin(axis=1)
        q = self.book(index).reshape(z.shape)
        loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        q = z + (q - z).detach()
        return F.sigmoid(self.dec(q.transpose([0, 3, 1, 2]))), loss, index


class Quantised(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 8), nn.Linear(8, 4)
        self.step = self.create_parameter([1], default_initializer=nn.initializer.Constant(0.25))

    def quantise(self, x: Tensor, step: float) -> Tensor:
        y = paddle.clip(paddle.round(x / step), -7.0, 7.0) * step
        return x + (y - x).detach()

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(self.quantise(x, 0.25), self.quantise(self.fc1.weight, 0.125), self.fc1.bias)
        x = self.quantise(F.hardtanh(x, -1.0, 1.0), 0.25) * (1.0 + self.step.abs())
        spikes = (x > 0.25).astype(x.dtype)
        return self.fc2(x * spikes)


class GCN(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.lin1, self.lin2, self.out = nn.Linear(6, 8), nn.Linear(8, 8, bias_attr=False), nn.Linear(8, 3)

    def spread(self, x: Tensor, source: Tensor, target: Tensor) -> Tensor:
        total = paddle.index_add(paddle.zeros_like(x), target, 0, paddle.gather(x, source))
        ones = paddle.ones([len(target), 1], dtype=x.dtype)
        count = paddle.index_add(paddle.zeros([x.shape[0], 1], dtype=x.dtype), target, 0, ones)
        return total / count.clip(min=1.0)

    def forward(self, x: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        source, target = edges[0], edges[1]
        x = F.relu(self.lin1(x))
        x = x + F.elu(self.spread(self.lin2(x), source, target))
        return self.out(x.amax(axis=0)), F.normalize(x, axis=-1)


class DeepFM(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.embed = nn.Embedding(12, 1), nn.Embedding(12, 4)
        self.fc1, self.fc2 = nn.Linear(24, 8), nn.Linear(8, 1)
        self.bn = UnbiasedBatchNorm1D(8, momentum=0.875)
        self.drop = nn.Dropout(0.25)

    def forward(self, fields: Tensor) -> tuple[Tensor, Tensor]:
        e = self.embed(fields)
        pairs = 0.5 * (e.sum(1).pow(2) - e.pow(2).sum(1)).sum(1, keepdim=True)
        deep = self.fc2(self.drop(F.relu(self.bn(self.fc1(e.flatten(1))))))
        logit = (self.first(fields).sum(1) + pairs + deep).squeeze(1)
        target = (fields[:, 0] % 2).astype(logit.dtype)
        return F.sigmoid(logit), F.binary_cross_entropy_with_logits(logit, target)


class Triplet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 8), nn.Linear(8, 4)
        self.centres = self.create_parameter([3, 4], default_initializer=nn.initializer.Normal())

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Any]:
        e = F.normalize(self.fc2(F.softplus(self.fc1(x))), axis=1)
        like = paddle.matmul(e, e, transpose_y=True)
        same = labels.unsqueeze(1) == labels.unsqueeze(0)
        far = paddle.full_like(like, float("inf"))
        negative = paddle.where(same, -far, like).max(axis=1).clip(min=-2.0)
        positive = paddle.where(same, like, far).min(axis=1)
        margin = F.relu(negative - positive + 0.5).mean()
        scores = F.cosine_similarity(e.unsqueeze(1), self.centres.unsqueeze(0), axis=-1)
        return {"margin": margin, "scores": scores, "loss": F.cross_entropy(8.0 * scores, labels)}


class Reader(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.rnn, self.fc = nn.Conv2D(1, 4, 3, (2, 1), 1), nn.LSTM(16, 5), nn.Linear(5, 5)

    def forward(self, x: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu(self.conv(x))
        x, _ = self.rnn(x.transpose([0, 3, 1, 2]).flatten(2))
        y = self.fc(x)
        b, n, _ = y.shape
        lengths = paddle.full([b], n, dtype="int64"), paddle.full([b], text.shape[1], dtype="int64")
        loss = F.ctc_loss(y.transpose([1, 0, 2]), (text % 4 + 1).astype("int32"), *lengths, reduction="sum")
        return loss, F.log_softmax(y, axis=-1).argmax(-1)
