"""ArticleDigitNet, layer by layer."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, dropout, linear, max_pool, relu
from nlblocks_reference.non_local import NonLocal
from nlblocks_reference.scope import Array, Scope


class ArticleDigitNet(Block):
    """Two convolutions with a NonLocal block between them: see :class:`nlblocks.specs.ArticleDigitNet`."""

    spec_type = specs.ArticleDigitNet

    @staticmethod
    def compute(spec: specs.ArticleDigitNet, p: Scope, x: Array) -> tuple[Array, Maps]:
        x = relu(conv(x, p("conv_1"), padding=1))
        maps: Maps = {}
        if spec.nl is not None:
            x, found = NonLocal.compute(spec.nl, p("nl"), x)
            maps["nl"] = found["attention"]
        x = max_pool(relu(conv(x, p("conv_2"), padding=1)), (2, 2))
        x = relu(linear(x.reshape(x.shape[0], spec.features), p("fc_1")))
        return linear(dropout(x, spec.dropout, p), p("fc_2")), maps
