"""Axial attention, polarized gates and classes as their codebases compute them, in options that no golden file has."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.weights.recognise import recognise

State = dict[str, Any]
EXACT = 1e-12


def along(x: Any, s: State, name: str, axis: int, heads: int) -> Any:
    """Attention of x [..., C] along an axis, over the flattened rest: q, then k and v, heads of equal width."""
    import torch

    lines = x.movedim(axis, -2)
    q, kv = lines @ s[f"{name}.to_q.weight"].T, lines @ s[f"{name}.to_kv.weight"].T
    width, mixed = q.shape[-1] // heads, []
    k, v = kv[..., : q.shape[-1]], kv[..., q.shape[-1] :]
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        scores = q[..., own] @ k[..., own].transpose(-1, -2) * width**-0.5
        mixed.append(scores.softmax(-1) @ v[..., own])
    y = torch.cat(mixed, -1) @ s[f"{name}.to_out.weight"].T + s[f"{name}.to_out.bias"]
    return y.movedim(-2, axis)


def axial(x: Any, s: State, heads: int, channels: int, chain: bool) -> Any:
    x, total = x.movedim(channels, -1), 0.0
    for index in range(x.ndim - 2):
        y = along(x, s, f"axial_attentions.{index}.fn", index + 1, heads)
        x, total = (y, y) if chain else (x, total + y)
    return total.movedim(-1, channels)


def deeplab(x: Any, s: State, heads: int, width: bool, stride: int) -> Any:
    """Every pair of positions by itself."""
    import torch
    import torch.nn.functional as F

    def norm(value: Any, name: str) -> Any:
        mean, var = s[f"{name}.running_mean"], s[f"{name}.running_var"]
        return F.batch_norm(value, mean, var, s[f"{name}.weight"], s[f"{name}.bias"])

    rows = x.permute(0, 2, 1, 3) if width else x.permute(0, 3, 1, 2)  # [B, R, C, L]
    b, r, c, size = rows.shape
    qkv = norm(F.conv1d(rows.reshape(b * r, c, size), s["qkv_transform.weight"]), "bn_qkv")
    out = qkv.shape[1] // 2
    g = out // heads
    q, k, v = qkv.reshape(b * r, heads, 2 * g, size).split([g // 2, g // 2, g], 2)
    table = torch.stack([s["relative"][:, i : size + i].flip(1) for i in range(size)], 1)
    rq, rk, rv = table.split([g // 2, g // 2, g])  # (c, i, j): offset i - j
    qk = torch.einsum("bgci,bgcj->bgij", q, k)
    qr = torch.einsum("bgci,cij->bgij", q, rq)
    kr = torch.einsum("bgcj,cji->bgij", k, rk)
    weights = norm(torch.cat([qk, qr, kr], 1), "bn_similarity").reshape(b * r, 3, heads, size, size).sum(1).softmax(-1)
    content, place = torch.einsum("bgij,bgcj->bgci", weights, v), torch.einsum("bgij,cij->bgci", weights, rv)
    both = norm(torch.stack([content, place], 3).reshape(b * r, 2 * out, size), "bn_output")
    y = both.reshape(b, r, out, 2, size).sum(3)
    y = y.permute(0, 2, 1, 3) if width else y.permute(0, 2, 3, 1)
    return F.avg_pool2d(y, stride, stride)


def classes(x: Any, s: State, temperatures: tuple[float, ...], weight: float) -> Any:
    total = 0.0
    for head, (name, temperature) in zip(s.values(), zip(s, temperatures, strict=True), strict=True):
        assert name.endswith("head.weight")
        w = head.flatten(1)
        score = (w / w.norm(dim=1, keepdim=True)) @ x.flatten(2)
        best = score.amax(2) if temperature == 99 else (score * (score * temperature).softmax(2)).sum(2)
        total = total + score.mean(2) + weight * best
    return total


def parallel(x: Any, s: State) -> Any:
    """PSA_p, which PaddleSeg has too."""
    flat = x.flatten(2)

    def project(name: str) -> Any:
        return s[f"{name}.weight"].flatten(1) @ flat

    pooled = project("conv_v_right") @ project("conv_q_right").softmax(-1).transpose(1, 2)
    channel = (s["conv_up.weight"].flatten(1) @ pooled).sigmoid()
    spatial = (project("conv_q_left").mean(2)[:, None] @ project("conv_v_left")).softmax(-1).sigmoid()
    return (flat * channel + flat * spatial).reshape(x.shape)


CASES: list[tuple[str, str, dict[str, Any], tuple[int, ...], Any]] = [
    ("axial_attention", "AxialAttention", {"dim": 8}, (2, 3, 4, 8), partial(axial, heads=8, channels=3, chain=False)),
    ("axial_attention", "AxialAttention", {"dim": 6, "heads": 3, "dim_heads": 2, "num_dimensions": 3, "dim_index": 2,
     "sum_axial_out": False}, (2, 3, 6, 4, 2), partial(axial, heads=3, channels=2, chain=True)),
    ("axial_attention", "AxialAttention", {"dim": 6, "heads": 2, "dim_heads": 5, "num_dimensions": 1, "dim_index": 1},
     (2, 6, 5), partial(axial, heads=2, channels=1, chain=False)),
    ("axial_deeplab", "AxialAttention", {"in_planes": 6, "out_planes": 12, "groups": 3, "kernel_size": 5, "stride": 2},
     (2, 6, 5, 7), partial(deeplab, heads=3, width=False, stride=2)),
    ("axial_deeplab", "AxialAttention", {"in_planes": 4, "out_planes": 2, "groups": 1, "kernel_size": 3, "width": True},
     (2, 4, 4, 3), partial(deeplab, heads=1, width=True, stride=1)),
    *(("csra", "MHA", {"num_heads": heads, "lam": 0.3, "input_dim": 6, "num_classes": 4}, (2, 6, 3, 4),
       partial(classes, temperatures=warmth, weight=0.3))
      for heads, warmth in ((1, (1,)), (2, (1, 99)), (6, (1, 2, 3, 4, 5, 99)), (8, (1, 2, 3, 4, 5, 6, 7, 99)))),
    ("csra", "CSRA", {"input_dim": 6, "num_classes": 4, "T": 2.5, "lam": -0.2}, (2, 6, 3, 4),
     partial(classes, temperatures=(2.5,), weight=-0.2)),
    ("psa", "PSA_p", {"inplanes": 7, "planes": 7, "kernel_size": 3}, (2, 7, 4, 3), parallel),
    ("paddleseg", "PolarizedSelfAttentionModule", {"inplanes": 6, "planes": 6}, (2, 6, 4, 3), parallel),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{'-'.join(map(str, case[2].values()))}")
def test_what_the_codebase_computes(case: Any, require: Any) -> None:
    require("torch", "paddle")
    import torch

    name, cls, options, shape, compute = case
    dialect = nlblocks.dialects.get(name)
    spec = dialect.spec(cls, **options)
    stream = np.random.default_rng(5)
    state = {
        foreign: np.abs(stream.normal(size=size)) + 0.5 if foreign.endswith("running_var") else stream.normal(size=size)
        for foreign, size in dialect.rows(spec).values()
    }
    x = stream.normal(size=shape)
    expected = compute(torch.tensor(x), {foreign: torch.tensor(array) for foreign, array in state.items()}).numpy()
    for backend in ("torch", "paddle", "reference"):
        block = nlblocks.build(spec, backend=backend, dtype="float64")
        nlblocks.load_state(block, dialect.to_canonical(spec, state))
        found = nlblocks.run(block, x).output
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= EXACT * np.abs(expected).max(), backend


@pytest.mark.parametrize(("name", "cls", "options"), [
    *(("csra", "MHA", {"num_heads": heads, "lam": 0.1, "input_dim": 16, "num_classes": 5}) for heads in (1, 2, 6, 8)),
    ("axial_attention", "AxialAttention", {"dim": 16}),
    ("axial_deeplab", "AxialAttention", {"in_planes": 16, "out_planes": 32, "kernel_size": 28}),
    ("ema_attention", "EMA", {"channels": 64}),
    ("xmu", "WeightedPermuteMLP", {"dim": 64}),
])  # fmt: skip
def test_a_checkpoint_tells_what_its_tensors_tell(name: str, cls: str, options: dict[str, Any]) -> None:
    """The spec itself is among those that fit, but for what only training sees."""
    dialect = nlblocks.dialects.get(name)
    spec = dialect.spec(cls, **options)
    shapes = {f"net.{foreign}": shape for foreign, shape in dialect.rows(spec).values()}
    (block,) = (found for found in recognise(shapes, [name]) if found.prefix == "net")
    assert spec.deterministic() in block.specs


def test_a_file_of_axial_deeplab_holds_an_index_too() -> None:
    """Which its class makes anew: it is left out, and no reason not to find the block."""
    dialect = nlblocks.dialects.get("axial_deeplab")
    spec = dialect.spec("AxialAttention", in_planes=8, out_planes=8, groups=2, kernel_size=4)
    state = {foreign: np.zeros(shape) for foreign, shape in dialect.rows(spec).values()}
    assert set(dialect.to_canonical(spec, {**state, "flatten_index": np.zeros(16)})) == {p.name for p in spec.params()}
    shapes = {foreign: array.shape for foreign, array in state.items()} | {"flatten_index": (16,)}
    assert [block.spec.kind for block in recognise(shapes, ["axial_deeplab"])] == [spec.kind]
