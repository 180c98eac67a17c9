"""The causes that the parity lab can name, in one table: machine name, and what it means in words.

A cause reads ``kind.attribute``: the layer or operation that is wrong, and what about it. The lab reports a cause only
after it has tried it: with that one thing changed on one side, the two sides meet.
"""

from __future__ import annotations

from collections.abc import Collection

from nlblocks.errors import InputError

CAUSES: dict[str, str] = {
    # one layer or operation, another attribute
    "conv.stride": "the convolution's stride",
    "conv.padding": "the convolution's padding",
    "conv.padding_mode": "the convolution's padding mode (zeros, reflect, ...)",
    "conv.dilation": "the convolution's dilation",
    "conv.groups": "the convolution's groups",
    "conv.output_padding": "the transposed convolution's output padding",
    "conv.bias": "a bias that one convolution has and the other lacks",
    "linear.bias": "a bias that one linear layer has and the other lacks",
    "linear.transposed": "a linear weight used transposed",
    "batch_norm.eps": "the epsilon of batch normalisation",
    "batch_norm.momentum": "the momentum of the running statistics (torch weighs the new, Paddle the old)",
    "batch_norm.variance": "the variance kept as running statistic: unbiased (torch) or biased (Paddle)",
    "batch_norm.training": "batch statistics on one side, running statistics on the other",
    "batch_norm.affine": "gamma and beta on one side only",
    "layer_norm.eps": "the epsilon of layer normalisation",
    "layer_norm.axes": "the axes that layer normalisation covers",
    "layer_norm.affine": "gamma and beta on one side only",
    "group_norm.eps": "the epsilon of group normalisation",
    "group_norm.groups": "the number of groups of group normalisation",
    "instance_norm.eps": "the epsilon of instance normalisation",
    "instance_norm.affine": "gamma and beta on one side only",
    "normalisation.kind": "another normalisation",
    "normalisation.variance": "biased or unbiased variance inside a normalisation written by hand",
    "normalize.axis": "the axis of an L2 normalisation",
    "leaky_relu.slope": "the negative slope of LeakyReLU",
    "elu.alpha": "the alpha of ELU",
    "prelu.slope": "the slope of PReLU",
    "gelu.approximate": "GELU by erf on one side, by tanh on the other",
    "hard_sigmoid.slope": "the slope of hard-sigmoid: 1/6 or 0.2",
    "activation.kind": "another activation function",
    "activation.missing": "an activation that one side lacks",
    "activation.order": "an activation on the other side of its neighbour",
    "softmax.axis": "the axis of softmax",
    "dropout.p": "the probability of dropout",
    "dropout.mode": "dropout that scales at training time or at evaluation time",
    "dropout.missing": "a dropout that one side lacks",
    "dropout.training": "dropout active in evaluation, or never active",
    "max_pool.kernel": "the window of max pooling",
    "max_pool.stride": "the stride of max pooling",
    "max_pool.padding": "the padding of max pooling",
    "max_pool.ceil_mode": "max pooling rounding extents up or down",
    "max_pool.dilation": "the dilation of max pooling",
    "avg_pool.kernel": "the window of average pooling",
    "avg_pool.stride": "the stride of average pooling",
    "avg_pool.padding": "the padding of average pooling",
    "avg_pool.ceil_mode": "average pooling rounding extents up or down",
    "avg_pool.count_include_pad": "average pooling counting its padding or not",
    "pool.kind": "max pooling on one side, average pooling on the other",
    "interpolate.align_corners": "align_corners of resizing",
    "interpolate.mode": "the mode of resizing: nearest, bilinear, ...",
    "interpolate.size": "the size or scale of resizing",
    "grid_sample.align_corners": "align_corners of grid_sample",
    "grid_sample.mode": "the interpolation of grid_sample",
    "grid_sample.padding_mode": "what grid_sample reads outside the image",
    "affine_grid.align_corners": "align_corners of affine_grid",
    "pad.mode": "the mode of padding",
    "pad.value": "the value that padding writes",
    "pad.sides": "the sides or axes that are padded",
    "pixel_shuffle.order": "another order of channels in pixel shuffle",
    # how operations are put together
    "cat.order": "the order of a concatenation",
    "cat.axis": "the axis of a concatenation",
    "residual.missing": "a sum (residual, skip connection) that one side lacks",
    "residual.operand": "a sum with another operand",
    "layer.missing": "a layer or operation that one side lacks",
    "operation.kind": "another operation in the same place",
    "layer.order": "two layers or operations in the other order",
    "layer.weights": "a layer used with the weights of another",
    "layer.shared": "a layer shared on one side, separate on the other",
    "operands.swapped": "the two operands of a product or difference swapped",
    "reduce.axis": "the axis of a mean, sum or maximum",
    "reduce.kind": "a mean on one side, a sum or maximum on the other",
    "reduce.unbiased": "variance or standard deviation with N or N-1",
    "median.even": "the median of an even count: the lower middle or the mean of the two",
    "scale.factor": "a constant factor",
    "scale.missing": "a constant factor that one side lacks",
    "shift.constant": "a constant that is added",
    "clip.bounds": "the bounds of a clip",
    "power.exponent": "the exponent of a power",
    "reshape.order": "another order of elements: a transpose or reshape that differs",
    "output.flipped": "an axis reversed",
    "output.structure": "outputs in another structure, or missing",
    "output.shape": "an output of another shape",
    "output.dtype": "an output of another dtype",
    # attention
    "attention.scale": "the factor on attention scores",
    "attention.qk_swapped": "query and key swapped",
    "attention.mask_sense": "a boolean mask that hides on one side and keeps on the other",
    "attention.mask_missing": "a mask that one side lacks",
    "attention.causal": "causal on one side only",
    "attention.layout": "heads and positions exchanged: [B, H, L, D] against [B, L, H, D]",
    "attention.heads": "another number of heads",
    # recurrence and tables
    "rnn.bidirectional": "one direction against two",
    "rnn.gates": "gates in another order",
    "rnn.time_major": "batch and time exchanged",
    "rnn.state": "the initial state of a recurrent network",
    "rnn.step": "another time step read off",
    "embedding.padding_index": "the row of an embedding that is held at zero",
    # losses
    "cross_entropy.ignore_index": "what the mean of cross-entropy divides by when labels are ignored",
    "cross_entropy.label_smoothing": "the label smoothing of cross-entropy",
    "cross_entropy.weight": "class weights of cross-entropy",
    "loss.kind": "another loss",
    "loss.reduction": "the reduction of a loss",
    "smooth_l1.beta": "the threshold of SmoothL1 (or Huber's scaling)",
    # gradients and training
    "gradient.ties": "who gets the gradient among equal maxima",
    "gradient.detached": "a tensor detached from the graph on one side",
    "gradient.kink": "the gradient at the kink of an activation",
    "gradient.frozen": "a parameter that is trained on one side only",
    "gradient.scale": "a gradient scaled by a constant factor",
    "optimiser.momentum": "the optimiser's momentum",
    "optimiser.settings": "the optimiser's learning rate or other settings",
    "optimiser.gradients_kept": "gradients that are not cleared between steps",
    # what came before any arithmetic
    "parameters.unpaired": "a parameter or buffer with no partner",
    "parameters.shape": "paired parameters of different shape",
    "parameters.values": "paired parameters of different value (captures made with other weights)",
    "input.rejected": "one model raises on this input",
    "values.not_finite": "NaN or infinity",
    "precision.float32": "float64 agrees, the model's own dtype does not",
}


def accepted(causes: Collection[str]) -> tuple[str, ...]:
    """The causes to accept, checked. Raises InputError for one that is not in the table."""
    if not isinstance(causes, Collection):
        raise InputError(f"accept={causes!r} must be names of causes, e.g. ('batch_norm.variance',)")
    given = (causes,) if isinstance(causes, str) else tuple(causes)
    for cause in given:
        if cause not in CAUSES:
            kind = str(cause).partition(".")[0]
            alike = [name for name in CAUSES if name.startswith(f"{kind}.")]
            hint = (
                f"of this kind there are {', '.join(alike)}" if alike else "they are the keys of nlblocks.parity.CAUSES"
            )
            raise InputError(f"accept={cause!r} names no known cause; {hint}")
    return given
