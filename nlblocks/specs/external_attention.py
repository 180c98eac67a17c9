"""External attention: positions read a memory of learned slots, not each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int, check_number, check_tokens, check_type, refuse
from nlblocks.specs.layers import BatchNorm, LayerInit
from nlblocks.specs.layout import MapLayout

Form = Literal["residual", "pre_norm", "tokens", "multi_head"]
_FAN_OUT = LayerInit(Init.normal(math.sqrt(2.0), "out"), None)
_SMALL = LayerInit(Init.normal(0.001), layers.ZEROS)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAttention(BlockSpec):
    """m(u)_n = Σ_k a_nk v_k, a_nk = s_nk / (eps + Σ_k s_nk), s = softmax over n of key(u): a memory of K slots.

    Letters: B batch, C ``in_channels``, K ``slots``, N positions (H·W, or as many as tokens), O ``out_channels``
    (default C), D ``inter_channels``. ``key`` is linear, from the width of u to K, and ``value``, whose columns are the
    v_k, linear back. The softmax is taken over the positions, so that a slot has shares in them; then each position's
    shares are made to sum to one. The attention map a is [B, N, K].

    ============= ================ ===================================================================================
    ``form``      x                y
    ============= ================ ===================================================================================
    residual      [B, C, H, W]     relu(x + norm(conv_2(m(conv_1(x))))), both convolutions 1×1: EANet
    pre_norm      [B, C, H, W]     m(norm(x)), every second position of both axes where O is not C: RTFormer
    tokens        [B, N, C]        m(x), as fightingcv has it, whose ``eps`` is 0
    multi_head    [B, N, C]        project(m of each head of expand(x)), both linear, D wide between: EANet's MLP
    ============= ================ ===================================================================================

    ``heads``: under pre_norm, so many runs of E slots, each of which sums to one alone. Under multi_head, so many runs
    of D (default 4 C), each E wide, that read the same memory, with biases in ``key`` and ``value``; their maps are
    head_1, head_2 and so on, one alone is "attention". Dropout, of the map's entries and of y, is multi_head's.

    EANet's class makes the memory's value the transpose of its key as it starts, in one storage, which any change of
    dtype or device parts: here they are two tensors from the start.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "external_attention"
    cites: ClassVar[str] = "Guo et al. 2021, Beyond Self-attention: External Attention, arXiv:2105.02358, eq. 5-6"

    in_channels: Annotated[int, "C, channels of x"]
    out_channels: Annotated[int | None, "O, pre_norm's channels of y; None: C"] = None
    form: Annotated[Form, "what is around the memory: residual, pre_norm, tokens or multi_head"] = "residual"
    slots: Annotated[int, "K, the memory's slots"] = 64
    heads: Annotated[int, "pre_norm: runs of slots; multi_head: runs of D"] = 1
    inter_channels: Annotated[int | None, "D, multi_head's inner width; None: 4 C"] = None
    eps: Annotated[float, "added to a position's sum of shares"] = 1e-9
    norm: Annotated[BatchNorm, "the BatchNorm of residual and pre_norm"] = field(default_factory=BatchNorm)
    attention_dropout: Annotated[float, "multi_head: share of the map's entries that training drops"] = 0.0
    dropout: Annotated[float, "multi_head: share of the output that training drops"] = 0.0

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_choice(self, "form", get_args(Form))
        for name in ("slots", "heads"):
            check_int(self, name)
        for name in ("out_channels", "inter_channels"):
            check_int(self, name, optional=True)
        check_number(self, "eps", low=0.0)
        check_type(self, "norm", BatchNorm)
        for name in ("attention_dropout", "dropout"):
            check_number(self, name, low=0.0, high=1.0, exclusive="high")
        own = {
            "out_channels": ("pre_norm",), "heads": ("pre_norm", "multi_head"), "inter_channels": ("multi_head",),
            "attention_dropout": ("multi_head",), "dropout": ("multi_head",),
        }  # fmt: skip
        unused = {item.name: item.default for item in fields(self)}
        for name, forms in own.items():
            if self.form not in forms and getattr(self, name) != unused[name]:
                raise refuse(self, name, f"is for form={' or '.join(forms)}; here it is {self.form}")
        if (self.wide if self.form == "multi_head" else self.slots) % self.heads:
            divided = "inter_channels" if self.form == "multi_head" else "slots"
            raise refuse(self, divided, f"must be a multiple of heads={self.heads}")

    @property
    def channel_axis(self) -> int:
        return 1 if self.on_image else 2

    @property
    def on_image(self) -> bool:
        """Whether x is an image, and not tokens."""
        return self.form in ("residual", "pre_norm")

    @property
    def wide(self) -> int:
        """D, the width between expand and project; without them C."""
        return (self.inter_channels or 4 * self.in_channels) if self.form == "multi_head" else self.in_channels

    @property
    def runs(self) -> int:
        """How many runs of slots sum to one, each alone."""
        return self.heads if self.form == "pre_norm" else 1

    @property
    def run(self) -> int:
        """E, the slots of such a run, or under multi_head the width of a head."""
        return (self.wide if self.form == "multi_head" else self.slots) // self.heads

    @property
    def out(self) -> int:
        """O, the channels of y."""
        return self.out_channels or self.in_channels

    @property
    def stride(self) -> int:
        """Of the positions of x that are looked at."""
        return 1 if self.out == self.in_channels else 2

    def deterministic(self) -> ExternalAttention:
        return replace(self, attention_dropout=0.0, dropout=0.0)

    def params(self) -> tuple[Param, ...]:
        c, k = self.in_channels, self.slots
        if self.form == "multi_head":
            d, e = self.wide, self.run
            memory = layers.linear("key", e, k) + layers.linear("value", k, e)
            return layers.linear("expand", c, d) + memory + layers.linear("project", d, c)
        residual = self.form == "residual"
        keys = LayerInit(Init.normal(math.sqrt(2.0), "in"), None) if residual else _SMALL
        memory = layers.linear("key", c, k, bias=False, init=keys)
        memory += layers.linear("value", k, self.out, bias=False, init=_FAN_OUT if residual else _SMALL)
        if self.form == "tokens":
            return memory
        norm = layers.batch_norm("norm", c)
        if not residual:
            return norm + memory
        first = layers.conv("conv_1", c, c, (1, 1), init=_FAN_OUT)
        return first + memory + layers.conv("conv_2", c, c, (1, 1), bias=False, init=_FAN_OUT) + norm

    def check_input(self, shape: Shape) -> None:
        if self.on_image:
            check_image(self, shape, channels=self.in_channels, dims=2)
        else:
            check_tokens(self, shape, channels=self.in_channels)

    def grid(self, shape: Shape) -> Shape:
        """The extents of the positions: [H', W'], or [N]."""
        return tuple(-(-extent // self.stride) for extent in shape[2:]) if self.on_image else tuple(shape[1:2])

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.out, *self.grid(shape)) if self.on_image else tuple(shape)

    @property
    def maps(self) -> tuple[str, ...]:
        """The names of the maps."""
        return layers.head_names(self.heads if self.form == "multi_head" else 1)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return dict.fromkeys(self.maps, (shape[0], math.prod(self.grid(shape)), self.slots))

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return dict.fromkeys(self.maps, MapLayout(meaning="regions", grid=self.grid(shape), count=self.slots))

    def letters(self, shape: Shape) -> dict[str, int]:
        self.check_input(shape)
        names = {"B": shape[0], "C": self.in_channels}
        names |= {"H": shape[2], "W": shape[3]} if self.on_image else {}
        names |= {"N": math.prod(self.grid(shape)), "K": self.slots}
        names |= {"O": self.out} if self.out != self.in_channels else {}
        names |= {"D": self.wide} if self.form == "multi_head" else {}
        return names | ({"E": self.run} if self.heads > 1 else {})

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        c, k, d = self.in_channels, self.slots, self.wide
        around = {"residual": 2 * c * c, "multi_head": 2 * c * d}.get(self.form, 0)
        out = d if self.form == "multi_head" else self.out
        return shape[0] * math.prod(self.grid(shape)) * (around + k * (d + out))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5) if self.on_image else (2, 7, self.in_channels)
