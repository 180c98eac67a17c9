"""NonDeepNetworks, the code of the authors of ParNet: its RepVGGBlock, not yet fused."""

from __future__ import annotations

from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.parnet_attention import Act, ParNetAttention
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless

ACTS: dict[str, Act] = {"relu": "relu", "silu": "silu"}


def _block(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    avg_pool: bool = False,
    se_block: bool = False,
    activation: Any = "ReLU",
    act: str | None = None,
) -> ParNetAttention:
    """``activation`` is a module or class of torch's, or a name; ``act`` stands for it. The class asserts padding=1."""
    given = {"kernel_size": kernel_size, "padding": padding, "dilation": dilation, "padding_mode": padding_mode}
    covered = {"kernel_size": (1, 3), "padding": (1,), "dilation": (1,), "padding_mode": ("zeros",)}
    for name, value in given.items():
        if value not in covered[name]:
            raise InputError(
                f"dialect nondeep: RepVGGBlock: {name}={value!r} is not taken as it says; give {covered[name][-1]!r}"
            )
    word = activation if isinstance(activation, str) else getattr(activation, "__name__", type(activation).__name__)
    word = (act or word).lower()
    if word not in ACTS:
        raise InputError(f"dialect nondeep: RepVGGBlock: activation={word!r} is not covered; it covers ReLU and SiLU")
    return ParNetAttention(
        in_channels=in_channels, out_channels=out_channels, stride=stride, groups=groups, dense=kernel_size != 1,
        gate=se_block, pool=avg_pool and stride == 2, act=ACTS[word],
    )  # fmt: skip


def _names(spec: ParNetAttention) -> Table:
    refuse_unless("nondeep", spec, skip_norm=(True,), conv_bias=(False,), gate_bias=(False,))
    pointwise = "rbr_1x1.1" if spec.pool else "rbr_1x1"
    names: dict[str, Foreign] = {"skip": "rbr_identity", "squeeze": "se.cvsig.conv"}
    for ours, theirs in (("dense", "rbr_dense"), ("pointwise", pointwise)):
        names |= {f"{ours}.conv": f"{theirs}.conv", f"{ours}.norm": f"{theirs}.bn"}
    return names


DIALECT = Dialect(
    name="nondeep",
    source="imankgoyal/NonDeepNetworks, simplenet_impl/repvgg.py",
    classes={"RepVGGBlock": _block},
    tables={ParNetAttention: _names},
    ignored=("num_batches_tracked",),
)
