"""The parity lab on small models: correct pairs pass, planted faults are caught, located and explained."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.parity.findings.causes import BY_ATTRIBUTE, CAUSES
from nlblocks.parity.formulas.elementwise import evaluate
from nlblocks.specs import CBAM, BatchNorm, DigitNet, NonLocal

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.testing import assert_parity as assert_same  # noqa: E402

SHAPE = (4, 3, 9, 9)


def torch_net(eps: float = 1e-5, slope: float = 0.1, residual: bool = True, p: float = 0.0) -> Any:
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 3, padding=1)
            self.norm = nn.BatchNorm2d(4, eps=eps, track_running_stats=True)
            self.act = nn.LeakyReLU(slope, inplace=True)
            self.conv = nn.Conv2d(4, 4, 3, padding=1)
            self.drop = nn.Dropout(p)
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            x = self.act(self.norm(self.stem(x)))
            y = self.drop(self.conv(x))
            return self.fc((x + y if residual else y).mean((2, 3)))

    return Net()


def paddle_net(
    eps: float = 1e-5, slope: float = 0.1, residual: bool = True, p: float = 0.0, momentum: float = 0.9
) -> Any:
    from paddle import nn

    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 4)
            self.conv1 = nn.Conv2D(3, 4, 3, padding=1)
            self.bn1 = nn.BatchNorm2D(4, epsilon=eps, momentum=momentum)
            self.relu = nn.LeakyReLU(slope)
            self.conv2 = nn.Conv2D(4, 4, 3, padding=1)
            self.drop = nn.Dropout(p)

        def forward(self, x: Any) -> Any:
            x = self.relu(self.bn1(self.conv1(x)))
            y = self.drop(self.conv2(x))
            return self.head((x + y if residual else y).mean([2, 3]))

    return Net()


def compare(left: Any, right: Any, **options: Any) -> Any:
    return parity.compare(left, right, SHAPE, accept=("batch_norm.variance",), **options)


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


def test_a_capture_says_the_same_without_a_framework(tmp_path: Path) -> None:
    from nlblocks.parity.capturing.capture import capture

    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    capture(torch_net(), SHAPE).save(first)
    capture(paddle_net(eps=1e-3), like=first).save(second)
    code = f"""
        import sys
        from nlblocks.cli import main
        sys.argv = ["nlblocks", "compare", {str(first)!r}, {str(second)!r}, "--report", {str(tmp_path / "r.json")!r}]
        try:
            main()
        except SystemExit as ended:
            assert ended.code == 1, ended.code
        assert "torch" not in sys.modules and "paddle" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, env={"PYTHONPATH": ".:backends"})
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["finding"]["cause"] == "batch_norm.eps"
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    from nlblocks.parity.capturing.file import load_capture

    with pytest.raises(InputError, match="cut short"):
        load_capture(first)


def test_the_page_holds_the_finding_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    report = compare(torch_net(), paddle_net(eps=1e-3), training=False)
    report.save(tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert "batch_norm.eps" in text
    assert "http" not in text
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(InputError, match="html"):
        report.save(tmp_path / "r.txt")


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


def test_the_fixture_fails_with_the_report(assert_parity: Any) -> None:
    with pytest.raises(AssertionError, match=r"batch_norm\.eps"):
        assert_parity(torch_net(), paddle_net(eps=1e-3), SHAPE, training=False)
    assert assert_same(torch_net(), paddle_net(), SHAPE, training=False)


def test_every_cause_that_can_be_named_is_in_the_table() -> None:
    assert set(BY_ATTRIBUTE.values()) <= set(CAUSES)


@pytest.mark.parametrize("options", [{"stride": 2}, {"padding": 2, "dilation": 2}, {"groups": 2}, {"padding": "same"}])
def test_the_convolution_formula(options: dict[str, Any]) -> None:
    import torch.nn.functional as F

    from nlblocks.parity.tracing.vocabulary import normalise, plain

    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 4, 7, 6)), rng.normal(size=(4, 4 // options.get("groups", 1), 3, 3))
    expected = F.conv2d(torch.from_numpy(x), torch.from_numpy(weight), **options).numpy()
    given = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **{k: plain(v) for k, v in options.items()}}
    found = evaluate("conv", {"x": x, "weight": weight}, normalise("conv", given, 4))
    assert np.abs(found - expected).max() < 1e-12


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
