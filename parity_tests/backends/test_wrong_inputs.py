"""What a block is called with that is no floating-point tensor of its framework is refused in one line, by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks import InputError, specs
from nlblocks.specs.catalogue import EXAMPLES
from nlblocks.specs.inputs import parts
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.command_line import call

FIRST = {spec.kind: spec for spec in reversed(EXAMPLES)}
OTHERS = {"torch": "paddle", "paddle": "torch"}


def tensor(backend: str, array: Any) -> Any:
    if backend == "torch":
        import torch

        return torch.from_numpy(array)
    import paddle

    return paddle.to_tensor(array)


@pytest.mark.parametrize("kind", sorted(FIRST))
@pytest.mark.parametrize("backend", OTHERS)
def test_what_is_no_tensor_of_the_framework_is_refused_by_name(backend: str, kind: str, require: Require) -> None:
    require("torch", "paddle")
    spec = FIRST[kind]
    block = nlblocks.build(spec, backend=backend)
    arrays = [np.ones(shape, np.float32) for shape in parts(spec.example_shape())]
    others = [tensor(OTHERS[backend], array) for array in arrays]
    tensors = [tensor(backend, array) for array in arrays]
    whole = [tensor(backend, array.astype(np.int64)) for array in arrays]
    first = spec.inputs[0]
    for given in (arrays, others, [array.tolist() for array in arrays], [None] * len(arrays), [(x,) for x in tensors]):
        with pytest.raises(
            InputError, match=rf"{first} must be a {backend}\.Tensor, received .*nlblocks\.run"
        ) as caught:
            block(*given)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=rf"{first} holds {backend}\.int64; it must hold floating-point numbers"):
        block(*whole)
    block(*tensors)


def test_the_input_that_is_wrong_is_named(require: Require) -> None:
    require("torch")
    import torch

    block = nlblocks.build(specs.SpatialGather(), backend="torch")
    with pytest.raises(InputError, match=r"SpatialGather: logits must be a torch.Tensor, .* for each of \(x, logits\)"):
        block(torch.ones(1, 2, 3, 4), np.ones((1, 2, 3, 4)))


@pytest.mark.parametrize(
    "spec", [specs.SimAM(e_lambda=0.2), specs.GaussianContext(c=3.0), specs.SpatialGather(scale=2)]
)
@pytest.mark.parametrize("ending", ["safetensors", "pth", "pdparams"])
def test_a_block_without_parameters_is_saved_with_its_spec(
    spec: specs.BlockSpec, ending: str, tmp_path: Path, require: Require
) -> None:
    require("torch", "paddle")
    path = tmp_path / f"block.{ending}"
    nlblocks.save(nlblocks.build(spec, backend="torch"), path)
    assert nlblocks.load(path, backend="paddle").spec == spec
    shown = call("inspect", path)
    assert shown.exit_code == 0, shown.output
    assert type(spec).__name__ in shown.output


def test_a_file_without_tensors_and_without_a_spec_stays_refused(tmp_path: Path, require: Require) -> None:
    require("torch")
    import torch

    torch.save({}, tmp_path / "nothing.pth")
    with pytest.raises(InputError, match="there is no tensor in the file"):
        nlblocks.load(tmp_path / "nothing.pth", backend="torch")


@pytest.mark.parametrize("typed", ["(2,3),(3,2)", "((2, 3), (3, 2),)", "[[2,3],[3,2]]", "[2,3],[3,2]"])
def test_pairs_are_typed_in_either_brackets(typed: str) -> None:
    shown = call("show", "interlaced_sparse_attention", "--in-channels", "4", "--form", "module", "--partitions", typed)
    assert shown.exit_code == 0, shown.output
    assert "partitions=((2, 3), (3, 2))" in " ".join(shown.output.split())


def test_a_block_of_two_inputs_is_drawn_from_a_shape_for_each(tmp_path: Path, require: Require) -> None:
    require("torch")
    out = tmp_path / "block.svg"
    drawn = call(
        "draw", "object_context", "--in-channels", "8", "--input", "1,8,4,5", "--input", "1,7,4,5", "--out", out
    )
    assert drawn.exit_code == 0, drawn.output
    assert "[1, 8, 4, 5] and [1, 7, 4, 5]" in out.read_text()
