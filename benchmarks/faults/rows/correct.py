"""The correct pairs: every difference between the two sides is rounding. Many are hard for a naive comparison."""

from __future__ import annotations

from benchmarks.faults.case import Case

# Float32 constants inside Paddle's kernels that torch cannot be given.
_HARD_SIGMOID = 1e-7  # the slope 1/6
_AVERAGE = 1e-8  # the gradient of average pooling divides by a float32 count
_SMOOTHING = 1e-7  # the label smoothing
_MOMENTUM = 1e-8  # BatchNorm's momentum, and 1 - momentum, each rounded
_LIMITS = {"mobilenet": _HARD_SIGMOID, "inception": _AVERAGE}


def both(name: str, family: str, limit: float = 1e-9, **knobs: object) -> Case:
    """The same knobs on both sides."""
    return Case(name=name, family=family, left=knobs, right=knobs, limit=_LIMITS.get(family, limit))


PLAIN = tuple(
    Case(name=f"{family}-as-written", family=family, limit=_LIMITS.get(family, 1e-9))
    for family in (
        "resnet", "unet", "mobilenet", "convnext", "inception", "generator", "gpt", "encoder", "cross", "cbam",
        "sagan", "lstm", "stn", "losses", "ignoring", "autoencoder", "table", "pyramid",
    )
)  # fmt: skip

HARD = (
    # gradients that are rounding, and errors that grow
    both("conv-bias-before-bn", "resnet", bias=True),
    both("resnet-deep", "resnet", depth=6),
    both("resnet-wide", "resnet", width=32, depth=1),
    both("gpt-deep", "gpt", depth=8),
    both("convnext-deep", "convnext", depth=8),
    both("matmul-large-k", "table", width=1024),
    both("mlp-wide", "table", width=256),
    # large numbers: the errors of float32 are large too
    Case(name="resnet-pixels-to-255", family="resnet", scale=100.0),
    Case(name="unet-pixels-to-255", family="unet", scale=100.0),
    Case(name="inception-pixels-to-255", family="inception", scale=100.0, limit=_AVERAGE),
    Case(name="pyramid-pixels-to-255", family="pyramid", scale=100.0),
    # in-place activations, and none
    Case(name="relu-not-in-place", family="resnet", left={"relu.inplace": False, "layer1.0.relu.inplace": False}),
    Case(name="silu-in-place-everywhere", family="resnet",
         left={f"{at}relu.type": "SiLU" for at in ("", "layer1.0.", "layer1.1.", "layer2.0.", "layer2.1.")}
         | {f"{at}relu.inplace": True for at in ("", "layer1.0.", "layer1.1.", "layer2.0.", "layer2.1.")},
         right={f"{at}relu.type": "Silu" for at in ("", "stages.0.0.", "stages.0.1.", "stages.1.0.", "stages.1.1.")}),
    Case(name="leaky-relu-in-place", family="resnet",
         left={"layer1.0.relu.type": "LeakyReLU", "layer1.0.relu.negative_slope": 0.2, "layer1.0.relu.inplace": True},
         right={"stages.0.0.relu.type": "LeakyReLU", "stages.0.0.relu.negative_slope": 0.2}),
    # parameters without a layer
    Case(name="linear-without-a-layer", family="table", right={"functional": True}),
    # weights used more than once
    both("gpt-tied", "gpt", tied=True),
    both("layer-shared", "autoencoder", shared=True),
    both("layer-not-shared", "autoencoder", shared=False),
    # one Linear for q, k, v on one side
    Case(name="qkv-fused-against-separate", family="gpt", right={"h.0.attn.fused": False, "h.1.attn.fused": False}),
    Case(name="qkv-separate", family="gpt", left={"blocks.0.attn.fused": False, "blocks.1.attn.fused": False},
         right={"h.0.attn.fused": False, "h.1.attn.fused": False}),
    Case(name="causal", family="gpt", left={"blocks.0.attn.causal": True, "blocks.1.attn.causal": True},
         right={"h.0.attn.causal": True, "h.1.attn.causal": True}),
    Case(name="causal-tied-fused", family="gpt", left={"tied": True, "blocks.0.attn.causal": True},
         right={"tied": True, "h.0.attn.causal": True, "h.0.attn.fused": False}),
    # dropout
    both("dropout-zero", "mobilenet", dropout=0.0),
    Case(name="dropout-half", family="mobilenet", left={"dropout": 0.5}, right={"dropout": 0.5}, random=True,
         limit=_HARD_SIGMOID),
    Case(name="dropout-half-lstm", family="lstm", left={"p": 0.5}, right={"p": 0.5}, random=True),
    # normalisation
    Case(name="bn-biased-on-both", family="pyramid", left={"bn.type": "BiasedBatchNorm2d"},
         right={"bn.type": "BatchNorm2D"}),
    Case(name="bn-old-layer", family="pyramid", left={"bn.type": "BiasedBatchNorm2d"}, right={"bn.type": "BatchNorm"}),
    Case(name="bn-batch-statistics", family="resnet", left={"bn1.track_running_stats": False},
         right={"norm1.use_global_stats": False}),
    both("bn-frozen-by-train-method-on-both", "pyramid", frozen=True),
    Case(name="bn-pooled-context", family="pyramid", left={"pool_norm": True}, right={"pool_norm": True},
         limit=_MOMENTUM),
    Case(name="bn-eps-odd", family="resnet", left={"layer2.0.bn1.eps": 3e-4}, right={"stages.1.0.norm1.epsilon": 3e-4}),
    Case(name="bn-momentum-odd", family="resnet", left={"layer1.0.bn1.momentum": 0.03},
         right={"stages.0.0.norm1.momentum": 0.97}),
    both("instance-norm-plain", "generator", affine=False),
    Case(name="layer-norm-eps-odd", family="gpt", left={"ln_f.eps": 1e-3}, right={"ln_f.epsilon": 1e-3}),
    Case(name="group-norm-as-layer-norm", family="convnext", left={"down_norm.args": (1, 8)},
         right={"down.0.args": (1, 8)}),
    Case(name="layer-norm-over-channels", family="convnext",
         left={"stem_norm.type": "LayerNorm2d", "stem_norm.args": (8,)},
         right={"stem.1.type": "LayerNorm2D", "stem.1.args": (8,)}),
    # constants that Paddle holds as float32
    Case(name="leaky-relu-slope-odd", family="inception", left={"act.negative_slope": 0.3}, right={"slope": 0.3},
         limit=_AVERAGE),
    Case(name="elu-alpha-odd", family="inception", left={"elu.alpha": 0.7}, right={"elu.alpha": 0.7}, limit=_AVERAGE),
    Case(name="gelu-tanh-on-both", family="convnext",
         left={"blocks.0.act.approximate": "tanh", "blocks.1.act.approximate": "tanh"},
         right={"stage.0.act.approximate": True, "stage.1.act.approximate": True}),
    Case(name="hard-sigmoid-se", family="mobilenet", shape=(2, 3, 16, 16), limit=_HARD_SIGMOID),
    # pooling and resizing
    both("unet-bilinear", "unet", up="bilinear"),
    both("unet-nearest", "unet", up="nearest"),
    Case(name="avg-pool-without-padding", family="inception", left={"pool.count_include_pad": False},
         right={"pool.exclusive": True}, limit=_AVERAGE),
    Case(name="max-pool-ceil-mode-on-both", family="resnet", left={"maxpool.ceil_mode": True},
         right={"maxpool.ceil_mode": True}, limit=_AVERAGE),
    both("grids-aligned", "stn", align_corners=(True, True)),
    Case(name="prelu-one-slope", family="generator", left={"act2.args": (1,)}, right={"prelu.args": (1,)}),
    # ties of a maximum: shared out on both sides
    Case(name="channel-max-shared-out", family="cbam on features",
         left={"on_features": True, "maximum": "amax"}, right={"on_features": True, "maximum": "max"}),
    Case(name="channel-amax", family="cbam", left={"maximum": "amax"}, right={"maximum": "amax"}),
    both("channel-max-first", "cbam on features", on_features=True),
    Case(name="leaky-relu-kink", family="counts", left={"kink": True}, right={"kink": "where"}),
    # recurrence
    both("gru", "lstm", cell="GRU"),
    both("rnn", "lstm", cell="RNN"),
    both("lstm-bidirectional", "lstm", bidirectional=True),
    both("gru-bidirectional-deep", "lstm", cell="GRU", bidirectional=True, layers=3),
    Case(name="lstm-state-for-last-step", family="lstm", right={"step": "state"}),
    both("embedding-padding-row-on-both", "lstm", padding_idx=0),
    both("encoder-padding-row", "encoder", padding_idx=0),
    # attention
    both("encoder-without-mask", "encoder", masked=False),
    both("cross-without-mask", "cross", mask=False),
    Case(name="linear-compat", family="table", right={"fc2.type": "compat.Linear", "fc1.type": "compat.Linear"}),
    # functions on rows
    Case(name="median-lower", family="table", left={"median": True}, right={"median": "min"}),
    Case(name="pad-matrix-on-both", family="table", left={"pad": True}, right={"pad": "last axis"}),
    Case(name="std-unbiased", family="table", left={"std": True}, right={"std": True}),
    Case(name="unit-rows", family="table", left={"unit": True}, right={"unit": 1}),
    Case(name="pruned-among-ties", family="pruned"),
    # losses, outputs
    both("label-smoothing", "losses", _SMOOTHING, label_smoothing=0.1),
    both("class-weights", "losses", weighted=True),
    both("outputs-as-dictionary", "pyramid", outputs="dict"),
    # another nesting; weights already in place
    Case(name="resnet-nested", family="resnet", wrapped=True),
    Case(name="lstm-nested", family="lstm", wrapped=True),
    Case(name="gpt-loaded", family="gpt", loaded=True),
    Case(name="mobilenet-loaded", family="mobilenet", loaded=True, limit=_HARD_SIGMOID),
    Case(name="cross-loaded", family="cross", loaded=True),
    # training
    Case(name="train-sgd", family="resnet", optimiser="SGD", limit=1e-8),
    Case(name="train-momentum", family="table", optimiser="momentum", limit=1e-6),
    Case(name="train-adam", family="gpt", optimiser="Adam"),
    Case(name="train-adamw", family="convnext", optimiser="AdamW"),
    Case(name="train-alternating", family="table", left={"alternate": True}, right={"alternate": True},
         optimiser="SGD"),
)  # fmt: skip

CORRECT = (*PLAIN, *HARD)
