"""Weights of a Paddle model, in each of the formats that they come in."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")

import paddle
from safetensors.numpy import save_file

from nlblocks.errors import InputError
from nlblocks.port.weights import read


def model():
    return paddle.nn.Sequential(paddle.nn.Linear(3, 3), paddle.nn.BatchNorm1D(3))


@pytest.mark.parametrize("ending", ["pdparams", "npz", "safetensors"])
def test_all_of_it_is_read(tmp_path, ending: str) -> None:
    state = {name: value.numpy() for name, value in model().state_dict().items()}
    file = tmp_path / f"weights.{ending}"
    draw = np.random.default_rng(0)
    arrays = {name: draw.normal(size=value.shape).astype("float32") for name, value in state.items()}
    if ending == "pdparams":
        other = model()
        other.set_state_dict({name: paddle.to_tensor(value) for name, value in arrays.items()})
        paddle.save(other.state_dict(), str(file))
    elif ending == "npz":
        np.savez(file, **arrays)
    else:
        save_file(arrays, file)
    found = read([str(file)], state)
    assert found.keys() == state.keys()
    assert all(np.array_equal(found[name], arrays[name]) for name in state)


def test_several_files_are_one_state(tmp_path) -> None:
    state = {name: value.numpy() for name, value in model().state_dict().items()}
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(first, **{name: value for name, value in state.items() if name.startswith("0.")})
    np.savez(second, **{name: value for name, value in state.items() if name.startswith("1.")})
    assert read([str(first), str(second)], state).keys() == state.keys()
    with pytest.raises(InputError, match=r"a\.npz lacks 1\.weight"):
        read([str(first)], state)
    with pytest.raises(InputError, match=r"hold twice: 0\.weight"):
        read([str(first), str(first), str(second)], state)
