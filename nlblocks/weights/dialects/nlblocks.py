"""This library's own names: canonical states are recognised in files, and written for any backend to load."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec, block_types
from nlblocks.weights.dialects.base import Dialect, Table


def _table(spec: BlockSpec) -> Table:
    return {param.name: param.name for param in spec.params()}


DIALECT = Dialect(
    name="nlblocks",
    source="nlblocks, canonical names",
    classes=dict(block_types()),
    tables=dict.fromkeys(block_types().values(), _table),
)
