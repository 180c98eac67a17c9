"""Layers whose weight has another name in the other framework, and files that only look like them."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.commands.files import convert, inspect
from nlblocks.errors import InputError
from nlblocks.weights import dialects
from nlblocks.weights.files import Tensor, open_checkpoint, write_checkpoint
from nlblocks.weights.recognise import anchors, candidates
from parity_tests.helpers.command_line import call, output_of
from parity_tests.helpers.tensors import all_bits, planned, state, stored, there_and_back

INSTANCE, PRELU = {"weight": (3,), "bias": (3,)}, {"weight": (3,)}


def models() -> tuple[Any, Any]:
    """The same function in torch and in Paddle, in float64."""
    import paddle
    import torch

    torch_net = torch.nn.Sequential()
    torch_net.add_module("conv", torch.nn.Conv2d(2, 3, 3))
    torch_net.add_module("in1", torch.nn.InstanceNorm2d(3, affine=True))
    torch_net.add_module("act", torch.nn.PReLU(3))
    torch_net.add_module("instance_norm", torch.nn.InstanceNorm2d(3, affine=True))
    torch_net.add_module("prelu", torch.nn.PReLU())
    torch_net.add_module("norm", torch.nn.GroupNorm(1, 3))
    paddle.set_default_dtype("float64")
    try:
        nn = paddle.nn
        paddle_net = nn.Sequential(
            ("conv", nn.Conv2D(2, 3, 3)), ("in1", nn.InstanceNorm2D(3)), ("act", nn.PReLU(3)),
            ("instance_norm", nn.InstanceNorm2D(3)), ("prelu", nn.PReLU()), ("norm", nn.GroupNorm(1, 3)),
        )  # fmt: skip
    finally:
        paddle.set_default_dtype("float32")
    return torch_net.double().eval(), paddle_net.eval()


@pytest.mark.parametrize("source", ["torch", "paddle"])
def test_instance_norm_and_prelu_compute_the_same(tmp_path: Path, require: Any, source: str) -> None:
    require("torch", "paddle")
    import paddle
    import torch

    torch_net, paddle_net = models()
    stream = np.random.default_rng(0)
    x = stream.normal(size=(2, 2, 6, 6))
    values = {name: stream.normal(size=tuple(tensor.shape)) for name, tensor in torch_net.state_dict().items()}
    names = dict(zip(values, paddle_net.state_dict(), strict=True))
    if source == "torch":
        torch_net.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
        torch.save(torch_net.state_dict(), tmp_path / "m.pth")
        output_of(convert, tmp_path / "m.pth", tmp_path / "m.pdparams")
        assert paddle_net.set_state_dict(paddle.load(str(tmp_path / "m.pdparams"))) == ([], [])
        first, middle, back = "m.pth", "m.pdparams", "back.pth"
    else:
        paddle_net.set_state_dict({names[name]: paddle.to_tensor(value) for name, value in values.items()})
        paddle.save(paddle_net.state_dict(), str(tmp_path / "m.pdparams"))
        output_of(convert, tmp_path / "m.pdparams", tmp_path / "m.pth")
        torch_net.load_state_dict(torch.load(tmp_path / "m.pth", weights_only=True), strict=True)
        first, middle, back = "m.pdparams", "m.pth", "back.pdparams"
    with torch.no_grad(), paddle.no_grad():
        one, other = torch_net(torch.tensor(x)).numpy(), paddle_net(paddle.to_tensor(x)).numpy()
    assert np.abs(one - other).max() < 1e-9 * np.abs(one).max()  # Paddle's norms hold their eps as float32
    output_of(convert, tmp_path / middle, tmp_path / back)
    before, after = open_checkpoint(tmp_path / first), open_checkpoint(tmp_path / back)
    assert all_bits(before) == all_bits(after)


@pytest.mark.parametrize(("source", "modules", "expected"), [
    ("torch", {"in1": INSTANCE, "norm": INSTANCE}, {"in1.scale", "in1.bias", "norm.weight", "norm.bias"}),
    ("torch", {"block.IN.0": INSTANCE}, {"block.IN.0.scale", "block.IN.0.bias"}),
    ("torch", {"norm_in": INSTANCE, "act": INSTANCE}, {"norm_in.weight", "norm_in.bias", "act.weight", "act.bias"}),
    ("torch", {"acts.0": PRELU, "instance_norms.1": INSTANCE},
     {"acts.0._weight", "instance_norms.1.scale", "instance_norms.1.bias"}),
    ("torch", {"prelu1": PRELU, "norm": PRELU}, {"prelu1._weight", "norm.weight"}),
    ("torch", {"own": {"scale": (3,), "bias": (3,)}, "mine": {"_weight": (3,)}},
     {"own.scale", "own.bias", "mine._weight"}),
    ("torch", {"in1": {**INSTANCE, "running_mean": (3,), "running_var": (3,)}},
     {"in1.weight", "in1.bias", "in1._mean", "in1._variance"}),
    ("paddle", {"norm": {"scale": (3,), "bias": (3,)}, "0": {"_weight": (1,)}},
     {"norm.weight", "norm.bias", "0.weight"}),
    ("paddle", {"in1": INSTANCE, "act": PRELU}, {"in1.weight", "in1.bias", "act.weight"}),
    ("paddle", {"own": {"scale": (3,)}, "odd": {"scale": (3,), "bias": (4,)}}, {"own.scale", "odd.scale", "odd.bias"}),
    ("paddle", {"both": {"scale": (3,), "bias": (3,), "weight": (3,)}}, {"both.scale", "both.bias", "both.weight"}),
])  # fmt: skip
def test_what_is_renamed_and_what_only_looks_like_it(source: str, modules: Any, expected: set[str]) -> None:
    tensors = state(**modules)
    there, back = there_and_back(tensors, source)
    assert set(there) == expected
    assert all_bits(back) == all_bits(tensors)


def test_convolutions_under_the_names_of_an_attention_are_not_turned() -> None:
    one = {"weight": (4, 4, 1, 1)}
    tensors = state(q_proj=one, k_proj=one, v_proj=one, out_proj=one)
    assert planned(tensors, "paddle").tensors == tensors


@pytest.mark.parametrize("shapes", [
    {"in_proj_weight": (6, 2), "in_proj_bias": ()},
    {"in_proj_weight": (7, 2)},
])  # fmt: skip
def test_a_fused_projection_of_another_shape_is_refused(shapes: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(InputError, match="in_proj"):
        planned(state(attn=shapes | {"out_proj.weight": (2, 2)}), "torch")


@pytest.mark.parametrize("record", [
    {"separate_attention": 5}, {"num_batches_tracked": [1]},
    {"num_batches_tracked": {"bn.num_batches_tracked": 1 << 70}},
    {"renamed_weights": "in1.", "kept_weights": {"x": 1}},
])  # fmt: skip
def test_a_record_that_is_none_is_passed_over(record: dict[str, Any]) -> None:
    part = {"weight": (2, 2)}
    tensors = state(bn={"_mean": (3,), "_variance": (3,)}, q_proj=part, k_proj=part, v_proj=part, out_proj=part)
    done = planned(tensors, "paddle", record).tensors
    assert {"bn.running_mean", "bn.running_var"} <= set(done)
    assert "bn.num_batches_tracked" not in done


def test_the_first_names_of_a_block_stand_for_all_its_options() -> None:
    for name in dialects.names():
        for cls in dialects.get(name).tables:
            assert anchors(name, cls.kind) == {
                next(iter(rows.values()))[0] for _, _, rows in candidates(name, cls.kind)
            }


def test_inspect_shows_what_there_is_to_choose_from(tmp_path: Path) -> None:
    def array(n: int) -> Any:
        return np.zeros(n, np.float32)

    with (tmp_path / "one.pdparams").open("wb") as file:
        pickle.dump({"model": {"a": array(2)}, "optimizer": {"a.moment": array(2), "b.moment": array(3)}}, file, 4)
    output = output_of(inspect, tmp_path / "one.pdparams")
    assert "1 tensors under 'model'" in output
    assert "2 tensors more under 'optimizer'" in output
    for key, said in (
        ((), "nlblocks: note: 2 tensors under 'optimizer' are left out; see --key\n"),
        (("--key", "model"), ""),
    ):
        result = call(tmp_path / "one.pdparams", tmp_path / "one.pth", *key, command=convert)
        assert (result.exit_code, result.stderr) == (0, said)
    with (tmp_path / "two.pdparams").open("wb") as file:
        pickle.dump({"model": {"a": array(2)}, "ema": {"a": array(3)}}, file, 4)
    output = output_of(inspect, tmp_path / "two.pdparams")
    assert "choose one with key (--key): 'model', 'ema'" in output
    assert "ema\n    a  float32  3" in output
    with pytest.raises(InputError, match="choose one with key"):
        output_of(convert, tmp_path / "two.pdparams", tmp_path / "x.pth")


@pytest.mark.parametrize("module", [
    "embed_out", "emb_proj", "vocab_head", "time_embed.0", "time_embed.2", "patch_embed.3", "member", "ensemble",
    "query", "cls",
])  # fmt: skip
def test_a_linear_without_a_bias_is_not_taken_for_a_table_by_a_part_of_its_name(module: str) -> None:
    tensors = state(**{module: {"weight": (4, 4)}})
    if module.startswith("time_embed"):
        tensors |= state(**{"time_embed.0": {"weight": (4, 4)}, "time_embed.2": {"weight": (4, 4)}})
    if module == "patch_embed.3":
        tensors |= state(**{"patch_embed.2": {"weight": (4,), "bias": (4,)}})
    with pytest.raises(InputError, match=rf"what these are: .*{module}\.weight"):
        planned(tensors, "torch")


def test_tables_in_a_list_are_tables() -> None:
    modules = ("embeddings.0", "embeddings.1", "embeddings.2", "emb.0", "pos_emb", "codebook.0", "codebook.1")
    tensors = state(norm={"weight": (4,)}, **{module: {"weight": (7 + i, 4)} for i, module in enumerate(modules)})
    assert planned(tensors, "torch").tensors == tensors


@pytest.mark.parametrize("source", ["torch", "paddle"])
def test_where_rectangles_lie_the_other_way_squares_are_a_question(source: Any) -> None:
    other = {"weight": (2, 6) if source == "torch" else (6, 2), "bias": (6,)}
    square = {"weight": (2, 2), "bias": (2,)}
    for first, second in (("h.0.attn", "h.0.proj"), ("gc1", "gc2"), ("model.gc1", "model.gc2")):
        tensors = state(**{first: other, second: square, "encoder.pooler": square})
        with pytest.raises(InputError, match=rf"what these are: {second}\.weight \(2, 2\);.*is --from right"):
            planned(tensors, source, answers=[(f"{first}.weight", "parameter")])


def test_projections_beside_each_other_are_linear() -> None:
    names = (
        "attn.q",
        "attn.k",
        "attn.v",
        "attn.o",
        "a.to_q",
        "b.query",
        "b.key",
        "b.value",
        "ff.wi_0",
        "ff.wo",
        "features.2.reduction",
    )  # Swin
    tensors = state(**{name: {"weight": (4, 4)} for name in names})
    done = planned(tensors, "torch")
    assert {row.action for row in done.rows} == {"turned (Linear)"}
    with pytest.raises(InputError, match=r"what these are: attn\.q\.weight"):
        planned(state(**{"attn.q": {"weight": (4, 4)}}), "torch")


@pytest.mark.parametrize(("options", "message"), [
    (("--as", "fc.weigth=linear"), "--as 'fc.weigth=linear' names no tensor"),
    (("--as", "*.weight=linear", "--as", "fc*=embedding"), "fc.weight is said to be linear and embedding"),
    (("--as", "fc=instance_norm"), "--as 'fc=instance_norm': fc.weight cannot be one by its shape"),
    (("--as", "fc=lineal"), "'lineal' is no kind; it must be one of 'linear', 'conv1d'"),
    (("--as", "fc"), "--as 'fc' must be PATTERN=KIND"),
    (("--rename", "fc=", "--rename", r"\.weight="), "fc.weight would have no name"),
    (("--dry-run", "--shard-size", "lots"), "must be a size"),
])  # fmt: skip
def test_answers_that_say_nothing_or_two_things(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    write_checkpoint(tmp_path / "a.pth", state(fc={"weight": (4, 4), "bias": (4,)}))
    with pytest.raises(InputError, match=message):
        output_of(convert, tmp_path / "a.pth", tmp_path / "a.pdparams", *options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]


BATCH_NORM = {"weight": (3,), "bias": (3,), "running_mean": (3,), "running_var": (3,)}
PROJECTIONS = {f"self_attn.{part}_proj": {"weight": (4, 4), "bias": (4,)} for part in ("q", "k", "v", "out")}


def recorded(wrapper: str = "") -> dict[str, Tensor]:
    """What comes back from Paddle only by the record."""
    tensors = state(**{f"{wrapper}enc.{name}": shapes for name, shapes in {**PROJECTIONS, "bn": BATCH_NORM}.items()})
    count = stored(np.array(7, np.int64))
    return {**tensors, f"{wrapper}enc.bn.num_batches_tracked": count}


def test_the_record_goes_through_a_copy_and_follows_new_names(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pth", recorded())
    output_of(convert, tmp_path / "a.pth", tmp_path / "a.pdparams", "--rename", r"^enc\.=encoder.")
    output_of(
        convert, tmp_path / "a.pdparams", tmp_path / "copy.safetensors", "--to", "paddle", "--rename", "^encoder=e"
    )
    output_of(convert, tmp_path / "copy.safetensors", tmp_path / "back.pth", "--rename", r"^e\.=enc.")
    assert all_bits(open_checkpoint(tmp_path / "back.pth")) == all_bits(recorded())


def test_the_record_loses_the_wrapper_with_the_names(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pth", recorded("module."))
    output_of(convert, tmp_path / "a.pth", tmp_path / "a.pdparams")
    output_of(convert, tmp_path / "a.pdparams", tmp_path / "back.pth", "--strip-prefix")
    assert all_bits(open_checkpoint(tmp_path / "back.pth")) == all_bits(recorded())


def test_projections_of_other_shapes_or_said_to_be_linear_are_no_attention_of_torch() -> None:
    few = {name: {"weight": (4, 2), "bias": (2,)} if name[10] in "kv" else own for name, own in PROJECTIONS.items()}
    wide = {name: {"weight": (6, 4) if "out" in name else (4, 6), "bias": (4,) if "out" in name else (6,)}
            for name in PROJECTIONS}  # fmt: skip
    for shapes in (few, wide):
        tensors = state(**shapes)
        assert planned(tensors, "paddle").tensors.keys() == tensors.keys()
    tensors = state(**PROJECTIONS)
    assert "self_attn.in_proj_weight" in planned(tensors, "paddle").tensors
    assert planned(tensors, "paddle", answers=[("self_attn.*_proj.weight", "linear")]).tensors.keys() == tensors.keys()


@pytest.mark.parametrize(("arguments", "message"), [
    (("convert",), "nlblocks: Missing argument 'SOURCE'; see main convert --help"),
    (("convert", "a.pth", "b.pth", "--to", "x"), "nlblocks: Invalid value for '--to': 'x' is not one of 'torch',"),
    (("convret",), "nlblocks: No such command 'convret'"),
    (("convert", "a.pth", "b.pdparams"), r"nlblocks: neither name nor neighbours say what these are: \x1b[31m\nx.w"),
])  # fmt: skip
def test_a_wrong_use_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_checkpoint("a.pth", state(**{"\x1b[31m\nx": {"weight": (2, 2)}}))
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_what_may_be_an_instance_norm_or_a_prelu_is_said(tmp_path: Path) -> None:
    conv = {"weight": (3, 3, 1, 1), "bias": (3,)}
    tensors = state(**{"0": conv, "1": INSTANCE, "2": conv, "3": PRELU, "4": INSTANCE, "5": INSTANCE, "norm": INSTANCE})
    write_checkpoint(tmp_path / "a.pth", tensors)
    for options in ((), ("--dry-run",)):
        result = call(tmp_path / "a.pth", tmp_path / "a.pdparams", *options, command=convert)
        assert result.stderr.splitlines() == [
            "nlblocks: note: 1.weight, 4.weight, 5.weight, norm.weight: kept the name of its weight, as a GroupNorm's "
            "or LayerNorm's; if it is an InstanceNorm's, --as '1.weight=instance_norm'; the same for 4.weight, "
            "5.weight, norm.weight",
            "nlblocks: note: 3.weight: taken for a PReLU by what is before it; if it is a norm without a bias, "
            "--as '3.weight=rms_norm'",
        ]
    output_of(convert, tmp_path / "a.pth", tmp_path / "b.pdparams", "--as", "1=instance_norm", "--as", "3=rms_norm")
    assert {"1.scale", "3.weight"} <= set(open_checkpoint(tmp_path / "b.pdparams"))
    back = planned(open_checkpoint(tmp_path / "a.pdparams").tensors, "paddle")
    assert back.notes == ()


def test_a_table_shows_names_as_they_are(tmp_path: Path) -> None:
    names = ("a[red]b", "c[/x]", ":smile:")
    write_checkpoint(tmp_path / "a.pth", state(**dict.fromkeys(names, PRELU)))
    output = output_of(convert, tmp_path / "a.pth", tmp_path / "a.pdparams", "--dry-run")
    assert all(output.count(f"{name}.weight") == 2 for name in names)


def test_a_torchscript_archive_and_an_empty_file_are_told_in_one_clause(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "script.pth", "w") as archive:
        for name in ("data.pkl", "constants.pkl"):
            archive.writestr(f"m/{name}", b"\x80\x02}.")
    with pytest.raises(InputError, match=r"script\.pth: there is no tensor in the file"):
        open_checkpoint(tmp_path / "script.pth")
    (tmp_path / "empty.pth").touch()
    with pytest.raises(InputError) as error:
        open_checkpoint(tmp_path / "empty.pth")
    assert str(error.value) == f"{tmp_path / 'empty.pth'}: the file is empty"


def test_a_fused_projection_without_its_output_is_a_question() -> None:
    tensors = state(attn={"in_proj_weight": (6, 2)})
    with pytest.raises(InputError, match=r"attn\.in_proj_weight \(6, 2\)"):
        planned(tensors, "torch")
    kept = planned(tensors, "torch", answers=[("attn.in_proj_weight", "parameter")])
    assert kept.tensors == tensors


@pytest.mark.parametrize(("source", "modules"), [
    ("torch", {"own": {"weight": (2, 2, 3), "bias": (1, 2)}}),
    ("paddle", {"bilinear": {"weight": (2, 2, 3), "bias": (2,)}}),
    ("torch", {"own": {"_mean": (2,), "_variance": (2,)}}),
    ("paddle", {"own": {"running_mean": (2,), "running_var": (2,)}}),
])  # fmt: skip
def test_what_looks_like_the_other_frameworks_layer_stays_there_and_back(source: str, modules: Any) -> None:
    tensors = state(**modules)
    there, back = there_and_back(tensors, source)
    assert there.keys() == tensors.keys() == back.keys()
    assert {n: t.shape for n, t in back.items()} == {n: t.shape for n, t in tensors.items()}


def test_projections_with_odd_biases_are_no_attention() -> None:
    """A bias without axes was an IndexError."""
    attention = {f"{part}_proj.weight": (2, 2) for part in ("q", "k", "v", "out")}
    biases = {f"{part}_proj.bias": () for part in ("q", "k", "v", "out")}
    with pytest.raises(InputError, match="neither name nor neighbours"):
        planned(state(attn=attention | biases), "paddle")


def test_the_librarys_own_batch_norms_keep_their_names_inside_a_model(tmp_path: Path, require: Any) -> None:
    """They have the same names in both frameworks; renamed as torch's own are, Paddle's block lost its statistics."""
    require("torch", "paddle")
    import paddle
    import torch

    spec = nlblocks.specs.NonLocal(in_channels=4)
    ours = torch.nn.Sequential(torch.nn.BatchNorm2d(4), nlblocks.build(spec, backend="torch", seed=0))
    theirs = paddle.nn.Sequential(paddle.nn.BatchNorm2D(4), nlblocks.build(spec, backend="paddle", seed=1))
    torch.save(ours.state_dict(), tmp_path / "m.pth")
    output_of(convert, tmp_path / "m.pth", tmp_path / "m.pdparams")
    assert theirs.set_state_dict(paddle.load(str(tmp_path / "m.pdparams"))) == ([], [])
    output_of(convert, tmp_path / "m.pdparams", tmp_path / "back.pth")
    ours.load_state_dict(torch.load(tmp_path / "back.pth", weights_only=True), strict=True)


def test_what_paddle_lists_once_is_listed_once_on_the_way_back() -> None:
    tensors = state(lstm={"weight_ih_l0": (8, 3), "weight_hh_l0": (8, 2)})
    there, back = there_and_back(tensors, "paddle")
    assert there.keys() == back.keys() == tensors.keys()
