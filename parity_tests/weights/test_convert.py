"""Whole checkpoints converted by the meaning of their layers, checked by running the models in both frameworks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.commands.files import convert, dialects, inspect
from nlblocks.errors import InputError
from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import Tensor, open_checkpoint, write_checkpoint
from nlblocks.weights.recognise import recognise
from parity_tests.helpers.command_line import output_of
from parity_tests.helpers.golden import CASES, Golden
from parity_tests.helpers.tensors import all_bits, bits, planned, state, stored


def to_paddle(tensors: dict[str, Tensor], **options: Any) -> dict[str, Tensor]:
    return planned(tensors, "torch", **options).tensors


def torch_model() -> Any:
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.bn = nn.BatchNorm2d(4)
            self.embedding = nn.Embedding(7, 4)
            self.fc = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4, bias=False))
            self.attn = nn.MultiheadAttention(4, 2, batch_first=True)
            self.cross = nn.MultiheadAttention(4, 2, kdim=3, vdim=5, batch_first=True)
            self.lstm = nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True)
            self.gru = nn.GRU(6, 3, batch_first=True)
            self.norm = nn.LayerNorm(3)

        def forward(self, image: Any, words: Any, keys: Any, values: Any) -> Any:
            image = self.bn(self.conv(image)).flatten(2).transpose(1, 2)
            y = self.fc(image + self.embedding(words))
            y = y + self.attn(y, y, y)[0] + self.cross(y, keys, values)[0]
            return self.norm(self.gru(self.lstm(y)[0])[0])

    torch.manual_seed(0)
    model = Model().double().eval()
    model.train()
    model.bn(torch.randn(5, 4, 3, 3, dtype=torch.float64) * 3 + 1)  # statistics and a count that are not the defaults
    return model.eval()


def paddle_model() -> Any:
    import paddle
    from paddle import nn

    class Model(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2D(3, 4, 3)
            self.bn = nn.BatchNorm2D(4)
            self.embedding = nn.Embedding(7, 4)
            self.fc = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4, bias_attr=False))
            self.attn = nn.MultiHeadAttention(4, 2)
            self.cross = nn.MultiHeadAttention(4, 2, kdim=3, vdim=5)
            self.lstm = nn.LSTM(4, 3, num_layers=2, direction="bidirect")
            self.gru = nn.GRU(6, 3)
            self.norm = nn.LayerNorm(3)

        def forward(self, image: Any, words: Any, keys: Any, values: Any) -> Any:
            image = self.bn(self.conv(image)).flatten(2).transpose([0, 2, 1])
            y = self.fc(image + self.embedding(words))
            y = y + self.attn(y, y, y) + self.cross(y, keys, values)
            return self.norm(self.gru(self.lstm(y)[0])[0])

    paddle.seed(0)
    paddle.set_default_dtype("float64")
    try:
        model = Model()
    finally:
        paddle.set_default_dtype("float32")
    model.eval()
    return model


def test_a_whole_model_computes_the_same_and_comes_back_bit_equal(tmp_path: Path, require: Any) -> None:
    require("torch", "paddle")
    import paddle
    import torch

    source = torch_model()
    torch.save({"model": source.state_dict(), "epoch": 1}, tmp_path / "m.pth")
    output_of(convert, tmp_path / "m.pth", tmp_path / "m.pdparams")
    target = paddle_model()
    assert target.set_state_dict(paddle.load(str(tmp_path / "m.pdparams"))) == ([], [])

    stream = np.random.default_rng(0)
    inputs = [stream.normal(size=shape) for shape in ((2, 3, 4, 4), (2, 4, 3), (2, 4, 5))]
    words = stream.integers(0, 4, (2, 4))
    with torch.no_grad():
        expected = source(torch.tensor(inputs[0]), torch.tensor(words), *map(torch.tensor, inputs[1:])).numpy()
    with paddle.no_grad():
        found = target(paddle.to_tensor(inputs[0]), paddle.to_tensor(words), *map(paddle.to_tensor, inputs[1:])).numpy()
    assert np.abs(found - expected).max() < 1e-9  # Paddle's norms hold their eps as float32

    output_of(convert, tmp_path / "m.pdparams", tmp_path / "back.pth")
    back = torch.load(tmp_path / "back.pth", weights_only=True)
    assert sorted(back) == sorted(source.state_dict())
    for name, tensor in source.state_dict().items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor), name
    torch_model().load_state_dict(back, strict=True)


def test_a_paddle_model_comes_back_bit_equal(tmp_path: Path, require: Any) -> None:
    require("torch", "paddle")
    import paddle
    import torch

    source = paddle_model()
    paddle.save(source.state_dict(), str(tmp_path / "m.pdparams"))
    output_of(convert, tmp_path / "m.pdparams", tmp_path / "m.pth")
    missing = torch_model().load_state_dict(torch.load(tmp_path / "m.pth", weights_only=True), strict=True)
    assert str(missing) == "<All keys matched successfully>"
    output_of(convert, tmp_path / "m.pth", tmp_path / "back.pdparams")
    before, after = open_checkpoint(tmp_path / "m.pdparams"), open_checkpoint(tmp_path / "back.pdparams")
    assert sorted(before) == sorted(after)
    assert all_bits(before) == all_bits(after)


@pytest.mark.parametrize("middle", ["m.pdparams", "m.safetensors"])
def test_projections_that_are_separate_in_torch_are_not_joined_on_the_way_back(tmp_path: Path, middle: str) -> None:
    parts = {f"self_attn__{part}_proj__{leaf}": (4, 4)[: 2 if leaf == "weight" else 1]
             for part in ("q", "k", "v", "out") for leaf in ("weight", "bias")}  # fmt: skip
    write_checkpoint(tmp_path / "a.pth", state(**parts))
    output_of(convert, tmp_path / "a.pth", tmp_path / middle, "--to", "paddle")
    output_of(convert, tmp_path / middle, tmp_path / "b.pth")
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "b.pth").read_bytes()


def test_a_linear_weight_is_known_by_name_or_neighbour() -> None:
    tensors = state(
        fc__weight=(4, 4), blocks__0__mlp__2__weight=(4, 4), odd__weight=(4, 4), odd__bias=(4,),
        embed_tokens__weight=(4, 4), conv__weight=(4, 4, 1, 1), rnn__weight_ih_l0=(4, 4), rnn__weight_hh_l0=(4, 4),
        pos_embed=(4, 4), table=(3, 4),
    )  # fmt: skip
    done = to_paddle(tensors)
    turned = {name for name in tensors if bits(done[name]) != bits(tensors[name])}
    assert turned == {"fc.weight", "blocks.0.mlp.2.weight", "odd.weight"}


@pytest.mark.parametrize("shapes", [
    {"thing__weight": (4, 4)},
    {"0__weight": (4, 4)},
    {"thing__matrix": (4, 4)},
    {"thing__weight": (4, 5)},
    {"fc__weight": (4, 4), "fc__bias": (5,)},
])  # fmt: skip
def test_an_unknown_meaning_is_a_question(shapes: dict[str, tuple[int, ...]]) -> None:
    name = next(iter(shapes)).replace("__", ".")
    with pytest.raises(InputError, match=rf"say what these are: {name}.*say --as '{name}=linear'"):
        to_paddle(state(**shapes))
    linear = to_paddle(state(**shapes), answers=[(name, "linear")])
    plain = to_paddle(state(**shapes), answers=[(f"{name[:2]}*", "parameter")])
    assert bits(linear[name]) != bits(plain[name])
    same = plan(state(**shapes), Options(source="torch", target="torch")).tensors
    assert bits(same[name]) == bits(plain[name])


def test_the_answer_of_a_pattern_goes_before_the_name() -> None:
    tensors = state(fc__weight=(4, 4))
    assert bits(to_paddle(tensors, answers=[("fc.weight", "embedding")])["fc.weight"]) == bits(tensors["fc.weight"])


def test_second_listings_that_differ_are_an_error() -> None:
    tensors = state(lstm__weight_ih_l0=(4, 3), lstm__0__cell__weight_ih=(4, 3))
    with pytest.raises(InputError, match=r"lstm\.0\.cell\.weight_ih differs"):
        planned(tensors, "paddle")


def test_renames(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pth", state(a__weight=(3,), b__weight=(3,)))
    output_of(convert, tmp_path / "a.pth", tmp_path / "b.pth", "--rename", r"^a\.=first.", "--rename", r"^b\.(.*)=x.\1")
    assert list(open_checkpoint(tmp_path / "b.pth")) == ["first.weight", "x.weight"]
    for rename, message in (("^.*=same", "a.weight and b.weight would both"), ("(=x", "regular expression"),
                            ("nothing", "REGEX=TEXT"), (r"a=\9", "replacement")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            output_of(convert, tmp_path / "a.pth", tmp_path / "c.pth", "--rename", rename)
    assert not (tmp_path / "c.pth").exists()


def test_a_dry_run_prints_the_table_and_writes_nothing(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pth", state(fc__weight=(4, 3), fc__bias=(4,)))
    output = output_of(convert, tmp_path / "a.pth", tmp_path / "a.pdparams", "--dry-run")
    assert "[4, 3] → [3, 4]" in output
    assert "turned (Linear)" in output
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]


@pytest.mark.parametrize(("arguments", "message"), [
    (("a.pdparams", "--to", "torch"), "does not write a .pdparams"),
    (("a.pth", "--to", "safetensors"), "does not write a .pth"),
    (("b.pth", "--in-channels", "3"), "need --kind"),
    (("b.safetensors", "--shard-size", "lots"), "must be a size"),
    (("b.pth", "--dialect", "nobody"), "dialect 'nobody' is unknown"),
    (("b.pth", "--dialect", "alexhex7"), "none of its blocks"),
    (("b.pth", "--to-dialect", "alexhex7"), "needs the spec of the whole file"),
    (("b.pth", "--kind", "non_local", "--in-channels", "8"), r"g\.weight is missing"),
])  # fmt: skip
def test_options_that_do_not_fit(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    write_checkpoint(tmp_path / "a.pth", state(fc__weight=(4, 3), fc__bias=(4,)))
    with pytest.raises(InputError, match=message):
        output_of(convert, tmp_path / "a.pth", tmp_path / arguments[0], *arguments[1:])
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]


def test_shards_in_sharded_out(tmp_path: Path) -> None:
    tensors = state(
        **{f"fc{index}__{leaf}": shape for index in range(4) for leaf, shape in (("weight", (9, 5)), ("bias", (9,)))}
    )
    write_checkpoint(tmp_path / "a.safetensors", tensors, shard_bytes=200)
    first, second = tmp_path / "a.safetensors.index.json", tmp_path / "b.safetensors"
    output_of(convert, first, second, "--to", "paddle", "--shard-size", "0.3kB")
    index = tmp_path / "b.safetensors.index.json"
    assert len(set(json.loads(index.read_text())["weight_map"].values())) > 1
    assert open_checkpoint(index).layout == "paddle"
    output_of(convert, index, tmp_path / "c.safetensors")
    back = open_checkpoint(tmp_path / "c.safetensors")
    assert all_bits(back) == all_bits(tensors)


# Blocks


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden_blocks_are_recognised_and_come_back_bit_equal(tmp_path: Path, path: Path) -> None:
    golden = Golden(path)
    dialect, spec = golden.dialect, golden.spec
    tensors = {f"net.0.{name}": stored(array) for name, array in golden.state.items()}
    found = recognise({name: tensor.shape for name, tensor in tensors.items()}, [dialect.name])
    if not tensors:  # a block without tensors leaves nothing in a file
        assert not found
        return
    kinds = {block.spec.kind: block for block in found if block.prefix == "net.0"}
    assert spec.kind in kinds
    block = kinds[spec.kind]
    shapes = {tuple((param.name, param.shape) for param in each.params()) for each in block.specs}
    assert tuple((param.name, param.shape) for param in spec.params()) in shapes

    layout: Any = "paddle" if dialect.linear_in_out else "torch"
    write_checkpoint(tmp_path / "a.safetensors", {name[6:]: tensor for name, tensor in tensors.items()}, layout=layout)
    source = open_checkpoint(tmp_path / "a.safetensors")
    planned = plan(source.tensors, Options(source=layout, target="torch", dialect=dialect.name, spec=spec))
    params = {param.name: param.shape for param in spec.params()}
    assert {name: tensor.shape for name, tensor in planned.tensors.items()} == params
    write_checkpoint(tmp_path / "b.safetensors", planned.tensors, spec=planned.spec)
    canonical = open_checkpoint(tmp_path / "b.safetensors")
    assert canonical.spec == spec.to_dict()
    back = plan(canonical.tensors, Options(source="torch", target=layout, to_dialect=dialect.name, spec=spec)).tensors
    assert all_bits(back) == {name[6:]: bits(tensor) for name, tensor in tensors.items()}


def test_what_the_parameters_do_not_tell_is_said() -> None:
    golden = Golden(next(path for path in CASES if "dot_product_2d_c6_sub1_bn1" in path.stem))
    shapes = {f"module.nl_1.{name}": array.shape for name, array in golden.state.items()}
    (block,) = recognise(shapes, [golden.dialect.name])
    assert str(block) == (
        "at module.nl_1: NonLocal, 2D, in_channels 6, inter_channels 3, sub_sample after, norm BatchNorm; "
        "dialect alexhex7; mode embedded_gaussian or dot_product (the parameters do not tell)"
    )


def test_a_tensor_too_many_is_no_block() -> None:
    shapes = {f"net.{name}": array.shape for name, array in Golden(CASES[-1]).state.items()}
    assert recognise(shapes)
    assert not recognise(shapes | {"net.extra": (3,)})
    first = next(iter(shapes))
    assert not recognise(shapes | {first: (*shapes[first][:-1], 9)})


@pytest.mark.parametrize("weight", [(6,), (6, 4), (6, 4, 1), (6, 4, 1, 1), (6, 1, 7, 7), (1, 1, 3)], ids=str)
def test_a_plain_layer_is_no_block(weight: tuple[int, ...]) -> None:
    statistics = {f"layer.running_{name}": (6,) for name in ("mean", "var")}
    for more in ({}, {"layer.bias": (6,)}, {"layer.bias": (6,), **statistics}):
        assert not recognise({"layer.weight": weight, **more})


def test_blocks_inside_a_model_get_the_names_of_another_codebase(tmp_path: Path, require: Any) -> None:
    spec = nlblocks.specs.NonLocal(in_channels=6, dims=2)
    block = nlblocks.build(spec, backend="reference", seed=2, dtype="float64")
    foreign = nlblocks.dialects.get("alexhex7").from_canonical(spec, nlblocks.state_of(block))
    tensors = {f"stage.nl.{name}": stored(array) for name, array in foreign.items()}
    tensors |= state(fc__weight=(4, 3), fc__bias=(4,))
    write_checkpoint(tmp_path / "a.pth", tensors)
    output_of(convert, tmp_path / "a.pth", tmp_path / "b.pth", "--dialect", "alexhex7", "--to-dialect", "tea1528")
    expected = nlblocks.dialects.get("tea1528").from_canonical(spec, nlblocks.state_of(block))
    found = open_checkpoint(tmp_path / "b.pth")
    assert set(found) == {f"stage.nl.{name}" for name in expected} | {"fc.weight", "fc.bias"}
    assert all(np.array_equal(found[f"stage.nl.{name}"].numpy(), array) for name, array in expected.items())


def test_a_whole_network_loads_in_every_backend_after_one_conversion(tmp_path: Path, require: Any) -> None:
    require("torch", "paddle")
    spec = nlblocks.specs.DigitNet()
    source = nlblocks.build(spec, backend="torch", seed=4)
    foreign = nlblocks.dialects.get("alexhex7").from_canonical(spec, nlblocks.state_of(source))
    tensors = {f"module.{name}": stored(array) for name, array in foreign.items()}
    tensors["module.conv_1.1.num_batches_tracked"] = stored(np.array(5))
    write_checkpoint(tmp_path / "net.pth", tensors)
    output_of(
        convert, tmp_path / "net.pth", tmp_path / "net.safetensors", "--dialect", "alexhex7", "--kind", "digit_net"
    )
    for backend in ("torch", "paddle", "reference"):
        module = nlblocks.load(tmp_path / "net.safetensors", backend=backend)
        expected = nlblocks.state_of(source)
        assert all(np.array_equal(array, expected[name]) for name, array in nlblocks.state_of(module).items())


def test_a_recognised_block_keeps_its_names_and_tells_what_is_linear(tmp_path: Path) -> None:
    dialect, stream = nlblocks.dialects.get("timm_attn"), np.random.default_rng(1)
    convolutions = dialect.rows(dialect.spec("SEModule", channels=8, rd_channels=8)).values()
    layers = (
        nlblocks.dialects.get("cbam_article")
        .rows(nlblocks.specs.SqueezeExcitation(in_channels=8, inter_channels=8))
        .values()
    )  # square, without bias, under a name that says nothing
    tensors = {
        f"{prefix}.{name}": stored(stream.normal(size=shape))
        for prefix, rows in (("a", convolutions), ("b", layers)) for name, shape in rows
    }  # fmt: skip
    done = to_paddle(tensors)
    assert {name for name in tensors if bits(done[name]) != bits(tensors[name])} == {
        "b.fc_layers.0.weight", "b.fc_layers.2.weight",
    }  # fmt: skip


# The other commands


def test_inspect(tmp_path: Path) -> None:
    spec = nlblocks.specs.NonLocal(in_channels=6)
    nlblocks.save(nlblocks.build(spec, backend="reference", dtype="float64"), tmp_path / "m.safetensors")
    output = output_of(inspect, tmp_path / "m.safetensors")
    for text in (
        "12 tensors",
        "  g\n    weight  float64  3 × 6 × 1 × 1  144 B",
        "spec in the file: NonLocal(in_channels=6",
        "the whole file: NonLocal, 2D, in_channels 6, inter_channels 3",
    ):
        assert text in output
    network = nlblocks.specs.DigitNet()  # a torch codebase's network, ported: recognised under Paddle's names too
    alexhex7 = nlblocks.dialects.get("alexhex7")
    built = nlblocks.state_of(nlblocks.build(network, backend="reference", dtype="float64"))
    foreign = {k: stored(v) for k, v in alexhex7.from_canonical(network, built).items()}
    write_checkpoint(tmp_path / "net.pth", foreign, layout="torch")
    output_of(convert, tmp_path / "net.pth", tmp_path / "net.pdparams")
    assert "the whole file: DigitNet" in output_of(inspect, tmp_path / "net.pdparams")
    assert "recognised blocks: none" in output_of(inspect, tmp_path / "m.safetensors", "--dialect", "slowfast")
    with pytest.raises(InputError, match="is unknown"):
        output_of(inspect, tmp_path / "m.safetensors", "--dialect", "nobody")


def test_the_coverage_table_lists_every_dialect() -> None:
    output = output_of(dialects)
    for name in nlblocks.dialects.names():
        assert name in output


def test_the_same_conversion_gives_the_same_bytes(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.safetensors", state(fc__weight=(4, 3), fc__bias=(4,)))
    digests = set()
    for index in range(2):
        output_of(convert, tmp_path / "a.safetensors", tmp_path / f"{index}.pth")
        digests.add(hashlib.sha256((tmp_path / f"{index}.pth").read_bytes()).hexdigest())
    assert len(digests) == 1
