"""A BatchNorm folded into the layer before it: recognised by the weights, said, and no fault."""

from __future__ import annotations

from typing import Any

import pytest

from nlblocks import parity
from nlblocks.parity.capture import capture, compare_captures

torch = pytest.importorskip("torch")
nn = torch.nn
fuse = torch.nn.utils.fusion.fuse_conv_bn_eval
SHAPE = (2, 3, 8, 8)


def plain(bias: bool = False, transposed: bool = False) -> Any:
    torch.manual_seed(0)
    first = nn.ConvTranspose2d(3, 6, 3, bias=bias) if transposed else nn.Conv2d(3, 6, 3, bias=bias)
    norm = nn.BatchNorm2d(6, eps=1e-3)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_()
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 1.5)
    return nn.Sequential(first, norm, nn.ReLU(), nn.Conv2d(6, 2, 1)).eval()


def folded(model: Any, transposed: bool = False) -> Any:
    joined = fuse(model[0], model[1], transpose=transposed)
    return nn.Sequential(joined, nn.ReLU(), nn.Conv2d(6, 2, 1)).eval()


def compared(left: Any, right: Any, **options: Any) -> Any:
    return parity.compare(left, right, SHAPE, training=False, **options)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("randomise", [False, True])
def test_folded_weights_are_moved_either_way(bias: bool, transposed: bool, randomise: bool) -> None:
    model = plain(bias, transposed)
    other = folded(model, transposed)
    for pair in ((model, other), (other, model)):
        report = compared(*pair, randomise=randomise)
        assert report, str(report)
        (note,) = report.findings
        assert "is folded into 0 on the" in note.explanation


def test_own_weights_are_the_product_to_float32() -> None:
    model = plain()
    other = folded(model)
    other[2].load_state_dict(model[3].state_dict())
    assert compared(model, other, transfer=False)
    with torch.no_grad():
        other[0].weight[1] *= 1.0 + 1e-4
    other.requires_grad_(False)
    faults = compared(model, other, transfer=False).faults
    assert any("holds other values than both" in finding.explanation for finding in faults)


def test_a_norm_that_is_missing_is_not_folded() -> None:
    for bias in (False, True):
        model = plain(bias)
        other = nn.Sequential(model[0], nn.ReLU(), nn.Conv2d(6, 2, 1)).eval()
        report = compared(model, other)
        assert {finding.cause for finding in report.faults} == {"layer.missing", "parameters.unpaired"}


def test_a_norm_may_be_folded_into_another_models_weights_where_they_do_not_train() -> None:
    model, other = plain(), folded(plain())
    with torch.no_grad():
        other[0].weight.normal_()
    assert not compared(model, other)
    other.requires_grad_(False)
    assert compared(model, other)
    assert not compared(model, other, transfer=False)
    del other[0].bias
    other[0].register_parameter("bias", None)
    assert not compared(model, other)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_another_models_weights_do_not_tell(training: bool, turned: bool) -> None:
    model, other = plain(), folded(plain())
    with torch.no_grad():
        other[0].weight.normal_()
    pair = (other, model) if turned else (model, other)
    report = parity.compare(*pair, SHAPE, training=training)
    assert (report.verdict, report.finding.cause) == ("different", "batch_norm.folded"), report
    assert {finding.cause for finding in report.faults} == {"batch_norm.folded", "conv.bias", "layer.missing"}
    assert [root.finding.cause for root in report.roots] == ["batch_norm.folded"]
    assert "requires_grad_" in report.finding.mend
    assert "cannot be moved" in report.finding.explanation


def test_a_fault_elsewhere_stands_beside_it() -> None:
    model, other = plain(), folded(plain())
    with torch.no_grad():
        other[0].weight.normal_()
    other.append(nn.Tanh())
    report = compared(model, other)
    assert {"batch_norm.folded", "activation.missing"} == {root.finding.cause for root in report.roots}, report


def test_captures_know_it_too() -> None:
    model = plain()
    first = capture(folded(model), SHAPE, training=False)
    report = compare_captures(first, capture(model, like=first, training=False))
    assert report, str(report)
    assert any("is folded into" in finding.explanation for finding in report.findings)
