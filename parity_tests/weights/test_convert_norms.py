"""Weight norm, spectral norm, Bilinear and the transformer's layers: both frameworks' own, converted both ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.commands.files import convert
from nlblocks.errors import InputError
from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.command_line import output_of
from parity_tests.helpers.tensors import all_bits, planned, state, there_and_back

Made = tuple[Any, Any, list[tuple[int, ...]]]


def normed(parametrised: bool, *, square: bool = False) -> Made:
    """(a torch model, the same in Paddle, the shapes of its inputs); if square, shapes do not tell the norms' axes."""
    import paddle
    import torch

    old, new = torch.nn.utils, torch.nn.utils.parametrizations
    weight, spectral = (new.weight_norm, new.spectral_norm) if parametrised else (old.weight_norm, old.spectral_norm)
    to_weight, to_spectral = paddle.nn.utils.weight_norm, paddle.nn.utils.spectral_norm
    n = 4 if square else 3
    ours = torch.nn.Sequential()
    for name, layer in {
        "conv": weight(torch.nn.Conv1d(5, 5, 5)),  # dim=0 is the default of both frameworks
        "up": weight(torch.nn.ConvTranspose1d(5, 4, 3)),
        "other": weight(torch.nn.Conv1d(4, n, 3), dim=1),
        "one": weight(torch.nn.Conv1d(n, 1, 1)),
        "out": weight(torch.nn.Linear(9, 9 if square else 8)),
        "fc": weight(torch.nn.Linear(9 if square else 8, 6), dim=1),
        "head": weight(torch.nn.Linear(6, 6, bias=False), dim=None),
        "spectral": spectral(torch.nn.Conv1d(1, 2, 1)),
        "linear": spectral(torch.nn.Linear(6, 6)),
        "last": spectral(torch.nn.ConvTranspose1d(2, 3, 3)),
    }.items():
        ours.add_module(name, layer)
    pd = paddle.nn
    theirs = pd.Sequential(
        ("conv", to_weight(pd.Conv1D(5, 5, 5))),
        ("up", to_weight(pd.Conv1DTranspose(5, 4, 3))),
        ("other", to_weight(pd.Conv1D(4, n, 3), dim=1)),
        ("one", to_weight(pd.Conv1D(n, 1, 1))),
        ("out", to_weight(pd.Linear(9, 9 if square else 8), dim=1)),
        ("fc", to_weight(pd.Linear(9 if square else 8, 6), dim=0)),
        ("head", to_weight(pd.Linear(6, 6, bias_attr=False), dim=None)),
        ("spectral", to_spectral(pd.Conv1D(1, 2, 1))),
        ("linear", to_spectral(pd.Linear(6, 6))),
        ("last", to_spectral(pd.Conv1DTranspose(2, 3, 3))),
    )
    return ours, theirs, [(2, 5, 13)]


def bilinear() -> Made:
    import paddle
    import torch

    class Ours(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bilinear, self.conv = torch.nn.Bilinear(3, 4, 5), torch.nn.Conv1d(4, 5, 3)

        def forward(self, x: Any, y: Any) -> Any:
            return self.bilinear(x, y) + self.conv(y.T[None]).sum()

    class Theirs(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.bilinear, self.conv = paddle.nn.Bilinear(3, 4, 5), paddle.nn.Conv1D(4, 5, 3)

        def forward(self, x: Any, y: Any) -> Any:
            return self.bilinear(x, y) + self.conv(y.T[None]).sum()

    return Ours(), Theirs(), [(6, 3), (6, 4)]


def transformer() -> Made:
    import paddle
    import torch

    ours = torch.nn.Transformer(8, 2, 2, 2, 16, batch_first=True)
    return ours, paddle.nn.Transformer(8, 2, 2, 2, 16), [(2, 5, 8), (2, 4, 8)]


def layer_norm() -> Made:
    import paddle
    import torch

    ours = torch.nn.Sequential(torch.nn.LayerNorm([3, 4, 5]), torch.nn.LayerNorm([4, 5]), torch.nn.LayerNorm([5]))
    pd = paddle.nn
    return ours, pd.Sequential(pd.LayerNorm([3, 4, 5]), pd.LayerNorm([4, 5]), pd.LayerNorm([5])), [(2, 3, 4, 5)]


def projected(two: bool) -> Made:
    import paddle
    import torch

    class First:
        def forward(self, x: Any) -> Any:
            return self.lstm(x)[0]  # type: ignore[attr-defined]

    class Ours(First, torch.nn.Module):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)
            self.lstm = torch.nn.LSTM(4, 5, 3, batch_first=True, bidirectional=two, proj_size=2)

    class Theirs(First, paddle.nn.Layer):
        def __init__(self) -> None:
            paddle.nn.Layer.__init__(self)
            direction = "bidirect" if two else "forward"
            self.lstm = paddle.nn.LSTM(4, 5, 3, direction=direction, proj_size=2)

    return Ours(), Theirs(), [(2, 6, 4)]


MODELS: dict[str, Callable[[], Made]] = {
    "norms as hooks": lambda: normed(False), "norms as parametrizations": lambda: normed(True),
    "square norms as hooks": lambda: normed(False, square=True),
    "square norms as parametrizations": lambda: normed(True, square=True),
    "bilinear": bilinear, "transformer": transformer, "layer norm over several axes": layer_norm,
    "projected": lambda: projected(False), "projected both ways": lambda: projected(True),
}  # fmt: skip


def drawn(name: str) -> Made:
    """Two models in float64 whose parameters have been drawn anew, with inputs."""
    import paddle
    import torch

    torch.manual_seed(0)
    paddle.seed(0)
    torch.set_default_dtype(torch.float64)
    paddle.set_default_dtype("float64")
    try:
        ours, theirs, shapes = MODELS[name]()
    finally:
        torch.set_default_dtype(torch.float32)
        paddle.set_default_dtype("float32")
    stream = np.random.default_rng(0)
    with torch.no_grad(), paddle.no_grad():
        for tensor in ours.parameters():
            tensor.add_(torch.tensor(stream.normal(size=tuple(tensor.shape)) * 0.3))
        for tensor in theirs.parameters():
            tensor.add_(paddle.to_tensor(stream.normal(size=tuple(tensor.shape)) * 0.3))
    return ours.eval(), theirs.eval(), shapes


def run(model: Any, make: Callable[[Any], Any], shapes: list[tuple[int, ...]]) -> Any:
    return model(*(make(np.random.default_rng(1).normal(size=shape)) for shape in shapes)).detach().numpy()


# From Paddle the hooks' names are written: parametrizations.weight_norm loads those too, spectral_norm does not.
PARAMETRISED = (
    "--rename", r"^(spectral|linear|last)\.weight_orig$=\1.parametrizations.weight.original",
    "--rename", r"^(spectral|linear|last)\.weight_([uv])$=\1.parametrizations.weight.0._\2",
)  # fmt: skip
# The hooks of torch.nn.utils are what older models were saved with.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")


@pytest.mark.parametrize("name", MODELS)
def test_from_torch(tmp_path: Path, require: Any, name: str) -> None:
    require("torch", "paddle")
    import paddle
    import torch

    ours, theirs, shapes = drawn(name)
    torch.save(ours.state_dict(), tmp_path / "m.pth")
    output_of(convert, tmp_path / "m.pth", tmp_path / "m.pdparams")
    assert theirs.set_state_dict(paddle.load(str(tmp_path / "m.pdparams"))) == ([], [])
    one, other = run(ours, torch.tensor, shapes), run(theirs, paddle.to_tensor, shapes)
    assert np.abs(one - other).max() < 1e-9 * np.abs(one).max()
    output_of(convert, tmp_path / "m.pdparams", tmp_path / "back.pth")
    before, after = open_checkpoint(tmp_path / "m.pth"), open_checkpoint(tmp_path / "back.pth")
    assert all_bits(after) == all_bits(before)


@pytest.mark.parametrize("name", [name for name in MODELS if "square" not in name and "axes" not in name])
def test_from_paddle(tmp_path: Path, require: Any, name: str) -> None:
    require("torch", "paddle")
    import paddle
    import torch

    ours, theirs, shapes = drawn(name)
    paddle.save(theirs.state_dict(), str(tmp_path / "m.pdparams"))
    output_of(
        convert, tmp_path / "m.pdparams", tmp_path / "m.pth", *(PARAMETRISED if "parametrizations" in name else ())
    )
    ours.load_state_dict(torch.load(tmp_path / "m.pth", weights_only=True), strict=True)
    one, other = run(ours, torch.tensor, shapes), run(theirs, paddle.to_tensor, shapes)
    assert np.abs(one - other).max() < 1e-9 * np.abs(one).max()
    output_of(convert, tmp_path / "m.pth", tmp_path / "back.pdparams")
    before, after = open_checkpoint(tmp_path / "m.pdparams"), open_checkpoint(tmp_path / "back.pdparams")
    assert all_bits(after) == all_bits(before)


def test_the_record_follows_a_decoder_layer(tmp_path: Path) -> None:
    """Its names are torch's on both ways: what is under cross_attn in Paddle is under multihead_attn there."""
    cell = {f"layers__0__cross_attn__{leaf}_l0": (8, 2) for leaf in ("weight_ih", "weight_hh")}
    tensors = state(**DECODER, **cell)
    there = planned(tensors, "paddle")
    assert there.record["listed_once"][0] == "layers.0.multihead_attn.weight_ih_l0"
    assert planned(there.tensors, "torch", there.record).tensors.keys() == tensors.keys()


def test_a_square_linear_from_paddle_is_a_question_unless_the_record_tells() -> None:
    tensors = state(fc__weight_g=(4,), fc__weight_v=(4, 4), fc__bias=(4,))
    with pytest.raises(InputError, match=r"fc.weight_g may lie along either axis of the square fc.weight_v.*remove_"):
        planned(tensors, "paddle")
    assert planned(tensors, "paddle", {"weight_norm_axes": {"fc.weight": 1}}).tensors["fc.weight_g"].shape == (1, 4)
    for wrong in (5, "x", [0], None):
        with pytest.raises(InputError, match="may lie along"):
            planned(tensors, "paddle", {"weight_norm_axes": {"fc.weight": wrong}})


DECODER = {
    f"layers__0__{name}": (3,)
    for name in ("self_attn__x", "linear1__bias", "linear2__bias", "norm1__bias", "norm2__bias", "norm3__bias")
}


@pytest.mark.parametrize(("source", "shapes", "expected"), [
    ("torch", {"a__weight_g": (3,), "a__weight_v": (3, 2)}, {"a.weight_g": (3,), "a.weight_v": (3, 2)}),
    ("torch", {"a__weight_g": (2, 2, 1), "a__weight_v": (2, 2, 1)}, {"a.weight_g": (2, 2, 1), "a.weight_v": (2, 2, 1)}),
    ("torch", {"a__weight_g": (3, 1, 1), "b__weight_v": (3, 2, 1)}, {"a.weight_g": (3, 1, 1), "b.weight_v": (3, 2, 1)}),
    ("torch", {"a__parametrizations__weight__original": (3, 2, 1)}, {"a.parametrizations.weight.original": (3, 2, 1)}),
    ("paddle", {"a__weight_g": (5,), "a__weight_v": (3, 2, 1)}, {"a.weight_g": (5,), "a.weight_v": (3, 2, 1)}),
    ("torch", {"rnn__weight_ih_l0_g": (8, 1), "rnn__weight_ih_l0_v": (8, 3)},
     {"rnn.weight_ih_l0_g": (8,), "rnn.weight_ih_l0_v": (8, 3)}),
    ("torch", {"conv__weight": (5, 3, 4), "conv__bias": (5,)}, {"conv.weight": (5, 3, 4), "conv.bias": (5,)}),
    ("paddle", {"a__weight": (5, 3, 4), "a__bias": (1, 5)}, {"a.weight": (5, 3, 4), "a.bias": (5,)}),
    ("paddle", {"a__weight": (5, 3, 4), "a__bias": (1, 4)}, {"a.weight": (5, 3, 4), "a.bias": (1, 4)}),
    ("paddle", {"own__weight": (3, 4, 5), "own__bias": (3, 4, 5)}, {"own.weight": (3, 4, 5)}),
    ("torch", {"own__weight": (1, 4, 1, 1), "own__bias": (1, 4, 1, 1)}, {"own.weight": (1, 4, 1, 1)}),
    ("torch", {"own__weight": (3, 4, 5), "own__bias": (3, 4, 5)}, {"own.weight": (60,), "own.bias": (60,)}),
    ("torch", {**DECODER, "layers__0__multihead_attn__x": (1,)}, {"layers.0.cross_attn.x": (1,)}),
    ("torch", {**DECODER, "layers__0__cross_attn__x": (1,)}, {"layers.0.cross_attn.x": (1,)}),
    ("paddle", {**DECODER, "layers__0__multihead_attn__x": (1,)}, {"layers.0.multihead_attn.x": (1,)}),
    ("torch", {**DECODER, "layers__0__multihead_attn__x": (1,), "layers__0__norm4__bias": (3,)},
     {"layers.0.multihead_attn.x": (1,)}),
])  # fmt: skip
def test_what_only_looks_like_it_stays_and_all_comes_back(source: Any, shapes: Any, expected: Any) -> None:
    tensors = state(**shapes)
    there, back = there_and_back(tensors, source)
    assert {name: tensor.shape for name, tensor in there.items()}.items() >= expected.items()
    assert all_bits(back) == all_bits(tensors)


@pytest.mark.parametrize("source", ["torch", "paddle"])
@pytest.mark.parametrize(
    "key",
    [
        "layer_norm_shapes",
        "kept_layer_norms",
        "weight_norm_axes",
        "parametrised",
        "bilinear",
        "kept_decoders",
        "kept_weight_norms",
    ],
)
def test_a_record_that_is_none_is_passed_over(source: Any, key: str) -> None:
    tensors = state(a__weight_g=(3, 1, 1) if source == "torch" else (3,), a__weight_v=(3, 2, 1))
    for odd in (7, "x", [7], {"a.weight": [1]} if key != "weight_norm_axes" else None):
        planned(tensors, source, {key: odd})


def test_axes_that_do_not_fit_a_layer_norm_are_passed_over() -> None:
    tensors = state(n__weight=(6,), n__bias=(6,))
    for odd in ([2, 4], [-2, -3], [2.0, 3.0], ["2", 3], 6, None, {}):
        record = {"layer_norm_shapes": {"n.": odd}}
        assert planned(tensors, "paddle", record).tensors == tensors


def test_own_parameters_that_look_like_a_layer_norm_stay_where_plain_says_so() -> None:
    tensors = state(own__weight=(3, 4, 5), own__bias=(3, 4, 5))
    assert planned(tensors, "torch", answers=[("own.*", "parameter")]).tensors == tensors


@pytest.mark.parametrize(("source", "shapes", "message"), [
    ("torch", {"weight_ih_l0": (8, 3), "weight_hh_l0": (8, 1), "bias_ih_l0": (8,), "bias_hh_l0": (8,),
               "weight_hr_l0": (2,)}, "weight_hr_l0 has shape"),
    ("torch", {"weight_ih_l0": (8, 3), "weight_hr_l0": (1, 2)}, "weight_hh_l0 is missing beside weight_ih_l0"),
    ("paddle", {"weight_ih_l0": (8, 3), "0__cell__weight_ih": (8, 3), "0__cell__weight_hh": (8, 1),
                "0__cell__bias_ih": (8,), "0__cell__bias_hh": (8,), "0__cell__weight_ho": (2, 1)},
     "weight_ih_l0 differs from 0.cell.weight_ih"),
])  # fmt: skip
def test_a_damaged_lstm_with_a_projection_is_refused(source: Any, shapes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planned(state(**shapes), source)


@pytest.mark.parametrize(("source", "g", "dims"), [
    ("torch", (4, 1), "dim=0 in torch; build it with dim=1 in paddle"),
    ("torch", (1, 3), "dim=1 in torch; build it with dim=0 in paddle"),
    ("paddle", (4,), "dim=1 in paddle; build it with dim=0 in torch"),
    ("paddle", (3,), "dim=0 in paddle; build it with dim=1 in torch"),
    ("torch", (), None),
])  # fmt: skip
def test_the_axis_of_a_weight_norm_is_said_where_it_is_another_one(source: Any, g: Any, dims: str | None) -> None:
    v = (4, 3) if source == "torch" else (3, 4)
    tensors = state(fc__weight_g=g, fc__weight_v=v, fc__bias=(4,), conv__weight_g=(2,), conv__weight_v=(2, 2, 1))
    notes = planned(tensors, source).notes
    assert notes == (() if dims is None else (f"fc.weight: weight norm of a Linear, {dims}",))


@pytest.mark.parametrize("source", ["torch", "paddle"])
def test_a_pruned_weight_is_refused(source: Any) -> None:
    tensors = state(net__0__weight_orig=(3, 2), net__0__weight_mask=(3, 2), net__0__bias=(3,))
    with pytest.raises(InputError, match=r"net\.0\.weight_orig is pruned .*prune\.remove it"):
        planned(tensors, source)
    assert plan(tensors, Options(source=source, target=source)).tensors == tensors
