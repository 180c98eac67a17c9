"""The same image attention blocks and recurrent networks as a Paddle user writes them."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.paddle_models.layers import make


class ChannelAttention(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.on_features = k("on_features", False)
        if not self.on_features:
            self.stem = make(k, "stem", nn.Conv2D, 3, 4, 3, padding=1)
        self.squeeze = make(k, "squeeze", nn.Linear, 4, 2)
        self.excite = make(k, "excite", nn.Linear, 2, 4)
        self.conv = make(k, "conv", nn.Conv2D, 2, 1, 3, padding=1, bias_attr=False)
        self.head = make(k, "head", nn.Conv2D, 4, 3, 1)
        self.maximum = k("maximum", "first")
        self.average_first = k("average_first", False)
        self.order = k("order", "channel, spatial")

    def _channel(self, x: Tensor) -> Tensor:
        mean = x.mean([2, 3])
        flat = x.flatten(2)  # [B, C, N]
        # The first of equal values gets the gradient, as with torch's max(dim).
        peak = paddle.take_along_axis(flat, flat.argmax(axis=2, keepdim=True), axis=2).squeeze(2)
        gate = F.sigmoid(self.excite(F.relu(self.squeeze(mean))) + self.excite(F.relu(self.squeeze(peak))))
        return x * gate.unsqueeze([2, 3])

    def _spatial(self, x: Tensor) -> Tensor:
        if self.maximum == "first":
            top = paddle.take_along_axis(x, x.argmax(axis=1, keepdim=True), axis=1)
        elif self.maximum == "amax":
            top = x.amax(axis=1, keepdim=True)
        else:
            top = x.max(axis=1, keepdim=True)
        mean = x.mean(axis=1, keepdim=True)
        return x * F.sigmoid(self.conv(paddle.concat([mean, top] if self.average_first else [top, mean], axis=1)))

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.on_features else F.relu(self.stem(x))
        x = self._channel(self._spatial(x)) if self.order == "spatial, channel" else self._spatial(self._channel(x))
        return self.head(x)


class PositionAttention(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        c = 8
        self.stem = make(k, "stem", nn.Conv2D, 3, c, 3, stride=2, padding=1)
        self.theta = make(k, "theta", nn.Conv2D, c, c // 2, 1)
        self.phi = make(k, "phi", nn.Conv2D, c, c // 2, 1)
        self.g = make(k, "g", nn.Conv2D, c, c, 1)
        self.gate = self.create_parameter([1], default_initializer=nn.initializer.Constant(0.0))
        self.head = make(k, "head", nn.Conv2D, c, 3, 3, padding=1)
        self.axis, self.scale = k("axis", -1), k("scale", 1.0)
        self.swapped, self.transposed = k("swapped", False), k("transposed", True)
        self.gated, self.residual = k("gated", True), k("residual", True)
        self.divided = k("divided_by_positions", False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        b, c, h, w = x.shape
        theta, phi = self.theta(x).flatten(2), self.phi(x).flatten(2)  # [B, D, N]
        if self.swapped:
            theta, phi = phi, theta
        affinity = paddle.matmul(theta, phi, transpose_x=True) * self.scale  # [B, N, N]
        affinity = affinity / (h * w) if self.divided else F.softmax(affinity, axis=self.axis)
        y = paddle.matmul(self.g(x).flatten(2), affinity, transpose_y=self.transposed).reshape([b, c, h, w])
        y = self.gate * y if self.gated else y
        return self.head(y + x if self.residual else y)


class LSTMClassifier(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        both = k("bidirectional", False)
        self.cell = k("cell", "LSTM")
        recurrent = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.SimpleRNN}[self.cell]
        self.time_major = k("time_major", False)
        self.embed = make(k, "embed", nn.Embedding, 20, 8, padding_idx=k("padding_idx", None))
        self.lstm = make(
            k, "lstm", recurrent, 8, 8, num_layers=k("layers", 2), direction="bidirect" if both else "forward",
            time_major=self.time_major,
        )  # fmt: skip
        self.hidden = make(k, "hidden", nn.Linear, 16 if both else 8, 8)
        self.dropout = make(k, "dropout", nn.Dropout, k("p", 0.0))
        self.output = make(k, "output", nn.Linear, 8, 3)
        self.step, self.reversed = k("step", -1), k("reversed", False)
        self.act = k("act", "relu")
        self.always_drop = k("dropout_always", 0.0)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        x = x.flip(axis=[1]) if self.reversed else x
        y, states = self.lstm(x)
        if self.step == "state":
            last = states[0][-1] if self.cell == "LSTM" else states[-1]  # [B, D]
        else:
            last = y.mean(axis=1) if self.step == "mean" else y[:, self.step]
        x = getattr(F, self.act)(self.hidden(last)) if self.act else self.hidden(last)
        if self.always_drop:
            x = F.dropout(x, self.always_drop)  # training=True is the function's default
        return self.output(self.dropout(x))
