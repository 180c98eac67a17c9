"""Every known way in which the two frameworks differ, and which cases hold it.

"fault": at least one fault names the row as its ``trap``. A tuple names the correct pairs that contain the difference
and must pass all the same. Text says why no pair of models can contain it.
"""

from __future__ import annotations

FAULT = "fault"

TRAPS: dict[str, str | tuple[str, ...]] = {
    # state and layout
    "BatchNorm momentum": FAULT,
    "BatchNorm running variance": FAULT,
    "BatchNorm names": ("resnet-as-written", "pyramid-as-written"),
    "BatchNorm, one value per channel, train": FAULT,
    "`track_running_stats=False`": FAULT,
    "old `paddle.nn.BatchNorm`": ("bn-old-layer",),
    "InstanceNorm2D": FAULT,
    "LayerNorm([C,1,1]) weight": ("convnext-as-written",),
    "Linear weight": FAULT,
    "`set_state_dict`": FAULT,
    "MultiheadAttention": FAULT,
    "MHA boolean mask": FAULT,
    "scaled_dot_product_attention layout": FAULT,
    "shared submodule in a state dict": FAULT,
    # defaults
    "Linear init": "weights are transferred; a fresh model is not compared by its draws",
    "Conv2d init": "weights are transferred; a fresh model is not compared by its draws",
    "Embedding init": "weights are transferred; a fresh model is not compared by its draws",
    "softmax axis": FAULT,
    "AvgPool padding": FAULT,
    "MaxPool `ceil_mode` with stride > kernel": FAULT,
    "grid_sample / affine_grid `align_corners`": FAULT,
    "hard-sigmoid slope in some P models": FAULT,
    "dropout mode in some P models": FAULT,
    "median of an even count": FAULT,
    "F.pad, four values on a 2-D tensor": FAULT,
    "SmoothL1 at 0.5": FAULT,
    "leaky_relu gradient at 0": FAULT,
    "PolynomialDecay end_lr": FAULT,
    "GELU tanh for erf": FAULT,
    # gradients, losses, optimisers
    "`max(dim)` ties": FAULT,
    "conv bias before BatchNorm": ("conv-bias-before-bn", "unet-as-written"),
    "cross-entropy with ignore_index −100": FAULT,
    "cross-entropy, weight with label smoothing": FAULT,
    "`clear_grad` leaves zeros": FAULT,
    "RMSProp defaults": FAULT,
    "SGD, Momentum, Adam, AdamW with matched arguments": ("train-sgd", "train-momentum", "train-adam", "train-adamw"),
    "same seed, dropout": ("dropout-half", "dropout-half-lstm"),
    # arithmetic
    "float32 is never bitwise equal": ("matmul-large-k", "resnet-deep", "gpt-deep"),
    "P holds hyper-parameters as float32": ("elu-alpha-odd", "hard-sigmoid-se", "bn-eps-odd", "layer-norm-eps-odd"),
    "in-place activations": FAULT,
    "P on CPU: float16 and bfloat16": "no model runs in them there",
    "attention kernels want contiguous tensors": "speed, not values",
    "P scaled_dot_product_attention on CPU": "speed, not values",
    "imports": "no part of a model",
}
