"""The model families: both builders, their inputs, and how the names on the torch side read on the Paddle side."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.faults.knobs import Knobs

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Input:
    """One input: standard normal numbers, or whole numbers below ``below`` where that is set.

    ``ignored`` replaces every third number by -100, the label that cross-entropy ignores; ``sparse`` has zeros for
    negative numbers, as counts and blank parts of an image have.
    """

    shape: tuple[int, ...]
    below: int = 0
    ignored: bool = False
    sparse: bool = False
    scale: float = 1.0

    def draw(self, rng: np.random.Generator) -> Array:
        if not self.below:
            drawn = self.scale * rng.normal(size=self.shape)
            return (np.maximum(drawn, 0.0) if self.sparse else drawn).astype(np.float32)
        found = rng.integers(0, self.below, size=self.shape)
        if self.ignored:
            found.flat[::3] = -100
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """``names`` are replacements (regular expression, text) that turn a dotted torch name into the Paddle one."""

    module: str
    cls: str
    inputs: tuple[Input, ...]
    names: tuple[tuple[str, str], ...] = ()

    def build(self, framework: str, knobs: Mapping[str, Any]) -> Any:
        """The model of one side, freshly initialised."""
        from importlib import import_module

        module = self.module if framework == "torch" else PADDLE_FILES.get(self.cls, self.module)
        cls = getattr(import_module(f"benchmarks.faults.{framework}_models.{module}"), self.cls)
        k = Knobs(knobs)
        model = cls(k)
        k.check()
        return model

    def partner(self, name: str) -> str:
        """The Paddle name of a torch layer or parameter."""
        for pattern, text in self.names:
            name = re.sub(pattern, text, name)
        return name


PADDLE_FILES = {
    **dict.fromkeys(("ConvNeXt", "Inception", "Generator"), "vision2"),
    **dict.fromkeys(("ChannelAttention", "PositionAttention", "LSTMClassifier"), "attention"),
}

IMAGE = Input((4, 3, 16, 16))
TOKENS = Input((4, 7), below=20)

_DOUBLE = (
    (r"\.0$", ".0.conv"), (r"\.1$", ".0.norm"), (r"\.2$", ".0"), (r"\.3$", ".1.conv"), (r"\.4$", ".1.norm"),
    (r"\.5$", ".1"),
)  # fmt: skip

FAMILIES: dict[str, Family] = {
    "resnet": Family(
        module="vision", cls="ResNet", inputs=(IMAGE,),
        names=((r"\blayer1\b", "stages.0"), (r"\blayer2\b", "stages.1"), (r"\bbn(\d)", r"norm\1"),
               (r"downsample\.0", "shortcut.conv"), (r"downsample\.1", "shortcut.norm"),
               (r"^avgpool", "pool"), (r"^fc\b", "classifier")),
    ),
    "unet": Family(
        module="vision", cls="UNet", inputs=(IMAGE,),
        names=((r"^enc1", "down.first"), (r"^enc2", "down.second"), (r"^bottleneck", "mid"),
               (r"^up2\b(\.1)?", "expand.first"), (r"^up1\b(\.1)?", "expand.second"), (r"^dec2", "fuse.first"),
               (r"^dec1", "fuse.second"),
               *((rf"^((?:down|fuse)\.\w+|mid){pattern}", rf"\g<1>{text}") for pattern, text in _DOUBLE),
               (r"\bfirst\b", "0"), (r"\bsecond\b", "1")),
    ),
    "mobilenet": Family(
        module="vision", cls="MobileNet", inputs=(IMAGE,),
        names=((r"^features\.0", "conv"), (r"^features\.1", "bn"), (r"^features\.2", "act"),
               (r"^features\.3", "blocks.0"), (r"^features\.4", "blocks.1"), (r"^features\.5", "blocks.2"),
               (r"expand\.0", "expand_conv"), (r"expand\.1", "expand_bn"), (r"expand\.2", "expand_act"),
               (r"depthwise\.0", "dw_conv"), (r"depthwise\.1", "dw_bn"), (r"depthwise\.2", "dw_act"),
               (r"project\.0", "linear_conv"), (r"project\.1", "linear_bn"), (r"\bse\b", "mid_se"),
               (r"mid_se\.fc", "mid_se.conv"), (r"^classifier\.0", "last"), (r"^classifier\.1", "last_act"),
               (r"^classifier\.2", "dropout"), (r"^classifier\.3", "fc")),
    ),
    "convnext": Family(
        module="vision", cls="ConvNeXt", inputs=(IMAGE,),
        names=((r"^norm", "fc_norm"), (r"^head", "fc"), (r"^stem_norm", "stem_1"), (r"^stem\b", "stem.0"),
               (r"^stem_1", "stem.1"), (r"^blocks", "stage"), (r"^down_norm", "down_0"), (r"^down\b", "down.1"),
               (r"^down_0", "down.0")),
    ),
    "inception": Family(
        module="vision", cls="Inception", inputs=(IMAGE,),
        names=((r"^stem", "conv"), (r"^branch1\b", "branch1x1"), (r"^branch3\b", "branch3x3")),
    ),
    "generator": Family(
        module="vision", cls="Generator", inputs=(Input((4, 12)),),
        names=((r"^project", "fc"), (r"^up1", "deconv"), (r"^norm1", "norm"), (r"^act1", "leaky"),
               (r"^act2", "prelu"), (r"^out", "to_rgb")),
    ),
    "gpt": Family(
        module="sequence", cls="GPT", inputs=(TOKENS,),
        names=((r"^tok_emb", "wte"), (r"^pos_emb", "wpe"), (r"^blocks", "h"), (r"\bnorm(\d)", r"ln_\1"),
               (r"\bproj", "out_proj"), (r"\bquery", "q_proj"), (r"\bkey", "k_proj"), (r"\bvalue", "v_proj"),
               (r"mlp\.0", "mlp.fc1"), (r"mlp\.1", "mlp.act"), (r"mlp\.2", "mlp.fc2"), (r"^head", "lm_head")),
    ),
    "encoder": Family(
        module="sequence", cls="Encoder", inputs=(TOKENS,),
        names=((r"^embedding", "word_embeddings"), (r"^layers", "encoder")),
    ),
    "cross": Family(
        module="sequence", cls="CrossAttention", inputs=(Input((4, 6, 16)), Input((4, 5, 16))),
        names=((r"^norm_image", "norm_q"), (r"^norm_words", "norm_kv"), (r"^attn", "cross")),
    ),
    "cbam": Family(
        module="sequence", cls="ChannelAttention", inputs=(IMAGE,),
        names=((r"^fc1", "squeeze"), (r"^fc2", "excite"), (r"^spatial", "conv")),
    ),
    "cbam on features": Family(
        module="sequence", cls="ChannelAttention", inputs=(Input((4, 4, 16, 16), sparse=True),),
        names=((r"^fc1", "squeeze"), (r"^fc2", "excite"), (r"^spatial", "conv")),
    ),
    "sagan": Family(
        module="sequence", cls="PositionAttention", inputs=(IMAGE,),
        names=((r"^query_conv", "theta"), (r"^key_conv", "phi"), (r"^value_conv", "g"), (r"^gamma", "gate")),
    ),
    "lstm": Family(
        module="sequence", cls="LSTMClassifier", inputs=(TOKENS,),
        names=((r"^embedding", "embed"), (r"^rnn", "lstm"), (r"^fc", "hidden"), (r"^classifier", "output")),
    ),
    "stn": Family(
        module="other", cls="SpatialTransformer", inputs=(IMAGE,),
        names=((r"^loc", "localisation"), (r"^theta", "fc_loc")),
    ),
    "losses": Family(
        module="other", cls="Losses",
        inputs=(Input((4, 6, 6)), Input((4, 6), below=5), Input((4, 4))),
    ),
    "ignoring": Family(
        module="other", cls="Losses",
        inputs=(Input((4, 6, 6)), Input((4, 6), below=5, ignored=True), Input((4, 4))),
    ),
    "autoencoder": Family(
        module="other", cls="AutoEncoder", inputs=(Input((6, 12)),), names=((r"^bias", "decoder_bias"),)
    ),
    "table": Family(module="other", cls="Table", inputs=(Input((8, 6)),)),
    "counts": Family(module="other", cls="Table", inputs=(Input((8, 6), sparse=True),)),
    "pruned": Family(module="other", cls="Pruned", inputs=(Input((4, 12, 6)), Input((4, 12), sparse=True))),
    "pyramid": Family(module="other", cls="Pyramid", inputs=(IMAGE,)),
}  # fmt: skip
