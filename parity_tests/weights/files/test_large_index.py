"""A model of a terabyte in 200 shards: shown and planned by its headers alone."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest

from nlblocks.commands.files import convert, inspect
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.command_line import output_of
from parity_tests.helpers.hostile import bounded

SHARDS, TENSORS, EXTENT = 200, 3, 1 << 15


@pytest.mark.skipif(sys.platform == "win32", reason="files have no holes there unless they are asked for")
def test_no_value_is_touched(tmp_path: Path) -> None:
    size, places = 2 * EXTENT * EXTENT, {}
    for shard in range(SHARDS):
        rows = {
            f"layers.{shard}.{index}.fc.weight": {
                "dtype": "BF16", "shape": [EXTENT, EXTENT], "data_offsets": [index * size, (index + 1) * size],
            }
            for index in range(TENSORS)
        }  # fmt: skip
        places |= dict.fromkeys(rows, f"m-{shard}.safetensors")
        head = json.dumps({"__metadata__": {"format": "pt"}, **rows}).encode()
        with (tmp_path / f"m-{shard}.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(head)) + head)
            file.truncate(8 + len(head) + TENSORS * size)
    index = tmp_path / "m.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    with bounded():
        assert open_checkpoint(index).nbytes > 10**12
    assert f"{SHARDS * TENSORS} tensors, 1.29 TB" in output_of(inspect, index)
    said = output_of(convert, index, tmp_path / "m.pdparams", "--dry-run", "--as", "fc=linear")
    assert "layers.199.2.fc.weight" in said
    assert not (tmp_path / "m.pdparams").exists()
