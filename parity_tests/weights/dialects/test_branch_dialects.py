"""Blocks of several branches or stages in public codebases, at other sizes than the golden files': what they compute,

written out here from the names of their tensors, that they are found in checkpoints, and what is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.weights.recognise import recognise

State = dict[str, Any]
SHAPE = (2, 12, 6, 8)


def conv(x: Any, s: State, name: str, **options: Any) -> Any:
    import torch.nn.functional as F

    return F.conv2d(x, s[f"{name}.weight"], s.get(f"{name}.bias"), **options)


def norm(x: Any, s: State, name: str) -> Any:
    import torch.nn.functional as F

    mean, var, weight, bias = (s[f"{name}.{end}"] for end in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, mean, var, weight, bias)


def linear(x: Any, s: State, name: str) -> Any:
    return x @ s[f"{name}.weight"].flatten(1).T + s.get(f"{name}.bias", 0.0)


def chosen(features: list[Any], logits: list[Any]) -> Any:
    """Σ_r softmax_r(logits) · features."""
    import torch

    weights = torch.stack(logits).softmax(0)
    return sum(weight[..., None, None] * u for weight, u in zip(weights, features, strict=True))


def timm_sk(windows: list[tuple[int, int]], split: bool, **options: Any) -> Callable[[Any, State], Any]:
    def compute(x: Any, s: State) -> Any:
        parts = x.chunk(len(windows), 1) if split else [x] * len(windows)
        features = []
        for i, (part, (k, d)) in enumerate(zip(parts, windows, strict=True)):
            u = conv(part, s, f"paths.{i}.conv", padding=d * (k - 1) // 2, dilation=d, **options)
            features.append(norm(u, s, f"paths.{i}.bn").relu())
        pooled = linear(sum(features).mean((2, 3)), s, "attn.fc_reduce")
        return chosen(features, linear(norm(pooled, s, "attn.bn").relu(), s, "attn.fc_select").chunk(len(windows), 1))

    return compute


def xmu_sk(kernels: list[int], groups: int) -> Callable[[Any, State], Any]:
    def compute(x: Any, s: State) -> Any:
        features = [
            norm(conv(x, s, f"convs.{i}.conv", padding=k // 2, groups=groups), s, f"convs.{i}.bn").relu()
            for i, k in enumerate(kernels)
        ]
        pooled = linear(sum(features).mean((2, 3)), s, "fc")
        return chosen(features, [linear(pooled, s, f"fcs.{i}") for i in range(len(kernels))])

    return compute


def attention(x: Any, s: State, name: str) -> Any:
    def layer(v: Any, at: str, i: int) -> Any:
        return norm(conv(v, s, f"{name}.{at}.{i}"), s, f"{name}.{at}.{i + 1}.0").relu()

    q, k = (layer(layer(x, at, 0), at, 2).flatten(2) for at in ("f_query", "f_key"))
    weights = (q.transpose(1, 2) @ k / math.sqrt(q.shape[1])).softmax(-1)
    mixed = (conv(x, s, f"{name}.f_value").flatten(2) @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
    return layer(mixed, "W", 0)


def interlaced(x: Any, s: State, name: str, patch: tuple[int, int]) -> Any:
    """By index: the positions of a patch, and those with one place in their patches."""
    import torch
    import torch.nn.functional as F

    (ph, pw), (h, w) = patch, x.shape[2:]
    more = (-h % ph, -w % pw)
    x = F.pad(x, (more[1] // 2, more[1] - more[1] // 2, more[0] // 2, more[0] - more[0] // 2))
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    places = [(rows[rows % ph == i], columns[columns % pw == j]) for i in range(ph) for j in range(pw)]
    patches = [
        (rows[rows // ph == i], columns[columns // pw == j])
        for i in range(x.shape[2] // ph) for j in range(x.shape[3] // pw)
    ]  # fmt: skip
    for part, groups in (("long_range_sa", places), ("short_range_sa", patches)):
        y = torch.zeros(x.shape[0], s[f"{name}{part}.W.0.weight"].shape[0], *x.shape[2:], dtype=x.dtype)
        for some_rows, some_columns in groups:
            within = attention(x[:, :, some_rows][..., some_columns], s, f"{name}{part}")
            y[:, :, some_rows[:, None], some_columns] = within
        x = y
    return x[:, :, more[0] // 2 : more[0] // 2 + h, more[1] // 2 : more[1] // 2 + w]


def isa_module(x: Any, s: State) -> Any:
    import torch

    stages = [interlaced(x, s, f"stages.{i}.", patch) for i, patch in enumerate(((4, 3), (2, 5)))]
    beside = norm(conv(x, s, "up_conv.0"), s, "up_conv.1.0").relu()
    return norm(conv(torch.cat([beside, *stages], 1), s, "conv_bn.0"), s, "conv_bn.1.0").relu()


def psa(kernels: list[int], groups: list[int], stride: int) -> Callable[[Any, State], Any]:
    def compute(x: Any, s: State) -> Any:
        import torch

        features = [
            conv(x, s, f"conv_{i + 1}", padding=k // 2, groups=g, stride=stride)
            for i, (k, g) in enumerate(zip(kernels, groups, strict=True))
        ]
        gates = [linear(linear(u.mean((2, 3)), s, "se.fc1").relu(), s, "se.fc2").sigmoid() for u in features]
        weights = torch.stack(gates).softmax(0)
        return torch.cat([weights[i][..., None, None] * features[i] for i in (3, 2, 1, 0)], 1)

    return compute


def repvgg(
    stride: int = 1, groups: int = 1, pool: bool = False, gated: bool = True, act: str = "relu"
) -> Callable[[Any, State], Any]:
    def compute(x: Any, s: State) -> Any:
        import torch.nn.functional as F

        name, read = ("rbr_1x1.1", F.avg_pool2d(x, 2)) if pool else ("rbr_1x1", x)
        y = norm(conv(read, s, f"{name}.conv", stride=1 if pool else stride, groups=groups), s, f"{name}.bn")
        if "rbr_dense.conv.weight" in s:
            y = y + norm(conv(x, s, "rbr_dense.conv", padding=1, stride=stride, groups=groups), s, "rbr_dense.bn")
        skip = norm(x, s, "rbr_identity") if "rbr_identity.weight" in s else None
        seen = x if skip is None else skip
        gate = conv(seen.mean((2, 3), keepdim=True), s, "se.cvsig.conv", groups=groups).sigmoid() if gated else 1.0
        y = y * (2 * gate if gated else 1.0) if skip is None else y + skip * gate
        y = getattr(F, act)(y)
        return y.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)

    return compute


CASES: list[tuple[str, str, dict[str, Any], Callable[[Any, State], Any]]] = [
    ("timm", "SelectiveKernel", {"in_channels": 12, "kernel_size": 3}, timm_sk([(3, 1), (3, 1)], True)),
    ("timm", "SelectiveKernel", {"in_channels": 12, "out_channels": 6, "stride": 2, "dilation": 2, "groups": 3},
     timm_sk([(3, 2), (3, 4)], True, stride=2, groups=3)),
    ("timm", "SelectiveKernel", {"in_channels": 12, "kernel_size": [3, 5, 7], "keep_3x3": False, "rd_channels": 5},
     timm_sk([(3, 1), (5, 1), (7, 1)], True)),
    ("timm", "SelectiveKernel", {"in_channels": 12, "kernel_size": [3, 5, 7], "split_input": False, "groups": 4},
     timm_sk([(3, 1), (3, 2), (3, 3)], False, groups=4)),
    ("xmu", "SKAttention", {"channel": 12, "group": 3}, xmu_sk([1, 3, 5, 7], 3)),
    ("xmu", "SKAttention", {"channel": 12, "kernels": [5, 3, 1], "reduction": 2, "L": 2}, xmu_sk([5, 3, 1], 1)),
    ("openseg", "ISA_Block", {"in_channels": 12, "key_channels": 3, "value_channels": 4, "out_channels": 5},
     lambda x, s: interlaced(x, s, "", (8, 8))),
    ("openseg", "ISA_Module", {"in_channels": 12, "key_channels": 3, "value_channels": 4, "out_channels": 5,
                               "down_factors": [[4, 3], [2, 5]], "dropout": 0.05}, isa_module),
    ("epsanet", "PSAModule", {"inplans": 12, "planes": 64, "conv_kernels": [1, 3, 3, 5], "conv_groups": [1, 2, 4, 4],
                              "stride": 2}, psa([1, 3, 3, 5], [1, 2, 4, 4], 2)),
    ("nondeep", "RepVGGBlock", {"in_channels": 12, "out_channels": 12, "kernel_size": 3, "padding": 1, "groups": 3,
                                "se_block": True, "activation": "SiLU"}, repvgg(groups=3, act="silu")),
    ("nondeep", "RepVGGBlock", {"in_channels": 12, "out_channels": 8, "kernel_size": 3, "padding": 1, "stride": 2,
                                "groups": 2, "avg_pool": True, "se_block": True}, repvgg(2, 2, True)),
    ("nondeep", "RepVGGBlock", {"in_channels": 12, "out_channels": 8, "kernel_size": 3, "padding": 1, "stride": 2},
     repvgg(2, gated=False)),
    ("nondeep", "RepVGGBlock", {"in_channels": 12, "out_channels": 12, "kernel_size": 1, "padding": 1},
     repvgg(gated=False)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]}-{'-'.join(map(str, case[2].values()))}")
def test_what_the_codebase_computes_and_that_it_is_found(case: Any, require: Any) -> None:
    require("torch")
    import torch

    name, cls, options, compute = case
    dialect = nlblocks.dialects.get(name)
    spec, stream = dialect.spec(cls, **options), np.random.default_rng(7)
    rows = list(dialect.rows(spec).values())
    state = {
        foreign: np.abs(stream.normal(size=size)) + 0.5 if foreign.endswith("running_var") else stream.normal(size=size)
        for foreign, size in rows
    }
    block = nlblocks.build(spec, backend="reference", dtype="float64")
    nlblocks.load_state(block, dialect.to_canonical(spec, state))
    x = stream.normal(size=SHAPE)
    expected = compute(torch.tensor(x), {foreign: torch.tensor(array) for foreign, array in state.items()}).numpy()
    found = nlblocks.run(block, x).output
    assert found.shape == expected.shape == spec.output_shape(SHAPE)
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()

    shapes = [tuple((param.name, param.shape) for param in each.params()) for each in _found(name, spec.kind, rows)]
    assert tuple((param.name, param.shape) for param in spec.params()) in shapes


def _found(dialect: str, kind: str, rows: list[tuple[str, tuple[int, ...]]]) -> list[Any]:
    """The specs of a kind that a checkpoint with these tensors may hold."""
    blocks = recognise({f"net.0.{name}": shape for name, shape in rows}, among=[dialect])
    return [spec for block in blocks for spec in block.specs if spec.kind == kind]


@pytest.mark.parametrize(("name", "cls", "options", "message"), [
    ("timm", "SelectiveKernel", {"in_channels": 12, "stride": 3}, "pads stride=3 by more"),
    ("timm", "SelectiveKernel", {"in_channels": 12, "act_layer": "SiLU"}, "act_layer='SiLU' is not covered"),
    ("timm", "SelectiveKernel", {"in_channels": 12, "kernel_size": [3, 4]}, "kernel_sizes="),
    ("timm", "SelectiveKernel", {"in_channels": 13}, "must be a multiple of the 2 branches"),
    ("changzy00", "SKLayer", {"inplanes": 12, "planes": 12}, "groups=32 must divide"),
    ("changzy00", "BAM", {"channel": 15}, "changzy00: BAM of 15 channels has no inner channels"),
    ("bam", "BAM", {"gate_channel": 15}, "bam: BAM of 15 channels has no inner channels"),
    ("openseg", "ISA_Block", {"in_channels": 8, "key_channels": 4, "value_channels": 4, "out_channels": 8,
                              "down_factor": [8]}, "pairs of ints"),
    ("openseg", "ISA_Module", {"in_channels": 8, "key_channels": 4, "value_channels": 4, "out_channels": 8,
                               "bn_type": "inplace_abn"}, "bn_type='inplace_abn'"),
    ("mmseg", "ISASelfAttentionBlock", {"in_channels": 8, "channels": 4, "conv_cfg": None, "norm_cfg": None,
                                        "act_cfg": {"type": "ReLU"}}, "is covered with"),
    ("epsanet", "PSAModule", {"inplans": 32, "planes": 32}, "it must be at least 64"),
    ("nondeep", "RepVGGBlock", {"in_channels": 8, "out_channels": 8, "kernel_size": 3}, "padding=0 is not taken"),
    ("nondeep", "RepVGGBlock", {"in_channels": 8, "out_channels": 8, "kernel_size": 5, "padding": 1}, "kernel_size=5"),
    ("nondeep", "RepVGGBlock", {"in_channels": 8, "out_channels": 8, "kernel_size": 3, "padding": 1,
                                "activation": "GELU"}, "activation='gelu' is not covered"),
])  # fmt: skip
def test_what_is_refused_is_one_line(name: str, cls: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        nlblocks.dialects.get(name).spec(cls, **options)
    assert "\n" not in str(error.value)
