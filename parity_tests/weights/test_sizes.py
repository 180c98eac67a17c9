"""The sizes of a block come out of a file's shapes, also where an extent follows from two of them."""

from __future__ import annotations

import nlblocks
from nlblocks.specs import BottleneckAttention
from nlblocks.weights.recognise import recognise


def found(spec: nlblocks.specs.BlockSpec, dialect: str) -> list[nlblocks.specs.BlockSpec]:
    rows = nlblocks.dialects.get(dialect).rows(spec)
    blocks = recognise({f"net.{name}": shape for name, shape in rows.values()}, [dialect])
    return [each for block in blocks if block.prefix == "net" for each in block.specs]


def test_tables_of_offsets_tell_the_size_of_the_map() -> None:
    """2H - 1 rows."""
    spec = BottleneckAttention(in_channels=30, map_size=(7, 9), heads=5, scale_position=True)
    assert [each.map_size for each in found(spec, "bottleneck_transformer_pytorch")] == [(7, 9)]


def test_every_pair_of_heads_and_widths_that_gives_the_channels_is_told() -> None:
    """Queries, keys and values in one tensor: G·(2D + V) = 3·(2·5 + 6) = 1·(10 + 38) = 2·(10 + 14) = 4·(10 + 2)."""
    spec = BottleneckAttention(in_channels=10, map_size=(4, 4), heads=3, key_channels=5, value_channels=6)
    specs = found(spec, "timm")
    assert spec in specs
    assert {(each.heads, each.value_channels) for each in specs} == {(1, 38), (2, 14), (3, 6), (4, 2)}


def test_a_codebase_of_square_maps_is_found_by_square_maps_alone() -> None:
    spec = BottleneckAttention(in_channels=6, map_size=(3, 3), heads=2, scale_position=True, projection="qk_v")
    assert {each.map_size for each in found(spec, "paddlevit")} == {(3, 3)}
    shapes = {f"net.{name}": shape for name, shape in nlblocks.dialects.get("paddlevit").rows(spec).values()}
    assert not recognise(shapes | {"net.pos_emb.rel_width": (7, 3)}, ["paddlevit"])
    assert not recognise(shapes | {"net.pos_emb.rel_height": (6, 3), "net.pos_emb.rel_width": (6, 3)}, ["paddlevit"])
