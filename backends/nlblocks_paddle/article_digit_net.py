"""ArticleDigitNet in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import max_pool
from nlblocks_paddle.non_local import NonLocal


class ArticleDigitNet(Block):
    """Two convolutions with a NonLocal block between them: see :class:`nlblocks.specs.ArticleDigitNet`."""

    spec_type = specs.ArticleDigitNet
    spec: specs.ArticleDigitNet

    def __init__(self, spec: specs.ArticleDigitNet | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.conv_1 = nn.Conv2D(spec.in_channels, spec.width, 3, padding=1)
        self.nl = None if spec.nl is None else NonLocal(spec.nl)
        self.conv_2 = nn.Conv2D(spec.width, 2 * spec.width, 3, padding=1)
        self.fc_1 = nn.Linear(spec.features, spec.hidden)
        self.dropout = nn.Dropout(spec.dropout)
        self.fc_2 = nn.Linear(spec.hidden, spec.num_classes)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, *, return_attention: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """x [B, C, S, S] → logits [B, num_classes], and with ``return_attention`` the map by block name."""
        self.check_input(x)
        x = F.relu(self.conv_1(x))  # [B, K, S, S]
        maps = {}
        if self.nl is not None:
            x, maps["nl"] = self.nl(x, return_attention=True)
        x = max_pool(F.relu(self.conv_2(x)), (2, 2))  # [B, 2K, S/2, S/2]
        x = F.relu(self.fc_1(x.flatten(1)))  # [B, hidden]
        logits = self.fc_2(self.dropout(x))  # [B, num_classes]
        return (logits, maps) if return_attention else logits
