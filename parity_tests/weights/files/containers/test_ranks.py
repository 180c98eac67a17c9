"""Files of one rank with a part of each weight: refused where others lie beside; a shard of whole weights is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nlblocks.commands.files import convert
from nlblocks.weights.files import open_checkpoint, write_checkpoint
from parity_tests.helpers.command_line import call
from parity_tests.helpers.hostile import refused
from parity_tests.helpers.tensors import stored

ONE = {"fc.weight": stored(np.ones((2, 3), np.float32)), "fc.bias": stored(np.ones(2, np.float32))}


@pytest.mark.parametrize(("one", "other"), [
    ("mp_rank_00/model_optim_rng.pth", "mp_rank_01/model_optim_rng.pth"),
    ("mp_rank_00_model_states.pth", "mp_rank_01_model_states.pth"),
    ("zero_pp_rank_0_mp_rank_00_optim_states.pth", "zero_pp_rank_1_mp_rank_00_optim_states.pth"),
    ("model_state.tp00.pdparams", "model_state.tp01.pdparams"),
])  # fmt: skip
def test_one_rank_of_several_is_refused(tmp_path: Path, one: str, other: str) -> None:
    for name in (one, other):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_checkpoint(tmp_path / name, ONE)
    refused(tmp_path / one, "the part of one rank, of 2", "join them")
    (tmp_path / other).unlink()
    if (tmp_path / other).parent != tmp_path:
        (tmp_path / other).parent.rmdir()
    assert list(open_checkpoint(tmp_path / one)) == list(ONE)  # the only rank has the whole


def test_names_that_only_look_alike(tmp_path: Path) -> None:
    for name in ("http00.pth", "http01.pth", "step1.pth", "step2.pth"):
        write_checkpoint(tmp_path / name, ONE)
        assert list(open_checkpoint(tmp_path / name)) == list(ONE)


def test_a_shard_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model-00001-of-00003.safetensors"
    write_checkpoint(path, ONE)
    result = call(path, tmp_path / "m.pdparams", command=convert)
    assert "one of 3 shards" in result.output
    assert result.exit_code == 0
