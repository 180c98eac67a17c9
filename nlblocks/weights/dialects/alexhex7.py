"""Non-local_pytorch: its four files of NONLocalBlock1D/2D/3D (``mode`` says which file) and its MNIST Network."""

from __future__ import annotations

from collections.abc import Callable

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.digit_net import DigitNet
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.non_local import Mode, NonLocal
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless, under


def _block(dims: int) -> Callable[..., BlockSpec]:
    def block(
        in_channels: int,
        inter_channels: int | None = None,
        sub_sample: bool = True,
        bn_layer: bool = True,
        mode: Mode = "embedded_gaussian",
    ) -> BlockSpec:
        return NonLocal(
            in_channels=in_channels,
            inter_channels=inter_channels,
            dims=dims,
            mode=mode,
            sub_sample="after" if sub_sample else "none",
            norm=BatchNorm() if bn_layer else None,
        )

    return block


def _network(mode: Mode = "embedded_gaussian") -> BlockSpec:
    return DigitNet(mode=mode)


def _non_local(spec: NonLocal) -> Table:
    refuse_unless(
        "alexhex7", spec, sub_sample=("none", "after"), scale=("none",), affinity_bias=(False,), output_bias=(True,),
        output_relu=(False,),
    )  # fmt: skip
    pooled = ".0" if spec.sub_sample == "after" else ""
    normed = ".0" if spec.norm is not None else ""
    return {
        "g": f"g{pooled}",
        "theta": "theta",
        "phi": f"phi{pooled}",
        "w_f": ("concat_project.0.weight", (1, -1, 1, 1)),
        "w_z": f"W{normed}",
        "norm": "W.1",
    }


def _digit_net(spec: DigitNet) -> Table:
    table: dict[str, Foreign] = {"fc_1": "fc.0", "fc_2": "fc.3"}
    for index in (1, 2, 3):
        table |= {f"conv_{index}.conv": f"conv_{index}.0", f"conv_{index}.norm": f"conv_{index}.1"}
    return table | under("nl_1", _non_local(spec.nl_1)) | under("nl_2", _non_local(spec.nl_2))


DIALECT = Dialect(
    name="alexhex7",
    source="Non-local_pytorch",
    classes={f"NONLocalBlock{dims}D": _block(dims) for dims in (1, 2, 3)} | {"Network": _network},
    tables={NonLocal: _non_local, DigitNet: _digit_net},
    ignored=("num_batches_tracked",),
)
