"""A codebase that holds a tensor under two names: both are read, must be equal, and are written back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.proof import sample
from nlblocks.specs import SqueezeExcitation
from nlblocks.weights import dialects
from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.dialects.base import Dialect
from nlblocks.weights.files import open_checkpoint, write_checkpoint
from nlblocks.weights.recognise import recognise
from parity_tests.helpers.tensors import all_bits, stored

SPEC = SqueezeExcitation(in_channels=6, ratio=2, bias=True)
TWICE = Dialect(
    name="twice",
    source="made up",
    classes={},
    tables={SqueezeExcitation: lambda spec: {"fc_1": "first", "fc_2": "second"}},
    linear_in_out=True,
    shared={SqueezeExcitation: lambda spec: {"again.first": "first", "scale": "second.weight"}},
)


def foreign_state() -> dict[str, np.ndarray]:
    return TWICE.from_canonical(SPEC, sample.random_state(SPEC, 0))


def test_both_names_are_written_and_read_back_bit_for_bit() -> None:
    state, foreign = sample.random_state(SPEC, 0), foreign_state()
    seconds = {"again.first.weight": "first.weight", "again.first.bias": "first.bias", "scale": "second.weight"}
    assert TWICE.seconds(SPEC) == seconds
    assert set(foreign) == {"first.weight", "first.bias", "second.weight", "second.bias"} | set(seconds)
    for second, first in seconds.items():
        assert foreign[second].tobytes() == foreign[first].tobytes()
        assert not np.shares_memory(foreign[second], foreign[first])
    back = TWICE.to_canonical(SPEC, foreign)
    assert {name: array.tobytes() for name, array in back.items()} == {n: a.tobytes() for n, a in state.items()}


def test_unequal_and_missing_second_tensors_are_said_in_one_line() -> None:
    foreign = foreign_state()
    foreign["scale"][0, 0] += 1
    del foreign["again.first.bias"]
    with pytest.raises(InputError) as caught:
        TWICE.to_canonical(SPEC, foreign)
    assert str(caught.value) == (
        "dialect twice, SqueezeExcitation: again.first.bias is missing; "
        "scale is not equal to second.weight, with which it is shared"
    )


def test_a_file_with_shared_tensors_is_recognised_and_converted_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(dialects._DIALECTS, "twice", TWICE)
    tensors = {f"net.se.{name}": stored(array) for name, array in foreign_state().items()}
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    (block,) = recognise(shapes, ["twice"])
    assert (block.prefix, type(block.spec)) == ("net.se", SqueezeExcitation)
    assert not recognise({**shapes, "net.se.scale": (6, 3)}, ["twice"])
    assert not recognise({name: shape for name, shape in shapes.items() if name != "net.se.scale"}, ["twice"])

    write_checkpoint(
        tmp_path / "a.safetensors", {name[7:]: tensor for name, tensor in tensors.items()}, layout="paddle"
    )
    source = open_checkpoint(tmp_path / "a.safetensors")
    planned = plan(source.tensors, Options(source="paddle", target="torch", dialect="twice", spec=SPEC))
    assert set(planned.tensors) == {param.name for param in SPEC.params()}
    back = plan(planned.tensors, Options(source="torch", target="paddle", to_dialect="twice", spec=SPEC)).tensors
    assert all_bits(back) == {name[7:]: bits for name, bits in all_bits(tensors).items()}

    spoilt = {**source.tensors, "scale": source.tensors["second.weight"], "again.first.bias": stored(np.zeros(3))}
    with pytest.raises(InputError, match=r"again\.first\.bias is not equal to first\.bias, with which it is shared$"):
        plan(spoilt, Options(source="paddle", target="torch", dialect="twice", spec=SPEC))
