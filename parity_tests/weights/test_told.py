"""What inspect and convert tell in a line: the outermost blocks, and the tensors that were kept out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nlblocks import specs
from nlblocks.commands.files import convert, inspect
from nlblocks.init import initial_state
from nlblocks.weights.files import write_checkpoint
from parity_tests.helpers.command_line import output_of
from parity_tests.helpers.tensors import state, stored


def test_inspect_names_the_outermost_block_and_folds_what_is_inside(tmp_path: Path) -> None:
    blocks = {"head": specs.DualAttention(in_channels=16, num_classes=3), "gate": specs.CBAM(in_channels=16)}
    tensors = {
        f"{where}.{name}": array for where, spec in blocks.items() for name, array in initial_state(spec, 0).items()
    }
    write_checkpoint(tmp_path / "m.safetensors", {name: stored(array) for name, array in tensors.items()})
    lines = output_of(inspect, tmp_path / "m.safetensors", "--dialect", "nlblocks").partition("recognised blocks:")[2]
    found = [line.split(":")[0].strip() for line in lines.strip().splitlines()]
    assert found == ["at head", "at gate"]
    assert "its own blocks are at head.position, head.channel" in lines
    assert "its own blocks are at gate.channel, gate.spatial" in lines


def test_convert_says_what_it_kept_out_and_why(tmp_path: Path) -> None:
    norms = {f"{i}.{name}": np.ones(4) for i in range(5) for name in ("weight", "bias", "running_mean", "running_var")}
    counts = {f"{i}.num_batches_tracked": np.array(7) for i in range(5)}
    write_checkpoint(tmp_path / "m.pth", {name: stored(array) for name, array in (norms | counts).items()})
    said = output_of(convert, tmp_path / "m.pth", tmp_path / "m.pdparams")
    first = ", ".join(f"{i}.num_batches_tracked" for i in range(3))
    assert said.strip().endswith(f"5 kept out: {first} and 2 more (kept in the record)")


def test_convert_says_nothing_of_it_where_all_is_written(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "m.pth", state(fc__weight=(4, 3)))
    assert "kept out" not in output_of(convert, tmp_path / "m.pth", tmp_path / "m.pdparams")
