"""The pairing of two models is made once, checks its hint itself, and moves rows of fused layers there and back."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.parity.pairing.pair import Pairing, pair
from nlblocks.parity.tracing import Op, Trace, vocabulary

NAMES = ("q", "k", "v")


def layers(shapes: dict[str, tuple[int, ...]]) -> Trace:
    """Linear layers beside each other on one input."""
    found = Trace(framework="none", model="m", training=False, dtype="float64", origin={0: "input:0"})
    for index, (name, shape) in enumerate(shapes.items()):
        found.origin[1 + index] = f"parameter:{name}.weight"
        found.state[f"{name}.weight"] = vocabulary.Tensor(shape=shape, dtype="float64", trainable=True, buffer=False)
        found.ops.append(
            Op(index=index, kind="linear", name="linear", scope=name, leaf=True, inputs=(0, 1 + index),
               roles=("x", "weight"), outputs=(100 + index,), site=f"{name}:linear:1")
        )  # fmt: skip
    return found


def test_a_pairing_is_made_once() -> None:
    found = pair(layers({"a": (2, 3)}), layers({"b": (2, 3)}))
    for field in ("pairs", "left_only", "right_only", "unused", "ambiguous"):
        assert isinstance(getattr(found, field), tuple)
        with pytest.raises(FrozenInstanceError):
            setattr(found, field, ())
    unit, _ = found.pairs[0]
    with pytest.raises(FrozenInstanceError):
        unit.name = "c"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rename", "said"),
    [({"a.wieght": "b"}, "did you mean a.weight"), ({"a": "c"}, "nothing in the right model"), (["a"], "must be a")],
)
def test_a_hint_that_names_nothing_is_refused(rename: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        pair(layers({"a": (2, 3)}), layers({"b": (2, 3)}), rename)  # type: ignore[arg-type]


def test_a_hint_counts_more_than_names_and_order() -> None:
    both = {"a": (2, 3), "b": (2, 3)}
    assert pair(layers(both), layers(both)).names == {"a.weight": "a.weight", "b.weight": "b.weight"}
    found = pair(layers(both), layers(both), {"a": "b"})
    assert found.names == {"a.weight": "b.weight", "b.weight": "a.weight"}


def test_the_rows_of_a_fused_layer_move_there_and_back() -> None:
    fused, single = {"qkv": (12, 5)}, dict.fromkeys(NAMES, (4, 5))
    left = {"qkv.weight": np.arange(60.0).reshape(12, 5)}
    right = {f"{name}.weight": np.zeros((4, 5)) for name in NAMES}
    pairing = pair(layers(fused), layers(single))
    moved = pairing.moved(left, right)
    assert (np.concatenate([moved[f"{name}.weight"] for name in NAMES]) == left["qkv.weight"]).all()
    assert (pairing.mirrored(moved, left)["qkv.weight"] == left["qkv.weight"]).all()
    part = {name: value for name, value in moved.items() if name != "k.weight"}
    back = pairing.mirrored(part, left)
    assert not back.known["qkv.weight"][4:8].any()  # rows without a partner
    mine, theirs = back.beside("qkv.weight", left["qkv.weight"])
    assert mine.tolist() == theirs.tolist() == [*range(20), *range(40, 60)]
    back_again = pair(layers(single), layers(fused)).moved(moved, {"qkv.weight": np.zeros((12, 5))})
    assert (back_again["qkv.weight"] == left["qkv.weight"]).all()


def test_only_constant_tensors_are_made_random() -> None:
    pairing = pair(layers({"a": (2, 3), "b": (2, 3)}), layers({"a": (2, 3), "b": (2, 3)}))
    state = {"a.weight": np.zeros((2, 3)), "b.weight": np.arange(6.0).reshape(2, 3)}
    found = pairing.randomised(state, 0)
    assert len(np.unique(found["a.weight"])) == 6
    assert (found["a.weight"] == found["a.weight"].astype(np.float32)).all()
    assert found["b.weight"] is state["b.weight"]
    assert not state["a.weight"].any()


def test_no_pairs_is_a_pairing_too() -> None:
    assert Pairing().names == {}
    assert Pairing().moved({}, {"a": np.ones(1)}) == {"a": np.ones(1)}
