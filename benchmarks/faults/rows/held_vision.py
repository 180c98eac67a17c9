"""Held-out faults in image classifiers and segmenters."""

from __future__ import annotations

from benchmarks.faults.case import Case

_A, _L = "blocks.0.qkv > blocks.0.proj", "layers.1"
_SWAP = ("attention.qk_swapped", "operands.swapped", "reshape.order")

VIT = (
    Case(name="vit-qkv-order", family="vit", right={"blocks.0.attn.order": (1, 0, 2)}, at=(_A,), cause=_SWAP),
    Case(name="vit-qkv-as-vkq", family="vit", right={"blocks.1.attn.order": (2, 1, 0)},
         at=("blocks.1.qkv > blocks.1.proj",), cause=(*_SWAP, "cat.order")),
    Case(name="vit-scale-missing", family="vit", right={"blocks.0.attn.scale": 1.0}, at=(_A,),
         cause=("attention.scale",)),
    Case(name="vit-sdpa-layout", family="vit", right={"blocks.1.attn.kernel": "as torch"},
         at=("blocks.1.qkv > blocks.1.proj",), cause=("attention.layout",), trap="scaled_dot_product_attention layout"),
    Case(name="vit-token-last", family="vit", right={"first": False}, at=("patch > drop", "patch > blocks.0.norm1"),
         cause=("cat.order",)),
    Case(name="vit-patches-as-they-lie", family="vit", right={"patch_embed.tokens": "as they lie"},
         at=("patch > drop", "patch > blocks.0.norm1", "patch = patch_embed > drop", "patch", "patch = patch_embed"),
         cause=("reshape.order",)),
    Case(name="vit-positions-forgotten", family="vit", right={"placed": False}, phase="eval",
         at=("patch > drop", "patch > blocks.0.norm1", "pos", " = pos_embed"),
         cause=("residual.missing", "shift.constant", "parameters.unpaired", "layer.missing")),
    Case(name="vit-norm-eps", family="vit", right={"blocks.1.norm2.epsilon": 1e-05}, at=("blocks.1.norm2",),
         cause=("layer_norm.eps",)),
    Case(name="vit-gelu-tanh", family="vit", right={"blocks.1.mlp.act.approximate": True}, at=("blocks.1.act",),
         cause=("gelu.approximate",), trap="GELU tanh for erf"),
    Case(name="vit-mean-for-token", family="vit", right={"pooled": "mean"}, at=("norm > head",),
         cause=("operation.kind", "reduce.kind", "layer.missing", "reduce.axis", "rnn.step")),
    Case(name="vit-last-norm-forgotten", family="vit", right={"normed": False},
         at=("norm", "blocks > head", "blocks.1.fc2 > head", "blocks.1.fc2 > norm", "blocks > norm",
             "blocks.1 > head", "blocks.1 > norm"), cause=("layer.missing", "parameters.unpaired")),
    Case(name="vit-dropout-p", family="vit", left={"p": 0.1}, right={"p": 0.2}, at=("drop",), phase="attributes",
         cause=("dropout.p",), random=True),
)  # fmt: skip

SENEXT = (
    Case(name="senext-unshuffled", family="senext", right={"block1.shuffled": False},
         at=("layers.0.bn1 > layers.0.conv2",), cause=("reshape.order",)),
    Case(name="senext-stride-first", family="senext", right={"block2.stride_first": True}, at=(f"{_L}.conv1",),
         cause=("conv.stride",)),
    Case(name="senext-pool-padding", family="senext", right={"block2.skip.0.exclusive": True}, at=(f"{_L}.pool",),
         cause=("avg_pool.count_include_pad",), trap="AvgPool padding"),
    Case(name="senext-momentum", family="senext", right={"block2.b.bn.momentum": 0.1}, at=(f"{_L}.bn2",),
         phase="buffers", cause=("batch_norm.momentum",), trap="BatchNorm momentum"),
    Case(name="senext-variance", family="senext", right={"block1.c.bn.type": "BatchNorm2D"}, at=("layers.0.bn3",),
         phase="buffers", cause=("batch_norm.variance",), trap="BatchNorm running variance"),
    Case(name="senext-dropout-downscale", family="senext", left={"p": 0.4},
         right={"p": 0.4, "drop.mode": "downscale_in_infer"}, at=("dropout",), cause=("dropout.mode",),
         trap="dropout mode in some P models"),
    Case(name="senext-relu-before-sum", family="senext", right={"block1.early_relu": True},
         at=("layers.0.short > layers.1.conv1", "layers.0.excite > layers.1.conv1", "layers.0",
             "layers.0.short > layers.0", "layers.0.excite > layers.0", "layers.0.excite > layers.0.short",
             "layers.0.short > layers.1.pool"), cause=("activation.order", "layer.order", "residual.operand")),
    Case(name="senext-gate-added", family="senext", right={"block2.se.added": True},
         at=(f"{_L}.excite > fc", f"{_L}.excite > {_L}.short", f"{_L}.excite > {_L}.pool", f"{_L}.short > fc",
             f"{_L}.excite > {_L}", f"{_L}.short > dropout", f"{_L}.excite > dropout", f"{_L}.excite > = block2.se"),
         cause=("operation.kind",)),
    Case(name="senext-gate-forgotten", family="senext", right={"block1.gated": False}, phase="eval",
         at=("layers.0.bn3 > layers.0.short", "layers.0.bn3 > layers.1.conv1", "layers.0.excite", "layers.0.squeeze",
             "layers.0.bn3 > layers.0", "layers.0.excite > layers.0.short", "layers.0.short > layers.1.conv1",
             "layers.0.excite > layers.1.conv1", "layers.0.excite > layers.0", "layers.0.short > layers.0",
             "layers.0.bn3 > layers.0.squeeze"),
         cause=("layer.missing", "scale.missing", "parameters.unpaired", "operation.kind")),
    Case(name="senext-relu-for-relu6", family="senext", right={"stem.act": "relu"}, scale=8.0,
         at=("stem.2", "stem.1 > layers.0.conv1", "stem.1 > stem.2", "stem.1 > stem"), cause=("activation.kind",)),
    Case(name="senext-bn-global-stats", family="senext", right={"block1.a.bn.use_global_stats": True}, phase="train",
         at=("layers.0.bn1",), cause=("batch_norm.training",), trap="`track_running_stats=False`"),
)  # fmt: skip

DEEPLAB = (
    Case(name="deeplab-align-corners", family="deeplab", right={"align_corners": True}, at=("head > output",),
         cause=("interpolate.align_corners",)),
    Case(name="deeplab-nearest", family="deeplab", right={"mode": "nearest"}, at=("head > output",),
         cause=("interpolate.mode",)),
    Case(name="deeplab-rates", family="deeplab", right={"rates": (3, 2)}, at=("aspp.1.0",), cause=("conv.dilation",)),
    Case(name="deeplab-context-first", family="deeplab", right={"context_first": True},
         at=("context > project.0", "context.2 > project.0", "context.1 > project.0", "context.1 > project",
             "context.2 > project", "context > project", "aspp.2.1 > project.0", "aspp.2.2 > project.0",
             "aspp.2 > project.0"), cause=("cat.order",)),
    Case(name="deeplab-pool-relu", family="deeplab", right={"pool_relu": False},
         at=("context.2", "context.1 > project.0", "context.1 > context.2", "context.1 > context"),
         cause=("activation.missing",)),
    Case(name="deeplab-no-aux", family="deeplab", right={"outputs": "one"}, at=("output", "aux", "aux > output"),
         phase="shape", cause=("output.structure", "parameters.unpaired", "layer.missing")),
    Case(name="deeplab-dropout-p", family="deeplab", left={"p": 0.1}, right={"p": 0.5}, at=("dropout",),
         phase="attributes", cause=("dropout.p",), random=True),
)  # fmt: skip

DENSENET = (
    Case(name="dense-newest-first", family="densenet", right={"dense.1.newest_first": True},
         at=("block.1.conv2 > block.2.norm1", "block.1.conv2 > block.2", "block.1.conv2 > block.1", "block.1",
             "block.1 > block.2.norm1", "block.1 > block.2"), cause=("cat.order",)),
    Case(name="dense-last-relu", family="densenet", right={"last_relu": False}, at=("norm5 > classifier",),
         cause=("activation.missing",)),
    Case(name="dense-pool-padding", family="densenet", right={"pool.exclusive": True}, at=("features.pool0",),
         cause=("avg_pool.count_include_pad",), trap="AvgPool padding"),
    Case(name="dense-eps", family="densenet", right={"dense.2.bn_b.epsilon": 0.001}, at=("block.2.norm2",),
         cause=("batch_norm.eps",)),
    Case(name="dense-max-for-mean", family="densenet", right={"pooled": "max"}, at=("norm5 > classifier",),
         cause=("pool.kind", "reduce.kind")),
    Case(name="dense-momentum", family="densenet", right={"trans_bn.momentum": 0.99}, at=("transition.0",),
         phase="buffers", cause=("batch_norm.momentum",), trap="BatchNorm momentum"),
)  # fmt: skip

MIXER = (
    Case(name="mixer-unturned", family="mixer", right={"stack.0.turned": False},
         at=("layers.0.norm1 > layers.0.tokens.fc1", "layers.0.norm1 > layers.0.tokens", "layers.0.tokens.fc1"),
         cause=("reshape.order",)),
    Case(name="mixer-mean-axis", family="mixer", right={"axis": 2}, at=("norm > head",), cause=("reduce.axis",)),
    Case(name="mixer-untied", family="mixer", right={"tied": False}, phase="parameters",
         at=("layers.1.tokens.fc1", "layers.1.tokens", "layers.0.tokens", "layers.0.tokens.fc1",
             "layers.0.tokens.fc1 = stack.1.mix.0", "layers.1.norm1 > layers.1.tokens.fc1"),
         cause=("layer.shared", "parameters.unpaired")),
    Case(name="mixer-skip-from-norm", family="mixer", right={"stack.1.skip": "norm"},
         at=("layers.1.channels.fc2 > norm", "layers.1.channels > norm", "layers.1",
             "layers.1.channels.fc2 > layers.1", "layers.1.channels > layers.1"), cause=("residual.operand",)),
    Case(name="mixer-loaded-transposed", family="mixer", weights=(("stack.1.mlp.0.weight", "transposed"),),
         at=("layers.1.channels.fc1",), cause=("linear.transposed",), trap="Linear weight"),
    Case(name="mixer-gelu-tanh", family="mixer", right={"stack.0.mlp.1.approximate": True},
         at=("layers.0.channels.fc1 > layers.0.channels.fc2", "layers.0.channels.fc1 = stack.0.mlp.1",
             "layers.0.channels.fc1 > = stack.0.mlp.1", "none = stack.0.mlp.1"), cause=("gelu.approximate",),
         trap="GELU tanh for erf"),
)  # fmt: skip

HELD_VISION = (*VIT, *SENEXT, *DEEPLAB, *DENSENET, *MIXER)
