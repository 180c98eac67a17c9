"""A kind is taken by the name that files have for it and by its class's name, and told by the first."""

from __future__ import annotations

from pathlib import Path

import pytest

import nlblocks
from nlblocks import specs
from nlblocks.errors import InputError
from parity_tests.helpers.command_line import call


@pytest.mark.parametrize("kind", nlblocks.kinds())
def test_a_class_name_is_a_kind(kind: str) -> None:
    cls = specs.spec_type(kind)
    assert specs.spec_type(cls.__name__) is cls


def test_a_spec_is_read_by_either_name_and_written_by_one() -> None:
    data = {"in_channels": 4, "norm": {"kind": "BatchNorm", "eps": 1e-3}}
    found = nlblocks.spec_from_dict({"kind": "NonLocal", **data})
    assert found == specs.NonLocal(in_channels=4, norm=specs.BatchNorm(eps=1e-3))
    assert (found.to_dict()["kind"], found.to_dict()["norm"]["kind"]) == ("non_local", "batch_norm")


def test_a_class_name_of_another_sort_is_none() -> None:
    with pytest.raises(InputError, match="is another spec; it must be 'non_local'"):
        specs.NonLocal.from_dict({"kind": "SqueezeExcitation", "in_channels": 16})
    with pytest.raises(InputError, match="kind='BatchNorm' is not a block"):
        specs.spec_type("BatchNorm")


@pytest.mark.parametrize(
    "words", ["show NonLocal", "show NonLocal --in-channels 8 --norm BatchNorm", "draw NonLocal --out block.svg"]
)
def test_commands_take_either(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found, plain = call(*words.split()), call(*words.replace("NonLocal", "non_local").split())
    assert (found.exit_code, found.output) == (0, plain.output)
