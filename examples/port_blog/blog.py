"""The networks of the Paddle blog on non-local attention, as an article writes them: Paddle, and nothing of nlblocks.

Written from the article's description, with its names. Its affinity relates channels, not positions: see
``nlblocks.specs.ChannelAffinity``.
"""

import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class EmbeddedGaussion(nn.Layer):
    """Affinity of two embeddings, with a bottleneck of half the channels."""

    def __init__(self, shape):
        super().__init__()
        channels = shape[1]
        self.theta = nn.Conv2D(channels, channels // 2, 1)
        self.phi = nn.Conv2D(channels, channels // 2, 1)
        self.g = nn.Conv2D(channels, channels // 2, 1)
        self.conv = nn.Conv2D(channels // 2, channels, 1)
        # starts as the identity
        self.bn = nn.BatchNorm2D(channels, weight_attr=paddle.ParamAttr(initializer=nn.initializer.Constant(0)))

    def forward(self, x):
        theta = paddle.flatten(self.theta(x), start_axis=2, stop_axis=-1)
        phi = paddle.flatten(self.phi(x), start_axis=2, stop_axis=-1)
        g = paddle.flatten(self.g(x), start_axis=2, stop_axis=-1)
        affinity = F.softmax(paddle.matmul(theta, paddle.transpose(phi, perm=[0, 2, 1])), axis=-1)
        y = paddle.matmul(affinity, g)
        y = paddle.reshape(y, [x.shape[0], -1, x.shape[2], x.shape[3]])
        return self.bn(self.conv(y)) + x


class EmbeddedGaussionNoBottleNeck(nn.Layer):
    """The same without the bottleneck."""

    def __init__(self, shape):
        super().__init__()
        channels = shape[1]
        self.theta = nn.Conv2D(channels, channels, 1)
        self.phi = nn.Conv2D(channels, channels, 1)
        self.g = nn.Conv2D(channels, channels, 1)
        self.conv = nn.Conv2D(channels, channels, 1)
        self.bn = nn.BatchNorm2D(channels)

    def forward(self, x):
        b, c, h, w = x.shape
        theta = self.theta(x).reshape([b, c, -1])
        phi = self.phi(x).reshape([b, c, -1])
        g = self.g(x).reshape([b, c, -1])
        affinity = F.softmax(paddle.bmm(theta, phi.transpose([0, 2, 1])), axis=-1)
        y = paddle.bmm(affinity, g).reshape([b, c, h, w])
        return self.bn(self.conv(y)) + x


class VanillaGaussion(nn.Layer):
    """The affinity of the input with itself."""

    def __init__(self, shape):
        super().__init__()
        channels = shape[1]
        self.g = nn.Conv2D(channels, channels, 1)
        self.conv = nn.Conv2D(channels, channels, 1)
        self.bn = nn.BatchNorm2D(channels)

    def forward(self, x):
        theta = paddle.flatten(x, start_axis=2)
        g = paddle.flatten(self.g(x), start_axis=2)
        affinity = F.softmax(paddle.matmul(theta, theta, transpose_y=True), axis=-1)
        y = paddle.matmul(affinity, g).reshape(x.shape)
        return self.bn(self.conv(y)) + x


class DotProduction(nn.Layer):
    """No softmax: the dot product, divided by the height."""

    def __init__(self, shape):
        super().__init__()
        channels = shape[1]
        self.theta = nn.Conv2D(channels, channels // 2, 1)
        self.phi = nn.Conv2D(channels, channels // 2, 1)
        self.g = nn.Conv2D(channels, channels // 2, 1)
        self.conv = nn.Conv2D(channels // 2, channels, 1)
        self.bn = nn.BatchNorm2D(channels)

    def forward(self, x):
        theta = paddle.flatten(self.theta(x), start_axis=2)
        phi = paddle.flatten(self.phi(x), start_axis=2)
        g = paddle.flatten(self.g(x), start_axis=2)
        affinity = paddle.matmul(theta, phi.transpose(perm=[0, 2, 1])) / x.shape[2]
        y = paddle.reshape(paddle.matmul(affinity, g), [0, -1, *x.shape[2:]])
        return self.bn(self.conv(y)) + x


class Residual(nn.Layer):
    """Two convolutions beside a shortcut."""

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2D(in_channels, out_channels, 3, stride=stride, padding=1),
            nn.BatchNorm2D(out_channels),
            nn.ReLU(),
            nn.Conv2D(out_channels, out_channels, 3, stride=1, padding=1),
            nn.BatchNorm2D(out_channels),
        )
        if stride != 1 or in_channels != out_channels:
            self.model_1x1 = nn.Sequential(nn.Conv2D(in_channels, out_channels, 1, stride=stride))
        else:
            self.model_1x1 = nn.Sequential()

    def forward(self, x):
        return F.relu(self.model(x) + self.model_1x1(x))


class ResNetBlock(nn.Layer):
    """A stage; all but the first halve the extents."""

    def __init__(self, in_channels, out_channels, num_residuals, is_first=False):
        super().__init__()
        blocks = []
        for i in range(num_residuals):
            if i == 0 and not is_first:
                blocks.append(Residual(in_channels, out_channels, stride=2))
            else:
                blocks.append(Residual(in_channels if i == 0 else out_channels, out_channels))
        self.model = nn.Sequential(*blocks)

    def forward(self, x):
        return self.model(x)


class ResNet(nn.Layer):
    """The baseline: a third residual block stands where the others have attention."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2D(3, 64, 7, stride=2, padding=3),
            nn.BatchNorm2D(64),
            nn.ReLU(),
            nn.MaxPool2D(kernel_size=3, stride=2, padding=1),
            ResNetBlock(64, 64, 2, is_first=True),
            ResNetBlock(64, 128, 2),
            ResNetBlock(128, 256, 3),
            ResNetBlock(256, 512, 2),
            nn.AdaptiveAvgPool2D(output_size=1),
            nn.Flatten(),
            nn.Linear(512, num_classes),
        )

    def forward(self, x):
        return self.model(x)


class ResNetNonLocal(nn.Layer):
    """The baseline with attention after its third stage."""

    def __init__(self, num_classes=10, block=EmbeddedGaussion):
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2D(3, 64, 7, stride=2, padding=3),
            nn.BatchNorm2D(64),
            nn.ReLU(),
            nn.MaxPool2D(kernel_size=3, stride=2, padding=1),
            ResNetBlock(64, 64, 2, is_first=True),
            ResNetBlock(64, 128, 2),
            ResNetBlock(128, 256, 2),
            block([-1, 256, 6, 6]),
            ResNetBlock(256, 512, 2),
            nn.AdaptiveAvgPool2D(output_size=1),
            nn.Flatten(),
            nn.Linear(512, num_classes),
        )

    def forward(self, x):
        return self.model(x)


def resnet_embedded_wide():
    return ResNetNonLocal(block=EmbeddedGaussionNoBottleNeck)


def resnet_vanilla():
    return ResNetNonLocal(block=VanillaGaussion)


def resnet_dot():
    return ResNetNonLocal(block=DotProduction)
