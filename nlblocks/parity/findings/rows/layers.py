"""Layers and activations whose attributes differ."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

LAYERS = {
    "conv.stride": Cause(
        "the convolution's stride",
        mend="give both convolutions the same stride=",
        shows="an output of another extent",
    ),
    "conv.padding": Cause(
        "the convolution's padding",
        mend=(
            'give both convolutions the same padding=; write "SAME" out: it pads 0 and 1 at stride 2 and an even extent'
        ),
        shows=(
            'an output of another extent, or, where "SAME" pads one side only, of the same extent and shifted by a '
            "place"
        ),
    ),
    "conv.padding_mode": Cause(
        "the convolution's padding mode (zeros, reflect, ...)",
        mend="give both convolutions the same padding_mode=",
        shows="outputs differ along the borders, as deep as the padding reaches, and agree inside",
    ),
    "conv.dilation": Cause(
        "the convolution's dilation",
        mend="give both convolutions the same dilation=",
        shows="an output of another extent, or, where the padding makes up for it, other values everywhere",
    ),
    "conv.groups": Cause(
        "the convolution's groups",
        mend="give both convolutions the same groups=",
        shows="weights of another shape: a weight is [out, in / groups, ...]",
    ),
    "conv.output_padding": Cause(
        "the transposed convolution's output padding",
        mend="give both transposed convolutions the same output_padding=",
        shows="an output that is larger by a row and a column, or shifted",
    ),
    "conv.bias": Cause(
        "a bias that one convolution has and the other lacks",
        mend="give both convolutions a bias or neither (torch: bias=False, Paddle: bias_attr=False)",
        shows=(
            "a bias without a partner; outputs differ by one constant per channel, and where the bias is zero not at "
            "all"
        ),
    ),
    "linear.bias": Cause(
        "a bias that one linear layer has and the other lacks",
        mend="give both layers a bias or neither (torch: bias=False, Paddle: bias_attr=False)",
        shows=(
            "a bias without a partner; outputs differ by one constant per feature, and where the bias is zero not at "
            "all"
        ),
    ),
    "linear.transposed": Cause(
        "a linear weight used transposed",
        mend="transpose the weight while loading it: torch keeps it as [out, in], Paddle's nn.Linear as [in, out]",
        shows="outputs differ everywhere; only a square weight gets so far, as others do not fit",
    ),
    "batch_norm.eps": Cause(
        "the epsilon of batch normalisation",
        mend="give both layers the same epsilon (torch: eps=, Paddle: epsilon=)",
        shows=(
            "outputs differ most in channels that hardly vary, in evaluation and in training; 1e-5 and 1e-3 are both "
            "common"
        ),
    ),
    "batch_norm.momentum": Cause(
        "the momentum of the running statistics (torch weighs the new, Paddle the old)",
        mend="give Paddle's layer one minus torch's momentum: 0.1 in torch is 0.9 in Paddle",
        shows="outputs agree; running statistics differ after one step of training, and with them evaluation",
    ),
    "batch_norm.variance": Cause(
        "the variance kept as running statistic: unbiased (torch) or biased (Paddle)",
        mend="write the running variance's update by hand on one side, or accept it: no layer has a switch for it",
        shows=(
            "outputs agree; what is new in the running variance differs by a factor of N / (N - 1), N being the "
            "values of a channel in the batch, and evaluation with it, most after small batches"
        ),
    ),
    "batch_norm.training": Cause(
        "batch statistics on one side, running statistics on the other",
        mend="set both to one mode; torch's track_running_stats=False is Paddle's use_global_stats=False in train mode",
        shows="evaluation differs, and on one side depends on the other samples of the batch",
    ),
    "batch_norm.affine": Cause(
        "gamma and beta on one side only",
        mend="give both gamma and beta or neither: affine=False, Paddle's weight_attr=False and bias_attr=False",
        shows="a weight and a bias without partners; outputs differ by a factor and a constant per channel",
    ),
    "batch_norm.folded": Cause(
        "a BatchNorm that one side lacks, where its layer has a bias that the other's lacks: folded in, or missing",
        mend=(
            "give both sides the norm; or, if it is folded in, load both with the weights of one training, or freeze "
            "the model that has none (torch: requires_grad_(False), Paddle: stop_gradient): the product is moved then"
        ),
        shows="a norm without a partner behind a layer without a bias; the other model was exported for inference",
    ),
    "layer_norm.eps": Cause(
        "the epsilon of layer normalisation",
        mend="give both layers the same epsilon (torch: eps=, Paddle: epsilon=)",
        shows="outputs differ most for samples that hardly vary; 1e-5, 1e-6 and 1e-12 are all common in transformers",
    ),
    "layer_norm.axes": Cause(
        "the axes that layer normalisation covers",
        mend="give both layers the same normalized_shape=: the trailing axes that are normalised together",
        shows="outputs differ everywhere; weights have another shape where the axes have another extent",
    ),
    "layer_norm.affine": Cause(
        "gamma and beta on one side only",
        mend=(
            "give both gamma and beta or neither: elementwise_affine=False, Paddle's weight_attr=False, bias_attr=False"
        ),
        shows="a weight and a bias without partners; outputs differ by a factor and a constant per feature",
    ),
    "group_norm.eps": Cause(
        "the epsilon of group normalisation",
        mend="give both layers the same epsilon (torch: eps=, Paddle: epsilon=)",
        shows="outputs differ most in groups that hardly vary",
    ),
    "group_norm.groups": Cause(
        "the number of groups of group normalisation",
        mend="give both layers the same num_groups=",
        shows="outputs differ everywhere, and all weights fit: their shape does not depend on it",
    ),
    "group_norm.affine": Cause(
        "gamma and beta on one side only",
        mend="give both gamma and beta or neither: affine=False, Paddle's weight_attr=False and bias_attr=False",
        shows="a weight and a bias without partners; outputs differ by a factor and a constant per channel",
    ),
    "instance_norm.eps": Cause(
        "the epsilon of instance normalisation",
        mend="give both layers the same epsilon (torch: eps=, Paddle: epsilon=)",
        shows="outputs differ most in channels that hardly vary",
    ),
    "instance_norm.affine": Cause(
        "gamma and beta on one side only",
        mend="give torch's layer affine=True, or Paddle's weight_attr=False and bias_attr=False: their defaults differ",
        shows="a weight and a bias without partners: torch's layer has none unless asked, Paddle's has both",
    ),
    "rms_norm.eps": Cause(
        "the epsilon of RMS normalisation, or where it is added",
        mend=(
            "give both the same epsilon under the root, sqrt(mean(x * x) + eps); left out, torch takes the dtype's own"
        ),
        shows="outputs differ most for small vectors; left out, torch takes 1.2e-7 for float32 and 2.2e-16 for float64",
    ),
    "rms_norm.affine": Cause(
        "a weight on one side only",
        mend="give both sides a weight or neither",
        shows="a weight without a partner; outputs differ by a factor per feature",
    ),
    "normalisation.kind": Cause(
        "another normalisation",
        mend="use the same normalisation on both sides",
        shows="outputs differ everywhere; between normalisations whose weights fit each other nothing else shows it",
    ),
    "normalisation.variance": Cause(
        "biased or unbiased variance inside a normalisation written by hand",
        mend="divide by N on both sides, as the layers do: unbiased=False in var and std",
        shows="outputs differ by a factor of sqrt(N / (N - 1)), N being the numbers that are normalised together",
    ),
    "normalize.axis": Cause(
        "the axis of an L2 normalisation",
        mend="normalise over the same axis (torch: dim=, Paddle: axis=)",
        shows="outputs differ everywhere; vectors have length 1 along another axis",
    ),
    "normalize.p": Cause(
        "which norm a vector is divided by",
        mend="give both the same p=",
        shows="outputs differ by a factor per vector",
    ),
    "normalize.eps": Cause(
        "the least norm that a vector is divided by, or how it is kept from zero",
        mend="divide by max(norm, eps) with the same eps on both sides (torch: eps=, Paddle: epsilon=)",
        shows="outputs differ for vectors that are nearly zero, and agree for others",
    ),
    "spectral_norm.iteration": Cause(
        "the vector that the power iteration of a spectral norm begins with",
        mend=(
            "use torch.nn.utils.spectral_norm, which begins with u as Paddle does; parametrizations.spectral_norm "
            "begins with v; in evaluation both compute the same"
        ),
        shows="training differs by a little that shrinks from step to step; evaluation agrees",
    ),
    "softplus.beta": Cause(
        "the beta of softplus",
        mend="give both the same beta=",
        shows="outputs differ most around zero",
    ),
    "leaky_relu.slope": Cause(
        "the negative slope of LeakyReLU",
        mend="give both the same negative_slope=",
        shows="outputs differ where inputs are negative; 0.01 is both frameworks' default, 0.1 and 0.2 are common",
    ),
    "elu.alpha": Cause(
        "the alpha of ELU",
        mend="give both the same alpha=",
        shows="outputs differ where inputs are negative",
    ),
    "gelu.approximate": Cause(
        "GELU by erf, by tanh or by a sigmoid, on one side only",
        mend='give both approximate="tanh" or neither (Paddle also takes approximate=True)',
        shows=(
            "outputs differ by up to 5e-4 between erf and tanh, and by up to 2e-2 from x * sigmoid(1.702 * x): little"
            " enough to pass a loose tolerance"
        ),
    ),
    "hard_sigmoid.slope": Cause(
        "the slope of hard-sigmoid: 1/6 or 0.2",
        mend="give Paddle's F.hardsigmoid slope=1/6, or write torch's as clamp(0.2 * x + 0.5, 0, 1)",
        shows="outputs differ between -3 and 3, and agree beyond",
    ),
    "activation.kind": Cause(
        "another activation function",
        mend="use the same activation function on both sides",
        shows="outputs differ, often only where inputs are negative; every weight fits",
    ),
    "activation.missing": Cause(
        "an activation that one side lacks",
        mend="add the activation to the side that lacks it, or take it from the other",
        shows="outputs differ where the activation is not the identity; every weight fits",
    ),
    "activation.order": Cause(
        "an activation on the other side of its neighbour",
        mend="put the activation on the same side of its neighbour",
        shows=(
            "outputs differ and every weight fits, as between relu(norm(x)) and norm(relu(x)), or relu(x + y) and "
            "relu(x) + y"
        ),
    ),
    "softmax.axis": Cause(
        "the axis of softmax",
        mend="name the same axis on both sides (torch: dim=, Paddle: axis=, the last unless given)",
        shows="outputs differ everywhere; each sums to 1 along another axis",
    ),
    "dropout.p": Cause(
        "the probability of dropout",
        mend="give both the same p=",
        shows="evaluation agrees; training differs by a factor where the same elements are kept",
    ),
    "dropout.mode": Cause(
        "dropout that scales at training time or at evaluation time",
        mend='give mode="upscale_in_train" in Paddle: torch has no other',
        shows=(
            'evaluation differs by a factor of 1 - p behind every dropout: Paddle\'s "downscale_in_infer" scales '
            "there, and not in training"
        ),
    ),
    "dropout.missing": Cause(
        "a dropout that one side lacks",
        mend="put a dropout with the same p= in the same place on both sides, or on neither",
        shows="evaluation agrees; training differs",
    ),
    "dropout.training": Cause(
        "dropout active in evaluation, or never active",
        mend="let the model's mode decide: a dropout layer, or training=self.training where it is a function",
        shows="evaluation gives another result at every call on one side, or training drops nothing",
    ),
}
