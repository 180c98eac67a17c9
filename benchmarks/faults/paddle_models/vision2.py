"""More of the same image networks: LayerNorm, branches, generators."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.paddle_models.layers import make


class ConvNeXtBlock(nn.Layer):
    def __init__(self, k: Knobs, c: int) -> None:
        super().__init__()
        self.dwconv = make(k, "dwconv", nn.Conv2D, c, c, 7, padding=3, groups=c)
        self.norm = make(k, "norm", nn.LayerNorm, c, epsilon=1e-6)
        self.pwconv1 = make(k, "pwconv1", nn.Linear, c, 4 * c)
        self.act = make(k, "act", nn.GELU)
        self.pwconv2 = make(k, "pwconv2", nn.Linear, 4 * c, c)
        self.gamma = self.create_parameter([c], default_initializer=nn.initializer.Constant(1e-6))
        self.scaled = k("scaled", True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dwconv(x).transpose([0, 2, 3, 1])  # [B, H, W, C]
        y = self.pwconv2(self.act(self.pwconv1(self.norm(y))))
        y = y * self.gamma if self.scaled else y
        return x + y.transpose([0, 3, 1, 2])


class ConvNeXt(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        w, depth = 8, k("depth", 2)
        # The head and the last norm are defined first.
        self.fc = make(k, "fc", nn.Linear, 2 * w, 10)
        self.fc_norm = make(k, "fc_norm", nn.LayerNorm, 2 * w)
        self.stem = nn.Sequential(
            make(k, "stem.0", nn.Conv2D, 3, w, 4, stride=4),
            make(k, "stem.1", nn.LayerNorm, [w, 4, 4]),
        )
        self.stage = nn.Sequential(*(ConvNeXtBlock(k.at(f"stage.{i}"), w) for i in range(depth)))
        self.down = nn.Sequential(
            make(k, "down.0", nn.GroupNorm, 2, w),
            make(k, "down.1", nn.Conv2D, w, 2 * w, 2, stride=2),
        )
        self.norm_after_head = k("skip_final_norm", False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(self.stage(self.stem(x))).mean([-2, -1])
        return self.fc(x if self.norm_after_head else self.fc_norm(x))


class Inception(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.conv = make(k, "conv", nn.Conv2D, 3, 8, 3, padding=1)
        self.slope = k("slope", 0.1)
        # Defined in another order than they run.
        self.branch_pool = make(k, "branch_pool", nn.Conv2D, 8, 6, 1)
        self.branch3x3 = make(k, "branch3x3", nn.Conv2D, 8, 6, 3, padding=1)
        self.branch1x1 = make(k, "branch1x1", nn.Conv2D, 8, 6, 1)
        self.pool = make(k, "pool", nn.AvgPool2D, 3, stride=1, padding=1, exclusive=False)
        self.elu = make(k, "elu", nn.ELU, alpha=0.3)
        self.dense = make(k, "dense", nn.Conv2D, 18, 6, 3, padding=1)
        self.reduce = make(k, "reduce", nn.MaxPool2D, 2)
        self.fc = make(k, "fc", nn.Linear, 24 * 64, 10)
        self.branches = k("branches", (0, 1, 2))
        self.dense_first = k("dense_first", False)
        self.channels_last = k("channels_last_flatten", False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv(x), self.slope)
        found = [self.branch1x1(x), self.branch3x3(x), self.branch_pool(self.pool(x))]
        x = self.elu(paddle.concat([found[i] for i in self.branches], axis=1))
        x = paddle.concat([self.dense(x), x] if self.dense_first else [x, self.dense(x)], axis=1)
        x = self.reduce(x)
        return self.fc(paddle.flatten(x.transpose([0, 2, 3, 1]) if self.channels_last else x, 1))


class Generator(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        affine = {} if k("affine", True) else {"weight_attr": False, "bias_attr": False}
        self.fc = make(k, "fc", nn.Linear, 12, 16 * 4 * 4)
        self.deconv = make(k, "deconv", nn.Conv2DTranspose, 16, 16, 4, stride=2, padding=1)
        self.norm = make(k, "norm", nn.InstanceNorm2D, 16, **affine)
        self.leaky = make(k, "leaky", nn.LeakyReLU, 0.2)
        self.conv = make(k, "conv", nn.Conv2D, 16, 12, 3, padding=1, padding_mode="reflect")
        self.shuffle = make(k, "shuffle", nn.PixelShuffle, 2)
        self.prelu = make(k, "prelu", nn.PReLU, 3)
        self.to_rgb = make(k, "to_rgb", nn.Conv2D, 3, 3, 3, padding=1)
        self.spatial_first = k("spatial_first", False)
        self.bounded = k("bounded", True)
        self.groups = k("shuffle_order", "channels")

    def forward(self, z: Tensor) -> Tensor:
        x = self.fc(z)
        x = x.reshape([-1, 4, 4, 16]).transpose([0, 3, 1, 2]) if self.spatial_first else x.reshape([-1, 16, 4, 4])
        x = self.conv(self.leaky(self.norm(self.deconv(x))))
        if self.groups == "depth to space":  # the TensorFlow order: blocks first, then channels
            b, c, h, w = x.shape
            x = x.reshape([b, 2, 2, c // 4, h, w]).transpose([0, 3, 4, 1, 5, 2]).reshape([b, c // 4, 2 * h, 2 * w])
        else:
            x = self.shuffle(x)
        x = self.to_rgb(self.prelu(x))
        return F.tanh(x) if self.bounded else x
