"""Whose layout a file has that does not say it: what its tensors show is used and said; where they do not, it asks."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from nlblocks.commands.files import convert, inspect
from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint
from nlblocks.weights.layout import layout_of
from parity_tests.helpers.command_line import call, output_of

Arrays = dict[str, Any]


def arrays(shapes: dict[str, tuple[int, ...]], *, in_out: bool) -> Arrays:
    """Random values; ``shapes`` are torch's, and matrices called weight are turned for Paddle."""
    stream, found = np.random.default_rng(0), {}
    for name, shape in shapes.items():
        array = stream.normal(size=shape).astype(np.float32)
        table = name.startswith("embed")
        found[name] = np.ascontiguousarray(array.T) if in_out and array.ndim == 2 and not table else array
    return found


LLAMA = {
    "embed_tokens.weight": (60, 16), "norm.weight": (16,), "lm_head.weight": (60, 16),
    **{f"layers.0.self_attn.{part}_proj.weight": (16, 16) for part in "qkvo"},
    "layers.0.mlp.down_proj.weight": (16, 48), "layers.0.mlp.gate_proj.weight": (48, 16),
}  # fmt: skip
MLP = {"net.0.weight": (8, 4), "net.2.weight": (3, 8)}
BIASED = {"any.weight": (8, 4), "any.bias": (8,)}
NORMED = {"bn.weight": (4,), "bn.running_mean": (4,), "bn.running_var": (4,), "fc.weight": (4, 4), "fc.bias": (4,)}


@pytest.mark.parametrize("in_out", [False, True])
@pytest.mark.parametrize("shapes", [LLAMA, MLP, BIASED], ids=["widths", "chain", "bias"])
def test_matrices_tell_it(shapes: dict[str, Any], in_out: bool) -> None:
    found = {name: array.shape for name, array in arrays(shapes, in_out=in_out).items()}
    assert layout_of(found)[0] == ("paddle" if in_out else "torch")


@pytest.mark.parametrize("shapes", [
    {"q_proj.weight": (8, 8), "fc.weight": (8, 8), "fc.bias": (8,)}, {"embed.weight": (9, 8)},
    {"h.0.c_attn.weight": (8, 24), "h.0.c_attn.bias": (24,)},
    {"a.weight": (8, 4), "a.bias": (8,), "b.weight": (8, 4), "b.bias": (4,)},
    {"bn._mean": (4,), "bn._variance": (4,), "a.weight": (8, 4), "a.bias": (8,)},
])  # fmt: skip
def test_squares_and_signs_that_differ_do_not(shapes: dict[str, Any]) -> None:
    assert layout_of(shapes)[0] == ""


@pytest.mark.parametrize("in_out", [False, True])
@pytest.mark.parametrize("file", ["a.safetensors", "a.pkl", "a.npz"])
def test_a_file_without_a_word_is_converted_by_what_it_shows(tmp_path: Path, file: str, in_out: bool) -> None:
    tensors, path = arrays(LLAMA, in_out=in_out), tmp_path / file
    if file.endswith("npz"):
        np.savez(path, **tensors)
    elif file.endswith("pkl"):
        path.write_bytes(pickle.dumps({"model": tensors, "matching_heuristics": True}))
    else:
        save_file(tensors, path, metadata={"format": "np"})
    target = tmp_path / ("b.pdparams" if in_out else "b.pth")
    result = call(path, target, command=convert)
    assert result.exit_code == 0, result.exception
    assert f"taken for {'paddle' if in_out else 'torch'}'s, since " in result.stderr
    found = open_checkpoint(target)
    assert all(np.array_equal(found[name].numpy(), tensors[name]) for name in tensors)
    assert "by its tensors: " in output_of(inspect, path)


def test_where_nothing_tells_it_is_asked_and_from_answers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"fc.weight": np.eye(3), "fc.bias": np.ones(3)})
    with pytest.raises(InputError, match=r"\(nothing in it tells\): say --from torch or --from paddle"):
        output_of(convert, tmp_path / "a.npz", tmp_path / "a.pth")
    output_of(convert, tmp_path / "a.npz", tmp_path / "a.pth", "--from", "paddle")


def test_where_it_makes_no_difference_nothing_is_asked(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"conv.weight": np.ones((3, 3, 1, 1)), "conv.bias": np.ones(3)})
    assert call(tmp_path / "a.npz", tmp_path / "a.pth", command=convert).stderr == ""


def test_a_name_of_paddles_against_the_tensors_is_a_question(tmp_path: Path) -> None:
    (tmp_path / "a.pdparams").write_bytes(pickle.dumps(arrays(NORMED, in_out=False), 4))
    with pytest.raises(InputError, match=r"its name speaks of paddle, but torch alone has the name bn.running_mean"):
        output_of(convert, tmp_path / "a.pdparams", tmp_path / "a.pth")


def test_what_paddle_saved_itself_is_not_doubted(tmp_path: Path, require: Any) -> None:
    require("paddle")
    import paddle

    paddle.save({"fc.weight": paddle.ones([3, 3]), "fc.bias": paddle.ones([3])}, str(tmp_path / "a.bin"))
    paddle.save({"model": {"fc.weight": paddle.ones([3, 3])}, "epoch": 1}, str(tmp_path / "b.bin"))
    assert open_checkpoint(tmp_path / "a.bin").told
    assert open_checkpoint(tmp_path / "b.bin").told
