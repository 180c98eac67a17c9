"""Gates and memories as their codebases compute them, in sizes and options that no golden file has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.weights.recognise import recognise

State = dict[str, Any]
EXACT = 1e-12


def conv(x: Any, s: State, name: str, **options: Any) -> Any:
    import torch.nn.functional as F

    return F.conv2d(x, s[f"{name}.weight"], s.get(f"{name}.bias"), **options)


def linear(x: Any, s: State, name: str) -> Any:
    import torch.nn.functional as F

    return F.linear(x, s[f"{name}.weight"], s.get(f"{name}.bias"))


def norm(x: Any, s: State, name: str, mean: str = "running_mean", var: str = "running_var", eps: float = 1e-5) -> Any:
    import torch.nn.functional as F

    weight, bias = s[f"{name}.weight"], s[f"{name}.bias"]
    return F.batch_norm(x, s[f"{name}.{mean}"], s[f"{name}.{var}"], weight, bias, eps=eps)


def shuffle(groups: int) -> Any:
    def compute(x: Any, s: State) -> Any:
        import torch
        import torch.nn.functional as F

        b, c, h, w = x.shape
        first, last = x.reshape(b * groups, -1, h, w).chunk(2, 1)
        half = first.shape[1]
        gate = s["cweight"] * first.mean((2, 3), keepdim=True) + s["cbias"]
        mask = s["sweight"] * F.group_norm(last, half, s["gn.weight"], s["gn.bias"]) + s["sbias"]
        y = torch.cat([first * gate.sigmoid(), last * mask.sigmoid()], 1).reshape(b, 2, c // 2, h, w)
        return y.transpose(1, 2).reshape(b, c, h, w)

    return compute


def scse_sum(x: Any, s: State) -> Any:
    channel = conv(conv(x.mean((2, 3), keepdim=True), s, "cSE.1").relu(), s, "cSE.3").sigmoid()
    return x * channel + x * conv(x, s, "sSE.0").sigmoid()


def scse_max(x: Any, s: State) -> Any:
    channel = linear(linear(x.mean((2, 3)), s, "cSE.fc1").relu(), s, "cSE.fc2").sigmoid()
    return (x * channel[:, :, None, None]).maximum(x * conv(x, s, "sSE.conv").sigmoid())


def tokens(x: Any, s: State) -> Any:
    shares = linear(x, s, "mk").softmax(1)
    return linear(shares / shares.sum(2, keepdim=True), s, "mv")


def heads(count: int) -> Any:
    def compute(x: Any, s: State) -> Any:
        b, n, _ = x.shape
        u = linear(x, s, "trans_dims").reshape(b, n, 4 * count, -1).transpose(1, 2)
        shares = linear(u, s, "linear_0").softmax(2)
        y = linear(shares / (1e-9 + shares.sum(3, keepdim=True)), s, "linear_1")
        return linear(y.transpose(1, 2).reshape(b, n, -1), s, "proj")

    return compute


def strided(count: int) -> Any:
    def compute(x: Any, s: State) -> Any:
        import torch.nn.functional as F

        normal = norm(x, s, "norm", "_mean", "_variance", float(np.float32(1e-5)))
        scores = F.conv2d(normal, s["k"], stride=2)
        b, k, h, w = scores.shape
        shares = scores.reshape(b, count, k // count, h * w).softmax(3)
        shares = shares / (shares.sum(2, keepdim=True) + 1e-6)
        return F.conv2d(shares.reshape(b, k, h, w), s["v"])

    return compute


def gathered(extent: int, convs: int = 0, stride: int = 2, maxima: bool = False, hard: bool = False) -> Any:
    def compute(x: Any, s: State) -> Any:
        import torch.nn.functional as F

        size, value = x.shape[2:], x
        for i in range(1, convs + 1):
            kernel = s[f"gather.conv{i}.weight"].shape[2]
            value = value.relu() if i > 1 else value
            value = conv(value, s, f"gather.conv{i}", stride=stride, padding=(kernel - 1) // 2, groups=x.shape[1])
            value = norm(value, s, f"gather.norm{i}") if f"gather.norm{i}.weight" in s else value
        if not convs and extent:
            window = {"kernel_size": 2 * extent - 1, "stride": extent, "padding": extent - 1}
            value = F.avg_pool2d(x, **window, count_include_pad=False)
            value = 0.5 * value + 0.5 * F.max_pool2d(x, **window) if maxima else value
        elif not convs:
            value = x.mean((2, 3), keepdim=True)
            value = 0.5 * value + 0.5 * x.amax((2, 3), keepdim=True) if maxima else value
        if "mlp.fc1.weight" in s:
            value = conv(conv(value, s, "mlp.fc1").relu(), s, "mlp.fc2")
        value = F.interpolate(value, size=size)
        return x * ((value + 3).clamp(0, 6) / 6 if hard else value.sigmoid())

    return compute


def doubled(x: Any, s: State) -> Any:
    flat = {name: conv(x, s, f"conv{name}").flatten(2) for name in "ABV"}
    z = flat["A"] @ flat["B"].softmax(2).transpose(1, 2) @ flat["V"].softmax(1)
    z = z.reshape(x.shape[0], -1, *x.shape[2:])
    return conv(z, s, "conv_reconstruct") if "conv_reconstruct.weight" in s else z


def efficient(count: int) -> Any:
    def compute(x: Any, s: State) -> Any:
        q, k, v = (
            conv(x, s, name).reshape(x.shape[0], count, -1, x.shape[2] * x.shape[3])
            for name in ("queries", "keys", "values")
        )
        y = (k.softmax(3) @ v.transpose(2, 3)).transpose(2, 3) @ q.softmax(2)
        return conv(y.reshape(x.shape[0], -1, *x.shape[2:]), s, "reprojection") + x

    return compute


def simam(e_lambda: float) -> Any:
    def compute(x: Any, s: State) -> Any:
        squares = (x - x.mean((2, 3), keepdim=True)) ** 2
        variance = squares.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        return x * (squares / (4 * (variance + e_lambda)) + 0.5).sigmoid()

    return compute


IMAGE = (5, 7)
CASES: dict[str, tuple[str, str, dict[str, Any], tuple[int, ...], Any]] = {
    "sanet": ("sanet", "sa_layer", {"channel": 128}, (128, *IMAGE), shuffle(64)),
    "sanet, 3 groups": ("sanet", "sa_layer", {"channel": 18, "groups": 3}, (18, *IMAGE), shuffle(3)),
    "xmu shuffle": ("xmu", "ShuffleAttention", {"channel": 16}, (16, *IMAGE), shuffle(8)),
    "smp": ("smp", "SCSEModule", {"in_channels": 32}, (32, *IMAGE), scse_sum),
    "authors' scSE": (
        "squeeze_and_excitation", "ChannelSpatialSELayer", {"num_channels": 7, "reduction_ratio": 3}, (7, *IMAGE),
        scse_max,
    ),
    "xmu memory": ("xmu", "ExternalAttention", {"d_model": 6}, (9, 6), tokens),
    "eanet, 8 heads": ("eanet", "Attention", {"dim": 16}, (9, 16), heads(8)),
    "eanet, 3 heads": ("eanet", "Attention", {"dim": 6, "num_heads": 3}, (9, 6), heads(3)),
    "eanet, 1 head": ("eanet", "Attention", {"dim": 5, "num_heads": 1, "qkv_bias": True}, (9, 5), heads(1)),
    "rtformer, strided": (
        "paddleseg", "ExternalAttention", {"in_channels": 6, "out_channels": 8, "inter_channels": 16}, (6, *IMAGE),
        strided(8),
    ),
    "rtformer, 5 heads": (
        "paddleseg", "ExternalAttention",
        {"in_channels": 6, "out_channels": 10, "inter_channels": 20, "num_heads": 5}, (6, *IMAGE), strided(5),
    ),
    "ge, largest": (
        "timm", "GatherExcite", {"channels": 24, "add_maxpool": True, "rd_ratio": 1 / 4}, (24, *IMAGE),
        gathered(0, maxima=True),
    ),
    "ge, largest around": (
        "timm", "GatherExcite", {"channels": 8, "extent": 2, "add_maxpool": True, "rd_channels": 3}, (8, *IMAGE),
        gathered(2, maxima=True),
    ),
    "ge, far": ("timm", "GatherExcite", {"channels": 40, "extent": 8}, (40, 13, 21), gathered(8)),
    "ge, two convolutions": (
        "timm", "GatherExcite", {"channels": 8, "extent": 4, "extra_params": True, "rd_divisor": 2, "rd_ratio": 0.4},
        (8, *IMAGE), gathered(4, convs=2),
    ),
    "ge, extent 6": (
        "timm", "GatherExcite",
        {"channels": 8, "extent": 6, "extra_params": True, "use_mlp": False, "norm_layer": None}, (8, *IMAGE),
        gathered(6, convs=2),
    ),
    "ge, even kernel": (
        "timm", "GatherExcite",
        {"channels": 8, "extra_params": True, "feat_size": 4, "rd_channels": 2, "gate_layer": "hard_sigmoid"},
        (8, *IMAGE), gathered(0, convs=1, stride=1, hard=True),
    ),
    "double": (
        "double_attention", "DoubleAttentionLayer", {"in_channels": 5, "c_m": 7, "c_n": 3}, (5, *IMAGE), doubled
    ),
    "double, reconstructed": (
        "double_attention", "DoubleAttentionLayer", {"in_channels": 6, "c_m": 2, "c_n": 9, "reconstruct": True},
        (6, *IMAGE), doubled,
    ),
    "efficient": (
        "efficient_attention", "EfficientAttention",
        {"in_channels": 5, "key_channels": 9, "head_count": 3, "value_channels": 12}, (5, *IMAGE), efficient(3),
    ),
    "simam": ("simam", "simam_module", {"channels": 4, "e_lambda": 0.2}, (4, *IMAGE), simam(0.2)),
}  # fmt: skip


def a_state(dialect: Any, spec: Any) -> State:
    stream = np.random.default_rng(7)
    variances = ("running_var", "_variance")
    return {
        name: np.abs(stream.normal(size=size)) + 0.5 if name.endswith(variances) else stream.normal(size=size)
        for name, size in dialect.rows(spec).values()
    }


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_the_codebase_computes(case: Any, require: Any) -> None:
    require("torch")
    import torch

    name, cls, options, shape, compute = case
    dialect = nlblocks.dialects.get(name)
    spec = dialect.spec(cls, **options)
    state = a_state(dialect, spec)
    block = nlblocks.build(spec, backend="reference", dtype="float64")
    nlblocks.load_state(block, dialect.to_canonical(spec, state))
    x = np.random.default_rng(8).normal(size=(2, *shape))
    expected = compute(torch.from_numpy(x), {key: torch.from_numpy(value) for key, value in state.items()}).numpy()
    found = nlblocks.run(block, x).output
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= EXACT * np.abs(expected).max()


@pytest.mark.parametrize("case", [case for case in CASES.values() if case[0] != "simam"], ids=[*CASES][:-1])
def test_the_block_is_found_in_a_checkpoint(case: Any) -> None:
    name, cls, options, _, _ = case
    dialect = nlblocks.dialects.get(name)
    spec = dialect.spec(cls, **options)
    shapes = {f"neck.{key}": value.shape for key, value in a_state(dialect, spec).items()}
    found = {block.spec.kind: block for block in recognise(shapes, [name])}
    assert [param.shape for param in found[spec.kind].spec.params()] == [param.shape for param in spec.params()]


@pytest.mark.parametrize(("name", "cls", "options", "message"), [
    ("sanet", "sa_layer", {"channel": 64}, "twice groups=64"),
    ("smp", "SCSEModule", {"in_channels": 8}, "leaves no inner width"),
    ("eanet", "Attention", {"dim": 6, "num_heads": 4}, "a multiple of num_heads=4"),
    ("paddleseg", "ExternalAttention",
     {"in_channels": 8, "out_channels": 8, "inter_channels": 144, "use_cross_kv": True}, "reads another branch"),
    ("timm", "GatherExcite", {"channels": 8, "extent": 3}, "must be 0, the whole map, or even"),
    ("timm", "GatherExcite", {"channels": 8, "extra_params": True}, "feature_size=None"),
    ("timm", "GatherExcite", {"channels": 8, "extra_params": True, "feat_size": [4, 5]}, "must be an int"),
    ("efficient_attention", "EfficientAttention",
     {"in_channels": 8, "key_channels": 6, "head_count": 4, "value_channels": 8}, "a multiple of heads=4"),
])  # fmt: skip
def test_what_is_refused_by_name(name: str, cls: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nlblocks.dialects.get(name).spec(cls, **options)
