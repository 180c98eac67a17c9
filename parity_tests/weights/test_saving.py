"""A block and its spec in one file: written in one framework, loaded in another by one call."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks import specs
from nlblocks.errors import InputError
from nlblocks.specs.catalogue import EXAMPLES
from nlblocks.weights.files import open_checkpoint, write_checkpoint
from nlblocks.weights.files.checkpoint import notes_json
from parity_tests.helpers.tensors import stored


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pdparams"])
@pytest.mark.parametrize(
    "spec",
    [EXAMPLES[0], nlblocks.specs.DigitNet(), nlblocks.specs.SqueezeExcitation(in_channels=8, ratio=1)],
    ids=lambda spec: spec.kind,
)
def test_a_block_goes_from_one_framework_to_the_other(tmp_path: Path, require: Any, suffix: str, spec: Any) -> None:
    require("torch", "paddle")
    path = tmp_path / f"block{suffix}"
    for source, target in (("torch", "paddle"), ("paddle", "torch"), ("torch", "reference")):
        module = nlblocks.build(spec, backend=source, seed=3)
        nlblocks.save(module, path)
        loaded = nlblocks.load(path, backend=target)
        assert loaded.spec == spec
        before, after = nlblocks.state_of(module), nlblocks.state_of(loaded)
        assert set(before) == set(after)
        assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_the_dtype_of_a_block_is_kept(tmp_path: Path, require: Any, dtype: Any) -> None:
    require("torch")
    module = nlblocks.build(EXAMPLES[0], backend="torch", seed=1, dtype=dtype)
    nlblocks.save(module, tmp_path / "block.safetensors")
    assert {tensor.dtype.name for tensor in open_checkpoint(tmp_path / "block.safetensors").values()} == {dtype}
    loaded = nlblocks.load(tmp_path / "block.safetensors", backend="torch")
    states = module.state_dict(), loaded.state_dict()
    assert all(
        states[0][name].equal(states[1][name]) and states[1][name].dtype == states[0][name].dtype for name in states[0]
    )


def test_frameworks_load_a_saved_block_into_their_own_module(tmp_path: Path, require: Any) -> None:
    require("torch", "paddle")
    import paddle
    import torch

    spec = nlblocks.specs.DigitNet()
    source = nlblocks.build(spec, backend="torch", seed=5)
    nlblocks.save(source, tmp_path / "m.pth")
    nlblocks.save(source, tmp_path / "m.pdparams")
    module = nlblocks.build(spec, backend="torch", seed=0)
    module.load_state_dict(torch.load(tmp_path / "m.pth", weights_only=True), strict=True)
    layer = nlblocks.build(spec, backend="paddle", seed=0)
    assert layer.set_state_dict(paddle.load(str(tmp_path / "m.pdparams"))) == ([], [])
    expected = nlblocks.state_of(source)
    for other in (module, layer):
        assert all(np.array_equal(array, expected[name]) for name, array in nlblocks.state_of(other).items())


def test_load_says_what_is_missing(tmp_path: Path) -> None:
    spec = EXAMPLES[0]
    state = nlblocks.state_of(nlblocks.build(spec, backend="reference", dtype="float64"))
    with pytest.raises(InputError, match="needs its spec"):
        nlblocks.save(state, tmp_path / "m.safetensors")
    nlblocks.save(state, tmp_path / "m.safetensors", spec)
    write_checkpoint(tmp_path / "bare.pth", open_checkpoint(tmp_path / "m.safetensors"))
    with pytest.raises(InputError, match="carries no spec"):
        nlblocks.load(tmp_path / "bare.pth", backend="reference")
    assert nlblocks.load(tmp_path / "bare.pth", backend="reference", spec=spec).spec == spec
    with pytest.raises(InputError, match=re.escape("is missing")):
        nlblocks.load(tmp_path / "bare.pth", backend="reference", spec=nlblocks.specs.DigitNet())


def test_the_spec_in_a_file_is_checked(tmp_path: Path) -> None:
    state = {"a": stored(np.ones(2))}
    write_checkpoint(tmp_path / "m.safetensors", state, spec={"kind": "nonsense"})
    with pytest.raises(InputError, match="'nonsense' is unknown"):
        nlblocks.load(tmp_path / "m.safetensors", backend="reference")
    assert json.loads(notes_json({"kind": "x"}, {})) == {"spec": {"kind": "x"}}


@pytest.mark.parametrize("spec", ["non_local", specs.BatchNorm()])
def test_load_wants_the_spec_of_a_block(tmp_path: Path, spec: Any) -> None:
    write_checkpoint(tmp_path / "m.pth", {"w": stored(np.ones(1))})
    with pytest.raises(InputError, match="must be that of a block"):
        nlblocks.load(tmp_path / "m.pth", "reference", spec=spec)


def test_load_shows_names_and_the_spec_of_a_file_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    write_checkpoint(path, {"w\n\x1b": stored(np.ones(1))}, spec={"kind": "x\n"})
    with pytest.raises(InputError, match="its spec cannot be used") as caught:
        nlblocks.load(path, "reference")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"w\\n\\x1b is unexpected") as caught:
        nlblocks.load(path, "reference", spec=specs.NonLocal(in_channels=6))
    assert "\n" not in str(caught.value)
