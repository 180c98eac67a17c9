"""A dtype that a model names: its own one means the run's, a narrower one loses precision and is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import paddle.nn.functional as PF  # noqa: E402
import torch.nn.functional as TF  # noqa: E402

from nlblocks import parity  # noqa: E402
from nlblocks.parity.recording.named_dtypes import NamedDtypes  # noqa: E402
from nlblocks.parity.running import Subject  # noqa: E402
from nlblocks.parity.tracing import Trace  # noqa: E402
from parity_tests.helpers.between import SHAPES, compare_between, paddle_between, torch_between  # noqa: E402


@pytest.mark.parametrize(
    ("own", "run", "named", "meant"),
    [
        ("float32", "float64", "float32", "float64"),
        ("float32", "float64", "float16", "float16"),
        ("float32", "float64", "complex64", "complex128"),
        ("float32", "float64", "int64", "int64"),
        ("float16", "float64", "float16", "float64"),
        ("float16", "float64", "float32", "float64"),
        ("float16", "float64", "bfloat16", "bfloat16"),
        ("bfloat16", "float32", "bfloat16", "float32"),
        ("float64", "float64", "float32", "float32"),
        ("float32", "float32", "float32", "float32"),
        ("float32", "float32", "float16", "float16"),
    ],
)
def test_a_dtype_as_wide_as_the_models_own_is_that_of_the_run(own: str, run: str, named: str, meant: str) -> None:
    tracer = Subject.alone(torch.nn.Linear(1, 1), (1, 1), 0).tracer
    trace = Trace(framework="torch", model="A", training=False, dtype=run)
    assert NamedDtypes(tracer, own, run, trace).meant(named) == meant


CONSTANT = np.random.default_rng(0).normal(size=6).astype(np.float32)


def _rotary(library: Any, float32: Any, base: float = 10000.0) -> Any:
    """Positions as rotary embeddings have them, computed in a named dtype in every forward."""

    def rotate(x: Any) -> Any:
        inverse = 1.0 / (base ** (library.arange(0, 6, 2, dtype=float32) / 6))
        angle = library.outer(library.arange(x.shape[0], dtype=float32), inverse)
        angle = library.concat([angle, angle], -1)
        return x * library.cos(angle) + x.flip(-1) * library.sin(angle)

    return rotate


def _default(library: Any, float32: Any) -> Any:
    def summed(x: Any) -> Any:
        library.set_default_dtype(float32)
        return x @ library.ones([6, 6])

    return summed


f32 = torch.float32
PAIRS = {
    "cumsum": (lambda x: x.cumsum(1, dtype=f32), lambda x: x.cumsum(1, dtype="float32")),
    "softmax(dtype=)": (lambda x: torch.softmax(x, -1, dtype=f32), lambda x: PF.softmax(x, -1, dtype="float32")),
    "around softmax": (lambda x: torch.softmax(x.float(), -1).to(x.dtype), lambda x: PF.softmax(x, -1)),
    "rotary": (_rotary(torch, f32), _rotary(paddle, "float32")),
    "of a mask": (lambda x: (x > 0).type(f32) @ torch.eye(6) + x, lambda x: (x > 0).cast("float32") + x),
    "type by name": (lambda x: (x > 0).type("torch.FloatTensor") + x, lambda x: (x > 0).astype(paddle.float32) + x),
    "one_hot": (lambda x: x @ TF.one_hot(torch.arange(6), 6).float(), lambda x: x @ PF.one_hot(paddle.arange(6), 6)),
    "numpy": (lambda x: x * torch.tensor(CONSTANT), lambda x: x * paddle.to_tensor(CONSTANT)),
    "zeros": (lambda x: x @ torch.ones(6, 6, dtype=f32), lambda x: x @ paddle.ones([6, 6], dtype="float32")),
    "set_default_dtype": (_default(torch, f32), _default(paddle, "float32")),
    "both bfloat16": (lambda x: x.bfloat16().float(), lambda x: x.astype("bfloat16").astype("float32")),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_what_names_its_own_dtype_is_run_and_is_the_same(name: str) -> None:
    report = compare_between(*PAIRS[name], training=name == "around softmax")
    assert report.verdict == "same", str(report)
    assert not [f for f in report.findings if "cast to" in f.explanation]
    assert paddle.get_default_dtype() == "float32"
    assert torch.get_default_dtype() == f32


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (PAIRS["cumsum"][0], lambda x: x.cumsum(0, dtype="float32")),
        (PAIRS["around softmax"][0], lambda x: PF.softmax(x.astype("float32") * 1.001, -1)),
        (PAIRS["rotary"][0], _rotary(paddle, "float32", 10001.0)),
        (PAIRS["numpy"][0], lambda x: x * paddle.to_tensor(CONSTANT[::-1].copy())),
    ],
)
def test_a_fault_beside_a_named_dtype_is_found(left: Any, right: Any) -> None:
    assert compare_between(left, right, training=False).verdict == "different"


NARROW = {
    "float16": (lambda x: x.half().float(), lambda x: x),
    "float16 on the right": (lambda x: x, lambda x: x.astype("float16").astype("float32")),
    "bfloat16": (lambda x: x.to(torch.bfloat16).to(x.dtype), lambda x: x),
}


@pytest.mark.parametrize("name", NARROW)
def test_one_side_that_rounds_to_a_narrower_dtype_is_named(name: str) -> None:
    report = compare_between(*NARROW[name], training=False)
    found = report.faults[0]
    assert found.cause == "precision.cast", str(report)
    assert found.error_explained == 0.0
    assert name.partition(" ")[0] in found.explanation


def test_float32_in_a_float64_model_is_a_loss() -> None:
    left, right = torch_between(lambda x: x.float().double()).double(), paddle_between(lambda x: x)
    right.to(dtype="float64")
    report = parity.compare(left, right, SHAPES[0], training=False)
    assert [f.cause for f in report.faults] == ["precision.cast"], str(report)


def test_a_tensor_that_came_unseen_is_cast_and_said() -> None:
    mine, theirs = torch.from_numpy(CONSTANT), paddle.to_tensor(CONSTANT)
    report = compare_between(
        lambda x: TF.linear(x, torch.eye(6), mine), lambda x: PF.linear(x, paddle.eye(6), theirs), training=False
    )
    assert report.verdict == "same", str(report)
    said = [f.explanation for f in report.findings if f.severity == "note"]
    assert [text.rpartition(" on the ")[2] for text in said] == ["left: cast to float64", "right: cast to float64"]
    assert (mine.dtype, theirs.dtype) == (f32, paddle.float32)
