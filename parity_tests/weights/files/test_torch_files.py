"""What torch.save can write beside a plain state dict: read bit for bit, or refused with advice."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import pytest

from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol(tmp_path: Path, require: Any, new_format: bool, protocol: int) -> None:
    require("torch")
    import torch

    value = torch.arange(6.0).reshape(2, 3)
    path = tmp_path / "model.pth"
    torch.save({"w": value}, path, _use_new_zipfile_serialization=new_format, pickle_protocol=protocol)
    found = open_checkpoint(path)
    assert found.format == ("torch" if new_format else "torch (old)")
    assert found["w"].tobytes() == value.numpy().tobytes()


@pytest.mark.parametrize("new_format", [True, False])
def test_what_is_not_stored_as_it_is_comes_with_advice(tmp_path: Path, require: Any, new_format: bool) -> None:
    require("torch")
    import torch

    complex_ = torch.tensor([1 + 2j, 3 - 4j])
    path = tmp_path / "model.pth"
    for value, advice in (
        (complex_.conj(), "resolve_conj"),
        (complex_.conj().imag, "resolve_neg"),
        (torch.ones(1).expand(3), "contiguous"),
        (torch.eye(3).to_sparse(), "to_dense"),
        (torch.empty(3, device="meta"), "have values"),
    ):
        torch.save({"w": value}, path, _use_new_zipfile_serialization=new_format)
        with pytest.raises(InputError, match=advice):
            open_checkpoint(path)


def test_the_counter_of_a_schedule_is_read(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch

    content = {"model": {"w": torch.ones(2)}, "lr": {"milestones": collections.Counter([3, 3, 5])}}
    torch.save(content, tmp_path / "model.pth")
    found = open_checkpoint(tmp_path / "model.pth")
    assert (list(found), found.others) == (["w"], {"lr.milestones.3": 2, "lr.milestones.5": 1})
