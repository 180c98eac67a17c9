"""AttentionResNet in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks.backend import mirrored
from nlblocks.specs import attention_resnet
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import BatchNorm, max_pool


class AttentionResNet(Block):
    """ResNet-18 with one extra block: see :class:`nlblocks.specs.AttentionResNet`."""

    spec_type = specs.AttentionResNet
    spec: specs.AttentionResNet

    def __init__(self, spec: specs.AttentionResNet | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.stem = nn.Sequential(
            ("conv", nn.Conv2D(spec.in_channels, spec.width, 7, stride=2, padding=3)),
            ("norm", BatchNorm(spec.width, spec.norm)),
        )
        self.parts = tuple(spec.body())  # stage_1 to stage_4, and extra among them
        for name, part in spec.body().items():
            self.add_sublayer(name, _build(part, spec.norm))
        self.fc = nn.Linear(8 * spec.width, spec.num_classes)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, *, return_attention: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """x [B, C, H, W] → logits [B, num_classes], and with ``return_attention`` the maps by name, where there are."""
        self.check_input(x)
        maps: dict[str, Tensor] = {}
        x = F.relu(self.stem(x))  # [B, K, H/2, W/2]
        x = max_pool(x, (3, 3), stride=2, padding=1)  # [B, K, H/4, W/4]
        for name in self.parts:
            part = getattr(self, name)
            if name == "extra" and return_attention and self.spec.has_map:
                x, found = part(x, return_attention=True)
                found = found if isinstance(found, dict) else {"attention": found}
                maps = {self.spec.map_name(key): value for key, value in found.items()}
            else:
                x = part(x)  # after stage s: [B, K·2^(s-1), H/2^(s+1), W/2^(s+1)]
        logits = self.fc(x.mean([2, 3]))  # [B, num_classes]
        return (logits, maps) if return_attention else logits


class Residual(nn.Layer):
    """Two 3×3 convolutions beside a shortcut: see :class:`nlblocks.specs.attention_resnet.Residual`."""

    def __init__(self, spec: attention_resnet.Residual, norm: specs.BatchNorm) -> None:
        super().__init__()
        i, o, stride = spec.in_channels, spec.out_channels, spec.stride
        self.conv_1 = nn.Conv2D(i, o, 3, stride=stride, padding=1)
        self.norm_1 = BatchNorm(o, norm)
        self.conv_2 = nn.Conv2D(o, o, 3, padding=1)
        self.norm_2 = BatchNorm(o, norm)
        self.shortcut = nn.Conv2D(i, o, 1, stride=stride) if spec.has_shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        """x [B, I, H, W] → [B, O, ⌈H/stride⌉, ⌈W/stride⌉]."""
        y = F.relu(self.norm_1(self.conv_1(x)))
        y = self.norm_2(self.conv_2(y))
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


def _build(part: attention_resnet.Part, norm: specs.BatchNorm) -> nn.Layer:
    if isinstance(part, tuple):
        return nn.Sequential(*(Residual(block, norm) for block in part))
    if isinstance(part, attention_resnet.Residual):
        return Residual(part, norm)
    return mirrored("nlblocks_paddle", type(part).__name__)(part)
