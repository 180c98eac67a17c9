"""ONNX files of any kind: read, or refused in one line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from nlblocks.errors import InputError
from nlblocks.exchange.files import read, write
from nlblocks.exchange.programs import Evaluator, Runtime
from parity_tests.exchange.files import bad_graphs, bad_weights  # noqa: F401  # they register theirs
from parity_tests.exchange.files.bad_graphs import with_functions
from parity_tests.exchange.files.bad_weights import sparse
from parity_tests.exchange.files.broken import BROKEN, good

SECONDS = 20
"""A file that takes longer to refuse hangs."""


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    before = signal.alarm(SECONDS)
    yield
    signal.alarm(before)


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_file_is_refused_in_one_clear_line(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    make, words = BROKEN[name]
    made = make(folder)
    target = folder / ("a.pdmodel" if (folder / "a.pdmodel").exists() else "a.onnx")
    if made is not None:
        target.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    with pytest.raises(InputError, match=words) as caught:
        read(target)
    said = str(caught.value)
    assert said.startswith(str(target))
    assert "\n" not in said
    assert len(said) < 500


def test_there_are_at_least_thirty_of_them() -> None:
    assert len(BROKEN) >= 30


def test_a_good_file_is_read_as_it_is(tmp_path: Path) -> None:
    write(good(), tmp_path / "a.onnx")
    assert read(tmp_path / "a.onnx") == good()


def test_functions_are_written_out(tmp_path: Path) -> None:
    own = with_functions(("F0", ["F1", "F1"]), ("F1", ["Relu", "Neg"]))
    write(own, tmp_path / "a.onnx")
    found = read(tmp_path / "a.onnx")
    assert not found.functions
    assert [node.op_type for node in found.graph.node] == ["Relu", "Neg"] * 2


@pytest.mark.parametrize("indices", [[1, 5], [[0, 1], [1, 2]]])
def test_sparse_weights_are_read_dense(indices: list[int], tmp_path: Path) -> None:
    write(sparse(indices, [4, 3]), tmp_path / "a.onnx")
    found = read(tmp_path / "a.onnx")
    assert not found.graph.sparse_initializer
    right = np.zeros((4, 3), np.float32)
    right[0, 1] = right[1, 2] = 1
    np.testing.assert_array_equal(numpy_helper.to_array(found.graph.initializer[0]), right)
    y = Runtime(found, "float64").run({"x": np.ones((1, 4))})["y"]
    np.testing.assert_array_equal(y, [[0, 1, 1]])


def test_a_cut_anywhere_is_refused_or_harmless(tmp_path: Path) -> None:
    data = good().SerializeToString()
    for end in range(0, len(data), 7):
        (tmp_path / "a.onnx").write_bytes(data[:end])
        with pytest.raises(InputError) as caught:
            read(tmp_path / "a.onnx")
        assert "\n" not in str(caught.value)


def test_a_changed_byte_never_brings_it_down(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = with_functions(("F0", ["F1", "F1"]), ("F1", ["Relu", "Neg"])).SerializeToString()
    lines = []
    for _ in range(400):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            changed[place] = rng.integers(0, 256)
        (tmp_path / "a.onnx").write_bytes(changed)
        try:
            read(tmp_path / "a.onnx")
        except InputError as error:
            lines.append(str(error))
    assert len(lines) > 100
    assert not any("\n" in line for line in lines)


def big() -> onnx.ModelProto:
    """Weights as raw bytes, as a list of floats, and as a constant of a node."""
    made = good()
    weight = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    made.graph.initializer[0].CopyFrom(helper.make_tensor("w", onnx.TensorProto.FLOAT, (4, 3), weight.ravel().tolist()))
    other = np.random.default_rng(1).standard_normal((500, 3)).astype(np.float32)
    made.graph.node.insert(0, helper.make_node("Constant", [], ["rows"], value=numpy_helper.from_array(other)))
    made.graph.node.append(helper.make_node("Add", ["rows", "y"], ["z"]))
    made.graph.output[0].name = "z"
    return made


def test_above_the_limit_weights_lie_beside(tmp_path: Path) -> None:
    write(big(), tmp_path / "a.onnx", limit=1000)
    assert (tmp_path / "a.onnx").stat().st_size < 1000
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.onnx", "a.onnx.data"]
    x = {"x": np.ones((1, 4), np.float32)}
    found = Evaluator(read(tmp_path / "a.onnx")).run(x)["z"]
    np.testing.assert_array_equal(found, Evaluator(big()).run(x)["z"])


def test_what_fails_leaves_both_files_as_they_were(tmp_path: Path) -> None:
    write(big(), tmp_path / "a.onnx", limit=1000)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    bad = big()
    bad.graph.node[0].attribute[0].t.data_type = 77
    bad.graph.node[0].attribute[0].t.float_data.extend([1.0] * 500)
    bad.graph.node[0].attribute[0].t.ClearField("raw_data")
    with pytest.raises((InputError, ValueError, KeyError, TypeError)):
        write(bad, tmp_path / "a.onnx", limit=1000)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    with pytest.raises(InputError, match="cannot be written"):
        write(big(), tmp_path / "nowhere" / "a.onnx")
