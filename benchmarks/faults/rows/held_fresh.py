"""Held-out faults and correct pairs written after the engine was improved on the other held-out ones."""

from __future__ import annotations

from benchmarks.faults.case import Case

_Q = "blocks.0.qkv > blocks.0.proj"
_MERGED = ("blocks.1.mlp.2 > merge_norm", "blocks.1 > merge_norm", "blocks.1.mlp > merge_norm")

FRESH = (
    Case(name="swin-roll-sense", family="swin", right={"layers.1.turn": 1}, at=("blocks.1.norm1 > blocks.1.qkv",),
         cause=("reshape.order", "output.flipped")),
    Case(name="swin-mask-forgotten", family="swin", right={"layers.1.masked": False},
         at=("blocks.1.qkv > blocks.1.proj",), cause=("attention.mask_missing",)),
    Case(name="swin-bias-forgotten", family="swin", right={"layers.0.attn.biased": False}, at=(_Q, "blocks.0.table"),
         cause=("residual.missing", "shift.constant", "layer.missing", "parameters.unpaired")),
    Case(name="swin-bias-transposed", family="swin", right={"layers.0.attn.index": "transposed"}, at=(_Q,),
         cause=("reshape.order", "residual.operand")),
    Case(name="swin-windows", family="swin", right={"layers.0.straight": False},
         at=("blocks.0.norm1 > blocks.0.qkv",), cause=("reshape.order",)),
    Case(name="swin-merge-order", family="swin", right={"order": (0, 2, 1, 3)}, at=_MERGED, cause=("cat.order",)),
    Case(name="swin-scale", family="swin", right={"layers.1.attn.scale": 8 ** -0.5},
         at=("blocks.1.qkv > blocks.1.proj",), cause=("attention.scale",)),
    Case(name="swin-mean-before-norm", family="swin", right={"mean_first": True},
         at=("merge > norm", "norm", "merge > head"), cause=("layer.order",)),
    Case(name="points-identity", family="pointnet", right={"identity": False},
         at=("tfc > conv1", "tfc > output"), cause=("residual.missing", "shift.constant", "layer.missing")),
    Case(name="points-transform-turned", family="pointnet", right={"turned": True}, at=("tfc > conv1",),
         cause=("operands.swapped", "reshape.order")),
    Case(name="points-relu-extra", family="pointnet", right={"last_relu": True}, at=("conv2 > fc1",),
         cause=("activation.missing",)),
    Case(name="points-softmax", family="pointnet", right={"log": False}, at=("fc2 > output",),
         cause=("activation.kind",)),
    Case(name="points-pooled-order", family="pointnet", right={"pooled": "mean, max"}, at=("conv2 > fc1",),
         cause=("cat.order",)),
    Case(name="points-bn-eps", family="pointnet", right={"norm.epsilon": 1e-3}, at=("bn1",), cause=("batch_norm.eps",)),
    Case(name="points-dropout", family="pointnet", left={"p": 0.4}, right={"p": 0.4, "head.2.mode":
         "downscale_in_infer"}, at=("drop",), cause=("dropout.mode",), trap="dropout mode in some P models"),
    Case(name="line-pool-padding", family="textline", right={"pool2.args": ((2, 2), (2, 1), (0, 0))}, phase="shape",
         at=("cnn.5",), cause=("max_pool.padding",)),
    Case(name="line-height-max", family="textline", right={"height": "max"}, at=("cnn.5 > rnn",),
         cause=("reduce.kind", "pool.kind")),
    Case(name="line-directions-swapped", family="textline", right={"swapped": True}, at=("rnn > fc",),
         cause=("cat.order", "reshape.order")),
    Case(name="line-softmax-axis", family="textline", right={"axis": 0}, at=("fc > output",), cause=("softmax.axis",),
         trap="softmax axis"),
    Case(name="line-batch-first", family="textline", right={"time_first": False}, phase="shape",
         at=("fc > output", "output"), cause=("output.shape", "reshape.order")),
)  # fmt: skip

FRESH_CORRECT = (
    *(Case(name=f"{family}-ported", family=family) for family in ("swin", "pointnet", "textline")),
    *(Case(name=f"{family}-with-weights", family=family, loaded=True) for family in ("swin", "pointnet", "textline")),
    Case(name="swin-wrapped", family="swin", wrapped=True),
    Case(name="swin-larger", family="swin", shape=(2, 3, 16, 8)),
    Case(name="pointnet-dropping", family="pointnet", left={"p": 0.3}, right={"p": 0.3}, random=True),
    Case(name="pointnet-trained", family="pointnet", optimiser="Adam"),
    Case(name="pointnet-square", family="pointnet", shape=(8, 3, 8)),
    Case(name="textline-trained", family="textline", optimiser="AdamW"),
)  # fmt: skip
