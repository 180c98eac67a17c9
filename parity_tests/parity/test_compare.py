"""The parity lab on small models: correct pairs pass, planted faults are caught, located and explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.specs import CBAM, BatchNorm, DigitNet, NonLocal

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.testing import assert_parity as assert_same  # noqa: E402
from parity_tests.helpers.nets import SHAPE, compare, paddle_net, torch_net  # noqa: E402


def test_a_correct_pair_passes_with_other_names_and_another_order_of_definition() -> None:
    left, right = torch_net(p=0.3), paddle_net(p=0.3)
    before = {name: value.numpy().copy() for name, value in right.state_dict().items()}
    report = compare(left, right)
    assert report, str(report)
    assert len(report.pairing.pairs) == 4
    assert report.worst("train forward") < 1e-12
    assert all(np.array_equal(before[name], value.numpy()) for name, value in right.state_dict().items())
    assert right.conv1.weight.dtype == paddle.float32


def test_the_frameworks_variance_is_a_finding_unless_it_is_accepted() -> None:
    report = parity.compare(torch_net(), paddle_net(), SHAPE)
    assert not report
    assert report.finding.cause == "batch_norm.variance"
    assert (report.finding.layer_left, report.finding.layer_right) == ("norm", "bn1")


@pytest.mark.parametrize(
    ("options", "cause", "layers", "phase"),
    [
        ({"eps": 1e-3}, "batch_norm.eps", ("norm", "bn1"), "eval forward"),
        ({"slope": 0.01}, "leaky_relu.slope", ("act", "relu"), "eval forward"),
        ({"p": 0.4}, "dropout.p", ("drop", "drop"), "train forward"),
        ({"momentum": 0.8}, "batch_norm.momentum", ("norm", "bn1"), "buffers"),
    ],
)
def test_a_planted_attribute_is_found_and_explained(
    options: dict[str, float], cause: str, layers: tuple[str, str], phase: str
) -> None:
    report = compare(torch_net(), paddle_net(**options))
    assert not report
    found = report.finding
    assert (found.cause, found.phase) == (cause, phase)
    assert (found.layer_left, found.layer_right) == layers
    assert found.error_explained < 1e-2 * found.error


def test_a_forgotten_residual_lies_between_layers() -> None:
    found = compare(torch_net(), paddle_net(residual=False)).finding
    assert (found.place, found.cause) == ("between", "residual.missing")
    assert found.after == ("drop", "drop")
    assert found.before == ("fc", "head")


def test_bad_input_is_one_line() -> None:
    for inputs in ((), (2, 0, 3), np.array([np.nan]), "text"):
        with pytest.raises(InputError) as caught:
            parity.compare(torch_net(), paddle_net(), inputs)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="both models fail"):
        parity.compare(torch_net(), paddle_net(), (4, 5, 9, 9))
    with pytest.raises(InputError, match="no model"):
        parity.compare(object(), paddle_net(), SHAPE)
    with pytest.raises(InputError, match="accept"):
        parity.compare(torch_net(), paddle_net(), SHAPE, accept=("nonsense",))
    with pytest.raises(InputError, match="progress"):
        parity.compare(object(), paddle_net(), "text", steps=-1, progress="print")  # type: ignore[arg-type]


def test_the_fixture_fails_with_the_report(assert_parity: Any) -> None:
    with pytest.raises(AssertionError, match=r"batch_norm\.eps"):
        assert_parity(torch_net(), paddle_net(eps=1e-3), SHAPE, training=False)
    assert assert_same(torch_net(), paddle_net(), SHAPE, training=False)


def test_dropout_before_and_after_a_flatten_drops_the_same() -> None:
    import paddle.nn
    import torch.nn

    left = torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Dropout(0.5), torch.nn.Flatten(), torch.nn.Linear(3, 4)
    )
    right = paddle.nn.Sequential(
        paddle.nn.AdaptiveAvgPool2D(1), paddle.nn.Flatten(), paddle.nn.Dropout(0.5), paddle.nn.Linear(3, 4)
    )
    assert_same(left, right, SHAPE)


@pytest.mark.parametrize(
    "spec", [NonLocal(in_channels=8), CBAM(in_channels=16), DigitNet()], ids=lambda spec: spec.kind
)
def test_the_blocks_own_norms_are_one_layer_each(spec: Any) -> None:
    left, right = nlblocks.build(spec, backend="torch", seed=0), nlblocks.build(spec, backend="paddle", seed=1)
    shape = (4, 1, 28, 28) if spec.kind == "digit_net" else (4, spec.in_channels, 6, 6)
    report = assert_same(left, right, shape)
    assert any(a.kind == "batch_norm" for a, _ in report.pairing.pairs)


def test_another_eps_of_a_block_is_found() -> None:
    norms = [BatchNorm(eps=eps) for eps in (1e-5, 1e-3)]
    left, right = (
        nlblocks.build(NonLocal(in_channels=8, norm=norm), backend=name, seed=0)
        for norm, name in zip(norms, ("torch", "paddle"), strict=True)
    )
    found = parity.compare(left, right, (4, 8, 6, 6)).finding
    assert found is not None
    assert (found.cause, found.layer_left, found.layer_right) == ("batch_norm.eps", "norm", "norm")
