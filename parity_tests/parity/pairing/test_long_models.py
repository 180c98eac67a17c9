"""Models of many layers are paired as short ones are, though not every two names are compared."""

from __future__ import annotations

import random

import pytest

from nlblocks.parity.pairing import align
from nlblocks.parity.pairing.align import in_order
from nlblocks.parity.pairing.names import likeness, likenesses, tokens
from nlblocks.parity.pairing.units import Ref, Unit


def units(count: int, name: str, widths: int = 5) -> list[Unit]:
    return [
        Unit(
            kind="conv", name=f"{name}.block{i // 4}.part{i % 4}", source=None, output=i,
            refs={"weight": Ref(f"{name}{i}.weight", None, False, (8 * (1 + i % widths), 8, 3, 3))},
        )
        for i in range(count)
    ]  # fmt: skip


def pairs(a: list[Unit], b: list[Unit], monkeypatch: pytest.MonkeyPatch, exact: int) -> dict[int, int]:
    monkeypatch.setattr(align, "EXACT", exact)
    return in_order(a, b, range(len(a)), range(len(b)), named=False)


@pytest.mark.parametrize("widths", [1, 3, 5])
@pytest.mark.parametrize("change", ["none", "first lacks", "last lacks", "some lack", "twice", "resized", "swapped"])
def test_near_the_best_order_the_same_pairs_are_found(
    change: str, widths: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = units(60, "backbone", widths), units(60, "trunk.enc", widths)
    drawn = random.Random(0)
    if change == "first lacks":
        b = b[5:]
    elif change == "last lacks":
        b = b[:-7]
    elif change == "some lack":
        b = [unit for unit in b if drawn.random() > 0.2]
    elif change == "twice":
        b = [again for unit in b for again in ([unit, unit] if drawn.random() < 0.1 else [unit])]
    elif change == "resized":
        b[20] = units(1, "other", 1)[0]
        b[40] = b[41]
    elif change == "swapped":
        b[10], b[12] = b[12], b[10]
    assert pairs(a, b, monkeypatch, 0) == pairs(a, b, monkeypatch, 10**9)


def test_two_thousand_layers_are_paired() -> None:
    a, b = units(2000, "backbone"), units(2000, "trunk.enc")
    assert in_order(a, b, range(2000), range(2000), named=False) == {i: i for i in range(2000)}


def test_names_of_many_layers_are_as_alike_as_those_of_few() -> None:
    left = ["body.0.conv.weight", "body.1.conv.weight", "head.fc.bias", "trunk.norm1.weight"]
    right = ["trunk.norm1.weight", "Body.0.Conv.weight", "body.10.conv.weight", "classifier.bias"]
    found = likenesses(left, right)
    for row, mine in zip(found, left, strict=True):
        assert [one == 1.0 for one in row] == [tokens(mine) == tokens(theirs) for theirs in right]
        one_by_one = [likeness(mine, theirs) for theirs in right]
        assert row.argmax() == max(range(len(right)), key=one_by_one.__getitem__)
