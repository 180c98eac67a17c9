"""Held-out faults in sequence models, and the held-out correct pairs."""

from __future__ import annotations

from benchmarks.faults.case import Case

_S, _C = "layers.0.self_attn", "layers.1.cross"

TRANSLATOR = (
    Case(name="mt-states-swapped", family="translator", right={"enc.order": (1, 0)}, at=("encoder > bridge",),
         cause=("cat.order", "output.flipped", "reshape.order")),
    Case(name="mt-last-step-for-states", family="translator", right={"enc.final": "last"}, at=("encoder > bridge",),
         cause=("rnn.step", "operation.kind", "residual.operand")),
    Case(name="mt-start-forgotten", family="translator", right={"started": False}, at=("decoder", "bridge > decoder"),
         cause=("rnn.state", "layer.missing", "residual.missing", "parameters.unpaired")),
    Case(name="mt-tanh-forgotten", family="translator", right={"enc.act": False},
         at=("bridge > decoder", "decoder", "bridge > embed"), cause=("activation.missing",)),
    Case(name="mt-source-reversed", family="translator", right={"enc.reversed": True}, at=("embed > encoder",),
         cause=("output.flipped", "reshape.order")),
    Case(name="mt-mask-forgotten", family="translator", right={"masked": False}, at=("key > combine",),
         cause=("attention.mask_missing",)),
    Case(name="mt-softmax-axis", family="translator", right={"axis": 1}, at=("key > combine",), cause=("softmax.axis",),
         trap="softmax axis"),
    Case(name="mt-context-last", family="translator", right={"context_last": True}, at=("key > combine",),
         cause=("cat.order",)),
)  # fmt: skip

TEXT = (
    Case(name="dec-embedding-scale", family="textdecoder", right={"scaled": False},
         at=(f"tokens > {_S}.wq", "tokens > layers.0", f"tokens > {_S}"), cause=("scale.missing", "scale.factor")),
    Case(name="dec-positions-halves", family="textdecoder", right={"positions": "halves"},
         at=(f"tokens > {_S}.wq", "tokens > layers.0", f"tokens > {_S}"),
         cause=("reshape.order", "shift.constant", "residual.operand", "cat.order")),
    Case(name="dec-mask-off-by-one", family="textdecoder", right={"diagonal": 2},
         at=(f"{_S}.wv > {_S}.wo", f"{_S}.wk > {_S}.wo"),
         cause=("attention.causal", "attention.mask_missing", "attention.mask_sense")),
    Case(name="dec-causal-forgotten", family="textdecoder", right={"causal": False},
         at=(f"{_S}.wv > {_S}.wo", f"{_S}.wk > {_S}.wo"),
         cause=("attention.causal", "attention.mask_missing")),
    Case(name="dec-mask-sense", family="textdecoder", right={"hides": "all but the last"},
         at=("layers.0.cross.wv > layers.0.cross.wo", "layers.0.cross.wk > layers.0.cross.wo"),
         cause=("attention.mask_sense",), trap="MHA boolean mask"),
    Case(name="dec-scale-by-width", family="textdecoder", right={"decoder.1.cross_attn.scale": 0.25},
         at=(f"{_C}.wv > {_C}.wo", f"{_C}.wk > {_C}.wo"), cause=("attention.scale", "scale.factor")),
    Case(name="dec-heads-unmerged", family="textdecoder", right={"decoder.0.self_attn.merge": False},
         at=(f"{_S}.wv > {_S}.wo", f"{_S}.wk > {_S}.wo"), cause=("reshape.order", "attention.layout")),
    Case(name="dec-pre-norm", family="textdecoder", right={"decoder.1.pre_norm": True},
         at=("layers.1.norm2 > layers.1.ffn.0", "layers.1.ffn.0", "layers.1.norm2 > layers.1.ffn", "layers.1.norm3",
             "layers.1.norm2 > layers.1.norm3"), cause=("layer.order",)),
    Case(name="dec-keys-from-words", family="textdecoder", right={"decoder.0.cross_attn.source": "words"},
         at=("input > layers.0.cross.wk", "layers.0.cross.wk", "layers.0.cross.wq > layers.0.cross.wk",
             "layers.0.norm1 > layers.0.cross.wk"), cause=("operation.kind", "residual.operand", "layer.order")),
    Case(name="dec-residual-doubled", family="textdecoder", right={"decoder.1.residual": 2.0},
         at=("layers.1.cross.wo > layers.1.norm2", "layers.1.cross > layers.1.norm2"),
         cause=("scale.factor", "scale.missing")),
    Case(name="dec-gelu-for-relu", family="textdecoder", right={"decoder.0.act": "gelu"},
         at=("layers.0.ffn.1", "layers.0.ffn.0 > layers.0.ffn.2", "layers.0.ffn.0 > layers.0.ffn.1"),
         cause=("activation.kind",)),
    Case(name="dec-no-states", family="textdecoder", right={"states": False}, at=("layers.1.norm3 > output",),
         phase="shape", cause=("output.structure",)),
    Case(name="dec-bias-not-loaded", family="textdecoder", at=("layers.0.cross.wv",),
         weights=(("decoder.0.cross_attn.v_proj.bias", "not loaded"),), cause=("parameters.values",),
         trap="`set_state_dict`"),
    Case(name="dec-square-transposed", family="textdecoder", at=(f"{_C}.wo",), cause=("linear.transposed",),
         weights=(("decoder.1.cross_attn.out_proj.weight", "transposed"),), trap="Linear weight"),
)  # fmt: skip

AUDIO = (
    Case(name="audio-glu-swapped", family="audio", right={"block1.gate": "first"}, at=("mods.0.pw1 > mods.0.dw",),
         cause=("operands.swapped", "cat.order", "reshape.order")),
    Case(name="audio-pad-right", family="audio", right={"block2.padding": [0, 8]}, at=("mods.1.pw1 > mods.1.dw",),
         cause=("pad.sides",)),
    Case(name="audio-deviation", family="audio", right={"unbiased": False},
         at=("mods.1.drop > fc", "mods.1 > fc", "mods.1.pw2 > fc"), cause=("reduce.unbiased",)),
    Case(name="audio-stats-order", family="audio", right={"mean_first": False},
         at=("mods.1.drop > fc", "mods.1 > fc", "mods.1.pw2 > fc"), cause=("cat.order",)),
    Case(name="audio-unit-axis", family="audio", right={"unit": 0}, at=("fc > head",), cause=("normalize.axis",)),
    Case(name="audio-unit-forgotten", family="audio", right={"unit": None}, at=("fc > head",),
         cause=("layer.missing",)),
    Case(name="audio-momentum", family="audio", right={"block1.batch_norm.momentum": 0.1}, at=("mods.0.bn",),
         phase="buffers", cause=("batch_norm.momentum",), trap="BatchNorm momentum"),
    Case(name="audio-dropout-downscale", family="audio", left={"mods.1.p": 0.3},
         right={"block2.p": 0.3, "block2.dropout.mode": "downscale_in_infer"}, at=("mods.1.drop",),
         cause=("dropout.mode",), trap="dropout mode in some P models"),
    Case(name="audio-gelu-tanh", family="audio", right={"tanh_gelu": True}, at=("stem > mods.0.norm", "stem > mods.0"),
         cause=("gelu.approximate",), trap="GELU tanh for erf"),
    Case(name="audio-residual", family="audio", right={"block1.residual": False},
         at=("mods.0.drop > mods.1.norm", "mods.0", "mods.0.drop > mods.0", "mods.0.drop > mods.1",
             "mods.0.pw2 > mods.0"), cause=("residual.missing",)),
    Case(name="audio-hard-swish", family="audio", right={"block2.swish.type": "Hardswish"},
         at=("mods.1.bn > mods.1.pw2", "none = block2.swish", "mods.1.bn > none = block2.swish"),
         cause=("activation.kind",)),
    Case(name="audio-padding-asymmetric", family="audio", right={"subsample.padding": [[0, 0], [0, 0], [2, 0]]},
         at=("stem",), cause=("conv.padding",)),
)  # fmt: skip

HELD_SEQUENCE = (*TRANSLATOR, *TEXT, *AUDIO)

# Float32 constants inside Paddle's kernels that torch cannot be given.
_AVERAGE = 1e-8  # the gradient of average pooling divides by a float32 count
_RATIO = 1e-6  # resizing keeps the ratio of the extents
_LIMITS = {"senext": _AVERAGE, "densenet": _AVERAGE}
_FAMILIES = (
    "vit", "senext", "deeplab", "densenet", "mixer", "discriminator", "nonlocal", "superres", "vae", "bare",
    "translator", "textdecoder", "audio",
)  # fmt: skip

HELD_CORRECT = (
    *(Case(name=f"{family}-ported", family=family, limit=_LIMITS.get(family, 1e-9)) for family in _FAMILIES),
    *(Case(name=f"{family}-wrapped", family=family, wrapped=True) for family in ("vit", "superres", "translator")),
    *(Case(name=f"{family}-with-weights", family=family, loaded=True, limit=_LIMITS.get(family, 1e-9))
      for family in ("vit", "densenet", "bare", "textdecoder", "audio", "mixer")),
    Case(name="vit-fused-kernel", family="vit",
         right={"blocks.0.attn.kernel": "fused", "blocks.1.attn.kernel": "fused"}),
    Case(name="vit-channels-last-tokens", family="vit", right={"patch_embed.tokens": "channels last"}),
    Case(name="vit-dropping", family="vit", left={"p": 0.3}, right={"p": 0.3}, random=True),
    Case(name="vit-compat-linear", family="vit", right={"head.type": "compat.Linear"}),
    Case(name="senext-bias-before-norm", family="senext", left={"layers.0.bias": True},
         right={"block1.a.bias": True}, limit=_AVERAGE),
    Case(name="senext-large-input", family="senext", scale=50.0, limit=_AVERAGE),
    Case(name="deeplab-tuple", family="deeplab", left={"outputs": "tuple"}, right={"outputs": "tuple"}),
    Case(name="deeplab-dropout", family="deeplab", left={"p": 0.5}, right={"p": 0.5}, random=True),
    Case(name="deeplab-odd-size", family="deeplab", shape=(2, 3, 15, 13), limit=_RATIO),
    Case(name="densenet-pool-then-convolution", family="densenet", right={"pool_first": True}, limit=_AVERAGE),
    Case(name="discriminator-large-input", family="discriminator", scale=50.0),
    Case(name="nonlocal-softmax", family="nonlocal", left={"softmax": True}, right={"softmax": -1}),
    Case(name="nonlocal-first-of-ties", family="nonlocal", left={"centred": True}, right={"centred": "first"}),
    Case(name="superres-shuffled-by-hand", family="superres", right={"shuffle": "by hand"}),
    Case(name="vae-parts-in-another-order", family="vae", right={"returned": ("logvar", "image", "mean")}),
    Case(name="translator-time-major", family="translator", right={"enc.time_major": True}),
    Case(name="textdecoder-trained", family="textdecoder", optimiser="Adam"),
    Case(name="mixer-trained", family="mixer", optimiser="momentum", limit=1e-6),
    Case(name="audio-dropping", family="audio", left={"mods.0.p": 0.2}, right={"block1.p": 0.2}, random=True),
    Case(name="vae-trained", family="vae", optimiser="AdamW"),
)  # fmt: skip
