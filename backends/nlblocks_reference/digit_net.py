"""DigitNet, layer by layer."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, dropout, linear, max_pool, relu
from nlblocks_reference.non_local import NonLocal
from nlblocks_reference.scope import Array, Scope


class DigitNet(Block):
    """Three conv stages with two NonLocal blocks: see :class:`nlblocks.specs.DigitNet`."""

    spec_type = specs.DigitNet

    @staticmethod
    def compute(spec: specs.DigitNet, p: Scope, x: Array) -> tuple[Array, Maps]:
        maps: Maps = {}
        for index, block in ((1, spec.nl_1), (2, spec.nl_2), (3, None)):
            stage = p(f"conv_{index}")
            x = relu(batch_norm(conv(x, stage("conv"), padding=1), stage("norm"), spec.norm))
            x = max_pool(x, (2, 2))
            if block is not None:
                x, inner = NonLocal.compute(block, p(f"nl_{index}"), x)
                maps[f"nl_{index}"] = inner["attention"]
        x = relu(linear(x.reshape(x.shape[0], spec.features), p("fc_1")))
        return linear(dropout(x, spec.dropout, p), p("fc_2")), maps
