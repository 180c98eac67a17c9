"""A finding leads to the mend: the lines of both sides' code, and what to write on the right, in its own words."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from torch import nn  # noqa: E402

from nlblocks import parity  # noqa: E402

pnn = paddle.nn
SHAPE = (2, 3, 9, 9)


class Torch(nn.Module):
    def __init__(self, *layers: Any) -> None:
        super().__init__()
        self.first, self.layers, self.last = nn.Conv2d(3, 4, 1), nn.ModuleList(layers), nn.Conv2d(4, 5, 1)

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        for layer in self.layers:
            x = layer(x)
        return self.last(x)


class Paddle(pnn.Layer):
    def __init__(self, *layers: Any) -> None:
        super().__init__()
        self.first, self.layers, self.last = pnn.Conv2D(3, 4, 1), pnn.LayerList(layers), pnn.Conv2D(4, 5, 1)

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        for layer in self.layers:
            x = layer(x)
        return self.last(x)


def line_of(cls: Any, text: str) -> str:
    """The file and line of some text in the source of a class."""
    lines, start = inspect.getsourcelines(cls)
    place = next(i for i, line in enumerate(lines) if text in line)
    return f"test_mending.py:{start + place}"


def compared(left: Any, right: Any, **options: Any) -> Any:
    return parity.compare(left, right, SHAPE, **{"training": False, **options})


MENDS = {
    "eps": (nn.BatchNorm2d(4), pnn.BatchNorm2D(4, epsilon=1e-3), "epsilon=1e-05"),
    "momentum": (nn.BatchNorm2d(4, momentum=0.2), pnn.BatchNorm2D(4), "momentum=0.8"),
    "slope": (nn.LeakyReLU(0.2), pnn.LeakyReLU(), "negative_slope=0.2"),
    "padding": (nn.Conv2d(4, 4, 3, padding=1), pnn.Conv2D(4, 4, 3), "padding=1"),
    "axis": (nn.Softmax(dim=1), pnn.Softmax(), "axis=1"),
    "exclusive": (nn.AvgPool2d(3, 2, 1), pnn.AvgPool2D(3, 2, 1), "exclusive=False"),
    "approximate": (nn.GELU("tanh"), pnn.GELU(), "approximate=True"),
}


@pytest.mark.parametrize("kind", MENDS)
def test_the_mend_is_the_argument_of_the_right_with_the_left_s_value(kind: str) -> None:
    left, right, argument = MENDS[kind]
    finding = compared(Torch(left), Paddle(right)).finding
    at = line_of(Paddle, "layer(x)")
    assert re.fullmatch(
        rf"on the right, give layer layers\.0 \([\w/]*{re.escape(at)}\) {re.escape(argument)}", finding.mend
    )


def test_on_torch_s_side_the_argument_is_torch_s() -> None:
    finding = compared(Paddle(pnn.BatchNorm2D(4, epsilon=1e-3)), Torch(nn.BatchNorm2d(4))).finding
    assert finding.mend.endswith("eps=0.001")
    finding = compared(Paddle(pnn.Softmax(1)), Torch(nn.Softmax(-1))).finding
    assert finding.mend.endswith("dim=1")


def test_both_sides_lines_are_those_of_the_user_s_code() -> None:
    report = compared(Torch(nn.LeakyReLU(0.2)), Paddle(pnn.LeakyReLU()))
    left, right = report.finding.lines
    assert left.endswith(line_of(Torch, "layer(x)"))
    assert right.endswith(line_of(Paddle, "layer(x)"))
    assert f"({left} / {right})" in str(report)
    assert report.to_dict()["finding"]["lines"] == (left, right)


def test_a_model_without_code_of_the_user_s_has_no_line() -> None:
    left, right = (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.LeakyReLU(0.2)),
        pnn.Sequential(pnn.Conv2D(3, 4, 1), pnn.LeakyReLU()),
    )
    finding = compared(left, right).finding
    assert finding.lines == ("", "")
    assert finding.mend == "on the right, give layer 1 negative_slope=0.2"


def test_a_function_has_the_line_that_calls_it() -> None:
    class Net(Torch):
        def forward(self, x: Any) -> Any:
            y = super().forward(x)
            return nn.functional.leaky_relu(y, 0.3)  # here

    finding = compared(Net(), Torch(nn.Identity())).finding
    assert finding.cause == "activation.missing"
    assert finding.lines[0].endswith(line_of(Net, "# here"))


def test_a_function_s_own_argument_is_not_the_layer_s() -> None:
    class Net(Torch):
        def __init__(self, axis: int) -> None:
            super().__init__()
            self.axis = axis

        def forward(self, x: Any) -> Any:
            return self.last(nn.functional.softmax(self.first(x), self.axis))  # here

    finding = compared(Net(1), Net(-1)).finding
    at = line_of(Net, "# here")
    assert re.fullmatch(rf"on the right, give softmax \([\w/]*{re.escape(at)}\) dim=1", finding.mend), finding.mend


def test_what_is_missing_is_to_be_added_where_it_is_missing() -> None:
    finding = compared(Torch(nn.ReLU()), Paddle()).finding
    assert finding.mend == "on the right, add relu in layers.0 of the left between first and last"
    finding = compared(Torch(), Paddle(pnn.ReLU())).finding
    assert finding.mend.startswith("on the right, take out relu in layers.0")


def test_another_kind_is_to_be_used_instead() -> None:
    finding = compared(Torch(nn.ELU()), Paddle(pnn.GELU())).finding
    assert finding.mend.startswith("on the right, in layer layers.0")
    assert finding.mend.endswith("use elu instead of gelu")


@pytest.mark.parametrize("kind", MENDS)
@pytest.mark.parametrize("turned", [False, True])
def test_the_left_is_told_first(kind: str, turned: bool) -> None:
    sides = [Torch(MENDS[kind][0]), Paddle(MENDS[kind][1])]
    report = compared(*(sides[::-1] if turned else sides))
    for finding in report.faults:
        left, right = finding.explanation.find("on the left"), finding.explanation.find("on the right")
        assert 0 < left < right, finding.explanation


def test_a_training_forward_that_agrees_says_what_it_means() -> None:
    report = compared(Torch(nn.LeakyReLU(0.2)), Paddle(pnn.LeakyReLU()), training=True, steps=0)
    (line,) = [line for line in str(report).splitlines() if line.startswith("  train forward")]
    assert "✓" in line
    assert line.endswith("with the right given what the left has at layer layers.0: what else was compared agrees")
    assert report.to_dict()["helped"] == "layer layers.0"


def test_a_training_forward_says_nothing_more_where_evaluation_agrees() -> None:
    report = compared(Torch(nn.ReLU()), Paddle(pnn.ReLU()), training=True, steps=0)
    assert report.helped == ""
    assert "with the right given" not in str(report)


@pytest.mark.parametrize(
    ("left", "right", "cause"),
    [
        ([nn.BatchNorm2d(4)] * 3, [pnn.BatchNorm2D(4, epsilon=1e-3)] * 3, "batch_norm.eps"),
        ([nn.LeakyReLU(0.2), nn.LeakyReLU(0.2)], [pnn.LeakyReLU(), pnn.LeakyReLU()], "leaky_relu.slope"),
        ([nn.AvgPool2d(3, 1, 1), nn.AvgPool2d(3, 1, 1)], [pnn.AvgPool2D(3, 1, 1)] * 2, "avg_pool.count_include_pad"),
    ],
)
def test_one_mistake_in_several_layers_is_one_finding(left: Any, right: Any, cause: str) -> None:
    report = compared(Torch(*left), Paddle(*right))
    (root,) = [root for root in report.roots if root.finding.severity == "fault"]
    assert root.finding.cause == cause
    assert root.under
    said = str(report)
    assert said.count("  ✗ eval forward,") == 1
    assert said.count("mend:") == 1
    rows = report.to_dict()["findings"]
    first = next(i for i, row in enumerate(rows) if row["root"] is None)
    assert {row["root"] for row in rows if row["severity"] == "fault"} == {None, first}


@pytest.mark.parametrize(
    ("left", "right", "cause"),
    [
        ([nn.Conv2d(4, 4, 1)] * 2, [pnn.Conv2D(4, 4, 1, bias_attr=False)] * 2, "conv.bias"),
        ([nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)], [pnn.Conv2D(4, 4, 1, bias_attr=False) for _ in "ab"], "conv.bias"),
        ([nn.BatchNorm2d(4) for _ in "abc"], [pnn.BatchNorm2D(4, False, False) for _ in "abc"], None),
    ],
)
def test_what_one_side_lacks_in_several_layers_is_one_finding(left: Any, right: Any, cause: str | None) -> None:
    report = compared(Torch(*left), Paddle(*right))
    groups = [root for root in report.roots if root.finding.severity == "fault" and root.finding.phase == "pairing"]
    assert len({root.finding.cause for root in groups}) == len(groups) <= 1
    assert all(root.finding.cause == cause for root in groups) or cause is None


def test_an_activation_that_is_missing_in_several_places_is_one_finding() -> None:
    report = compared(
        Torch(nn.ReLU(), nn.Conv2d(4, 4, 1), nn.ReLU()), Paddle(pnn.Identity(), pnn.Conv2D(4, 4, 1), pnn.Identity())
    )
    (root,) = [root for root in report.roots if root.finding.severity == "fault"]
    assert root.finding.cause == "activation.missing"
    assert len({(f.after, f.before) for f in (root.finding, *root.under)}) == 2


def test_two_values_of_one_attribute_are_two_findings() -> None:
    report = compared(
        Torch(nn.LeakyReLU(0.2), nn.LeakyReLU(0.3)), Paddle(pnn.LeakyReLU(), pnn.LeakyReLU(0.1))
    )  # fmt: skip
    faults = [root.finding for root in report.roots if root.finding.severity == "fault"]
    assert [finding.mend.rpartition(" ")[2] for finding in faults] == ["negative_slope=0.2", "negative_slope=0.3"]


def test_weights_that_were_not_moved_are_one_finding() -> None:
    torch.manual_seed(0)
    paddle.seed(0)
    report = compared(Torch(nn.ReLU()), Paddle(pnn.ReLU()), transfer=False, training=True, steps=0)
    (root,) = [root for root in report.roots if root.finding.severity == "fault"]
    assert (root.finding.cause, root.finding.phase) == ("parameters.values", "pairing")
    assert "report.pairing.convert" in root.finding.mend
    assert "--initialisation" in root.finding.mend
