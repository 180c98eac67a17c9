"""Programs whose weights are not what they say, or not where they may be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from parity_tests.exchange.files.broken import Made, good, model, says


def outside(location: str, **entries: object) -> onnx.ModelProto:
    """The weight in a file beside."""
    made = good()
    weight = made.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=str(value))
    return made


@says(r"'w': its shape \[1000000000000, 3\] takes 12000000000000 bytes, and holds 48")
def huge_shape(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].dims[0] = 10**12
    return made


@says(r"'w': its shape \[4, 4\] takes 64 bytes, and holds 48")
def too_few_bytes(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].dims[1] = 4
    return made


@says("takes 12 values, and holds 2")
def too_few_values(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].ClearField("raw_data")
    made.graph.initializer[0].float_data.extend([1.0, 2.0])
    return made


@says("holds values in float_data and elsewhere")
def values_twice(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].float_data.extend([1.0] * 12)
    return made


@says("holds FLOAT in int64_data instead of float_data")
def values_of_another_type(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].ClearField("raw_data")
    made.graph.initializer[0].int64_data.extend([1] * 12)
    return made


@says(r"its shape \[-4, 3\] has a negative extent")
def negative_shape(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].dims[0] = -4
    return made


@says("data type 77 is none of ONNX's")
def unknown_type(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].data_type = 77
    return made


@says("holds text as raw bytes")
def text_as_bytes(_: Path) -> Made:
    made = good()
    made.graph.initializer[0].data_type = TensorProto.STRING
    return made


@says("tensor 'c0': its shape .* takes 4000000000000 bytes")
def huge_constant(_: Path) -> Made:
    made = good()
    tensor = made.graph.node[1].attribute[0].t
    tensor.name, tensor.dims[0] = "c0", 10**12
    return made


@says("in '../w.bin', outside of")
def above_the_folder(folder: Path) -> Made:
    (folder.parent / "w.bin").write_bytes(bytes(48))
    return outside("../w.bin")


@says("in 'inner/../../w.bin', outside of")
def above_by_a_detour(folder: Path) -> Made:
    (folder / "inner").mkdir()
    (folder.parent / "w.bin").write_bytes(bytes(48))
    return outside("inner/../../w.bin")


@says("in '/etc/passwd', outside of")
def anywhere(_: Path) -> Made:
    return outside("/etc/passwd")


@says("in 'w.bin', outside of")
def behind_a_link(folder: Path) -> Made:
    (folder.parent / "secret").write_bytes(bytes(48))
    (folder / "w.bin").symlink_to(folder.parent / "secret")
    return outside("w.bin")


@says("in 'w.bin', which is no file in .*copy it there")
def weights_forgotten(_: Path) -> Made:
    return outside("w.bin")


@says("which is no file in")
def weights_in_a_pipe(folder: Path) -> Made:
    os.mkfifo(folder / "w.bin")
    return outside("w.bin")


@says("in a file without a name")
def weights_in_no_file(_: Path) -> Made:
    return outside("")


@says("bytes 8 to 56 of 'w.bin', which has 48")
def offset_behind_the_end(folder: Path) -> Made:
    (folder / "w.bin").write_bytes(bytes(48))
    return outside("w.bin", offset=8)


@says("takes 48 bytes, and its length says 4000000000")
def length_behind_the_end(folder: Path) -> Made:
    (folder / "w.bin").write_bytes(bytes(48))
    return outside("w.bin", length=4_000_000_000)


@says("the offset of its values is '-8', no whole number")
def offset_below_zero(folder: Path) -> Made:
    (folder / "w.bin").write_bytes(bytes(48))
    return outside("w.bin", offset=-8)


def sparse(indices: list[Any], dims: list[int]) -> onnx.ModelProto:
    made = model([helper.make_node("MatMul", ["x", "w"], ["y"])])
    values = numpy_helper.from_array(np.ones(len(indices), np.float32), "w")
    places = numpy_helper.from_array(np.array(indices, np.int64), "places")
    made.graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(values, places, dims))
    return made


@says(r"sparse tensor 'w': has indices outside of its shape \[4, 3\]")
def sparse_indices_outside(_: Path) -> Made:
    return sparse([0, 99], [4, 3])


@says("sparse tensor 'w': its shape .* is none that fits memory")
def sparse_and_huge(_: Path) -> Made:
    return sparse([0, 1], [10**9, 10**9])


@says("onnx.checker: .*ascending|onnx.checker: .*sorted|onnx.checker: .*order")
def sparse_out_of_order(_: Path) -> Made:
    return sparse([5, 2], [4, 3])
