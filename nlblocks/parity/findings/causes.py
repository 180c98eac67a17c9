"""The causes that the parity lab can name, in one table: machine name, what it means in words, and how to mend it.

A cause reads ``kind.attribute``: the layer or operation that is wrong, and what about it. The lab reports a cause only
after it has tried it: with that one thing changed on one side, the two sides meet.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from nlblocks.errors import InputError
from nlblocks.parity.findings.by_attribute import BY_ATTRIBUTE, MOVING, NAMED_AS, REDUCING
from nlblocks.parity.tracing import vocabulary


class Cause(str):
    """What a cause is, in words; ``mend`` says what to write so that both sides do the same."""

    __slots__ = ("mend",)
    mend: str

    def __new__(cls, words: str, mend: str) -> Cause:
        self = super().__new__(cls, words)
        object.__setattr__(self, "mend", mend)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Cause is not to be changed: {name}={value!r}")

    def __reduce__(self) -> tuple[type[Cause], tuple[str, str]]:
        return Cause, (str(self), self.mend)


class Causes(dict[str, Cause]):
    """The table: the machine name of every cause."""

    @property
    def renamed(self) -> Collection[tuple[str, str]]:
        """The (kind, attribute) pairs whose cause has another name than these make."""
        return BY_ATTRIBUTE.keys()

    def of(self, kind: str, attribute: str) -> str:
        """The name of a cause in the table: what it is called that operations of one kind differ in an attribute."""
        if (kind, attribute) in BY_ATTRIBUTE:
            return BY_ATTRIBUTE[kind, attribute]
        name = f"{NAMED_AS.get(kind, kind)}.{attribute}"
        if name in self:
            return name
        if attribute == "axis" and kind in REDUCING:
            return "reduce.axis"
        if kind in vocabulary.LOSSES:
            return f"loss.{attribute}" if f"loss.{attribute}" in self else "loss.settings"
        if kind in vocabulary.LAYOUT or kind in MOVING:
            return "reshape.order"
        return {"reduction": "loss.reduction", "scale": "attention.scale"}.get(attribute, "operation.argument")

    def accepted(self, causes: Collection[str]) -> tuple[str, ...]:
        """The causes to accept, checked. Raises InputError for one that is not in the table."""
        if not isinstance(causes, Collection):
            raise InputError(f"accept={causes!r} must be names of causes, e.g. ('batch_norm.variance',)")
        given = (causes,) if isinstance(causes, str) else tuple(causes)
        for cause in given:
            if cause not in self:
                kind = str(cause).partition(".")[0]
                alike = [name for name in self if name.startswith(f"{kind}.")]
                hint = (
                    f"of this kind there are {', '.join(alike)}"
                    if alike
                    else "they are the keys of nlblocks.parity.CAUSES"
                )
                raise InputError(f"accept={cause!r} names no known cause; {hint}")
        return given


# fmt: off
CAUSES = Causes({
    # one layer or operation, another attribute
    "conv.stride": Cause("the convolution's stride", "give both convolutions the same stride="),
    "conv.padding": Cause("the convolution's padding",
        'give both convolutions the same padding=; write "SAME" out: it pads 0 and 1 at stride 2 and an even extent'),
    "conv.padding_mode": Cause("the convolution's padding mode (zeros, reflect, ...)",
        "give both convolutions the same padding_mode="),
    "conv.dilation": Cause("the convolution's dilation", "give both convolutions the same dilation="),
    "conv.groups": Cause("the convolution's groups", "give both convolutions the same groups="),
    "conv.output_padding": Cause("the transposed convolution's output padding",
        "give both transposed convolutions the same output_padding="),
    "conv.bias": Cause("a bias that one convolution has and the other lacks",
        "give both convolutions a bias or neither (torch: bias=False, Paddle: bias_attr=False)"),
    "linear.bias": Cause("a bias that one linear layer has and the other lacks",
        "give both layers a bias or neither (torch: bias=False, Paddle: bias_attr=False)"),
    "linear.transposed": Cause("a linear weight used transposed",
        "transpose the weight while loading it: torch keeps it as [out, in], Paddle's nn.Linear as [in, out]"),
    "batch_norm.eps": Cause("the epsilon of batch normalisation",
        "give both layers the same epsilon (torch: eps=, Paddle: epsilon=)"),
    "batch_norm.momentum": Cause("the momentum of the running statistics (torch weighs the new, Paddle the old)",
        "give Paddle's layer one minus torch's momentum: 0.1 in torch is 0.9 in Paddle"),
    "batch_norm.variance": Cause("the variance kept as running statistic: unbiased (torch) or biased (Paddle)",
        "write the running variance's update by hand on one side, or accept it: no layer has a switch for it"),
    "batch_norm.training": Cause("batch statistics on one side, running statistics on the other",
        "set both to one mode; torch's track_running_stats=False is Paddle's use_global_stats=False in train mode"),
    "batch_norm.affine": Cause("gamma and beta on one side only",
        "give both gamma and beta or neither: affine=False, Paddle's weight_attr=False and bias_attr=False"),
    "layer_norm.eps": Cause("the epsilon of layer normalisation",
        "give both layers the same epsilon (torch: eps=, Paddle: epsilon=)"),
    "layer_norm.axes": Cause("the axes that layer normalisation covers",
        "give both layers the same normalized_shape=: the trailing axes that are normalised together"),
    "layer_norm.affine": Cause("gamma and beta on one side only",
        "give both gamma and beta or neither: elementwise_affine=False, Paddle's weight_attr=False, bias_attr=False"),
    "group_norm.eps": Cause("the epsilon of group normalisation",
        "give both layers the same epsilon (torch: eps=, Paddle: epsilon=)"),
    "group_norm.groups": Cause("the number of groups of group normalisation", "give both layers the same num_groups="),
    "group_norm.affine": Cause("gamma and beta on one side only",
        "give both gamma and beta or neither: affine=False, Paddle's weight_attr=False and bias_attr=False"),
    "instance_norm.eps": Cause("the epsilon of instance normalisation",
        "give both layers the same epsilon (torch: eps=, Paddle: epsilon=)"),
    "instance_norm.affine": Cause("gamma and beta on one side only",
        "give torch's layer affine=True, or Paddle's weight_attr=False and bias_attr=False: their defaults differ"),
    "rms_norm.eps": Cause("the epsilon of RMS normalisation, or where it is added",
        "give both the same epsilon under the root, sqrt(mean(x * x) + eps); left out, torch takes the dtype's own"),
    "rms_norm.affine": Cause("a weight on one side only", "give both sides a weight or neither"),
    "normalisation.kind": Cause("another normalisation", "use the same normalisation on both sides"),
    "normalisation.variance": Cause("biased or unbiased variance inside a normalisation written by hand",
        "divide by N on both sides, as the layers do: unbiased=False in var and std"),
    "normalize.axis": Cause("the axis of an L2 normalisation",
        "normalise over the same axis (torch: dim=, Paddle: axis=)"),
    "normalize.p": Cause("which norm a vector is divided by", "give both the same p="),
    "normalize.eps": Cause("the least norm that a vector is divided by, or how it is kept from zero",
        "divide by max(norm, eps) with the same eps on both sides (torch: eps=, Paddle: epsilon=)"),
    "spectral_norm.iteration": Cause("the vector that the power iteration of a spectral norm begins with",
        "use torch.nn.utils.spectral_norm, which begins with u as Paddle does; parametrizations.spectral_norm begins "
        "with v; in evaluation both compute the same"),
    "softplus.beta": Cause("the beta of softplus", "give both the same beta="),
    "leaky_relu.slope": Cause("the negative slope of LeakyReLU", "give both the same negative_slope="),
    "elu.alpha": Cause("the alpha of ELU", "give both the same alpha="),
    "gelu.approximate": Cause("GELU by erf, by tanh or by a sigmoid, on one side only",
        'give both approximate="tanh" or neither (Paddle also takes approximate=True)'),
    "hard_sigmoid.slope": Cause("the slope of hard-sigmoid: 1/6 or 0.2",
        "give Paddle's F.hardsigmoid slope=1/6, or write torch's as clamp(0.2 * x + 0.5, 0, 1)"),
    "activation.kind": Cause("another activation function", "use the same activation function on both sides"),
    "activation.missing": Cause("an activation that one side lacks",
        "add the activation to the side that lacks it, or take it from the other"),
    "activation.order": Cause("an activation on the other side of its neighbour",
        "put the activation on the same side of its neighbour"),
    "softmax.axis": Cause("the axis of softmax",
        "name the same axis on both sides (torch: dim=, Paddle: axis=, the last unless given)"),
    "dropout.p": Cause("the probability of dropout", "give both the same p="),
    "dropout.mode": Cause("dropout that scales at training time or at evaluation time",
        'give mode="upscale_in_train" in Paddle: torch has no other'),
    "dropout.missing": Cause("a dropout that one side lacks",
        "put a dropout with the same p= in the same place on both sides, or on neither"),
    "dropout.training": Cause("dropout active in evaluation, or never active",
        "let the model's mode decide: a dropout layer, or training=self.training where it is a function"),
    "max_pool.kernel": Cause("the window of max pooling", "give both the same kernel_size="),
    "max_pool.stride": Cause("the stride of max pooling",
        "give both the same stride=; left out, it is the window's size"),
    "max_pool.padding": Cause("the padding of max pooling", "give both the same padding="),
    "max_pool.ceil_mode": Cause("max pooling rounding extents up or down",
        "give both the same ceil_mode=; crop the window that Paddle adds where the stride exceeds the window"),
    "max_pool.dilation": Cause("the dilation of max pooling",
        "take dilation= out of torch's, or pool unfolded windows in Paddle, whose layers have no dilation"),
    "avg_pool.kernel": Cause("the window of average pooling", "give both the same kernel_size="),
    "avg_pool.stride": Cause("the stride of average pooling",
        "give both the same stride=; left out, it is the window's size"),
    "avg_pool.padding": Cause("the padding of average pooling", "give both the same padding="),
    "avg_pool.ceil_mode": Cause("average pooling rounding extents up or down", "give both the same ceil_mode="),
    "avg_pool.count_include_pad": Cause("average pooling counting its padding or not",
        "give Paddle's exclusive=False, or torch's count_include_pad=False: their defaults differ"),
    "pool.kind": Cause("max pooling on one side, average pooling on the other", "use the same pooling on both sides"),
    "interpolate.align_corners": Cause("align_corners of resizing", "give both the same align_corners="),
    "interpolate.mode": Cause("the mode of resizing: nearest, bilinear, ...", "give both the same mode="),
    "interpolate.size": Cause("the size or scale of resizing", "give both the same size= or scale_factor="),
    "interpolate.align_mode": Cause("resizing without half a pixel: Paddle's align_mode=1 reads at i * scale",
        "leave Paddle's align_mode= at 0 (half pixels); torch has no other, but for nearest"),
    "interpolate.extent_one": Cause("resizing to an extent of 1: Paddle reads the first element, torch the middle",
        "take the mean, or the middle element, by hand on both sides where an extent becomes 1"),
    "interpolate.antialias": Cause("resizing that smooths what it shrinks, on one side only",
        "give both the same antialias="),
    "grid_sample.align_corners": Cause("align_corners of grid_sample",
        "write align_corners= on both sides: left out, it is False in torch and True in Paddle"),
    "grid_sample.mode": Cause("the interpolation of grid_sample", "give both the same mode="),
    "grid_sample.padding_mode": Cause("what grid_sample reads outside the image", "give both the same padding_mode="),
    "affine_grid.align_corners": Cause("align_corners of affine_grid",
        "write align_corners= on both sides: left out, it is False in torch and True in Paddle"),
    "pad.mode": Cause("the mode of padding", "give both the same mode="),
    "pad.value": Cause("the value that is padded with", "give both the same value=; left out, it is 0"),
    "pad.sides": Cause("the sides or axes that are padded",
        "pad the same axes: torch counts from the last, Paddle from the first where it is given amounts for all"),
    "scatter.broadcast": Cause("an index that is spread over the other axes on one side only",
        "give Paddle's put_along_axis broadcast=False, or expand torch's index: scatter does not broadcast it"),
    "scatter.reduce": Cause("what is written to a place twice, or over what was there",
        "assign or add on both sides (torch: scatter_add, Paddle: reduce=\"add\")"),
    "scatter.axis": Cause("the axis of a scatter", "name the same axis (torch: dim=, Paddle: axis=)"),
    "gather.axis": Cause("the axis of a gather", "name the same axis (torch: dim=, Paddle: axis=)"),
    "pixel_shuffle.order": Cause("another order of channels in pixel shuffle",
        "use the framework's own pixel_shuffle on both sides, or the same order of axes by hand"),
    # how operations are put together
    "cat.order": Cause("the order of a concatenation", "list the tensors in the same order"),
    "cat.axis": Cause("the axis of a concatenation", "join along the same axis (torch: dim=, Paddle: axis=)"),
    "residual.missing": Cause("a sum (residual, skip connection) that one side lacks",
        "add the same tensor on both sides"),
    "residual.operand": Cause("a sum with another operand",
        "add the same tensor: what goes into the block, or what comes out of it, on both sides"),
    "layer.missing": Cause("a layer or operation that one side lacks",
        "add the layer to the side that lacks it, or take it from the other"),
    "operation.kind": Cause("another operation in the same place", "use the same operation on both sides"),
    "operation.argument": Cause("another value of an argument of an operation", "give both the same value"),
    "layer.order": Cause("two layers or operations in the other order", "call the two in the same order"),
    "layer.weights": Cause("a layer used with the weights of another",
        "call the layer that owns these weights, or load them into the layer that is called"),
    "layer.shared": Cause("a layer shared on one side, separate on the other",
        "call one layer twice on both sides, or two layers"),
    "operands.swapped": Cause("the two operands of a product or difference swapped",
        "write the operands in the same order"),
    "reduce.axis": Cause("the axis of a mean, sum or maximum",
        "reduce over the same axes (torch: dim=, Paddle: axis=)"),
    "reduce.kind": Cause("a mean on one side, a sum or maximum on the other", "use the same reduction on both sides"),
    "reduce.unbiased": Cause("variance or standard deviation with N or N-1", "give both the same unbiased="),
    "median.even": Cause("the median of an even count: the lower middle or the mean of the two",
        'give median mode="min" in Paddle: torch takes the lower middle'),
    "scale.factor": Cause("a constant factor", "multiply by the same constant"),
    "scale.missing": Cause("a constant factor that one side lacks",
        "multiply by the constant on both sides, or on neither"),
    "shift.constant": Cause("a constant that is added", "add the same constant"),
    "clip.bounds": Cause("the bounds of a clip", "give both the same min= and max="),
    "power.exponent": Cause("the exponent of a power", "raise to the same power"),
    "reshape.order": Cause("another order of elements: a transpose or reshape that differs",
        "exchange the same axes before the same reshape: a reshape alone moves no axis"),
    "output.flipped": Cause("an axis reversed",
        "reverse the same axes (torch: flip's dims=, Paddle: flip's axis=), or none"),
    "output.structure": Cause("outputs in another structure, or missing",
        "return the same tensors in the same order, under the same keys"),
    "output.shape": Cause("an output of another shape", "return the tensor in the same shape"),
    "output.dtype": Cause("an output of another dtype",
        "cast the output to the same dtype (torch: .to(), Paddle: .astype())"),
    # attention
    "attention.scale": Cause("the factor on attention scores",
        "multiply the scores by the same factor, once: by head_dim ** -0.5 as a rule"),
    "attention.qk_swapped": Cause("query and key swapped",
        "call the projections by their parts: the query's for the query, the key's for the key"),
    "attention.mask_sense": Cause("a boolean mask that hides on one side and keeps on the other",
        "invert the mask on one side: True hides in torch's MultiheadAttention and keeps in Paddle's"),
    "attention.mask_missing": Cause("a mask that one side lacks", "give both the same mask"),
    "attention.mask_combined": Cause("two masks put together otherwise: hidden by either of them, or by both",
        "hide what either mask hides: of masks that keep, keep = a & b; of masks that hide, hide = a | b"),
    "attention.causal": Cause("causal on one side only",
        "give both is_causal=True or the same triangular mask, or neither"),
    "attention.layout": Cause("heads and positions exchanged: [B, H, L, D] against [B, L, H, D]",
        "exchange the axes for one side: torch's attention takes [B, H, L, D], Paddle's [B, L, H, D]"),
    "attention.heads": Cause("another number of heads", "give both the same number of heads"),
    # recurrence and tables
    "rnn.gates": Cause("gates in another order",
        "keep one order of gates: i, f, g, o in an LSTM and r, z, n in a GRU, as both frameworks' layers do"),
    "rnn.reset": Cause("a GRU's reset gate applied before or after the product with its state",
        "scale what the product gives, r * (h @ W + b), as torch and Paddle do; ONNX: linear_before_reset=1"),
    "rnn.update": Cause("a GRU's update gate weighing the old state or the new one",
        "let the gate weigh the old state, z * h + (1 - z) * n, as torch and Paddle do"),
    "rnn.direction": Cause("a recurrent network that reads its sequence from the other end",
        "read it from the same end (Paddle: is_reverse=, direction=; torch: flip it before and after)"),
    "rnn.time_major": Cause("batch and time exchanged",
        "give torch's layer batch_first=True, or Paddle's time_major=True: their defaults differ"),
    "rnn.state": Cause("the initial state of a recurrent network",
        "start both from the same state: zeros, unless one is given"),
    "rnn.step": Cause("another time step read off",
        "read off the same time step: [:, -1] where the batch comes first, [-1] where time does"),
    "embedding.padding_index": Cause("the row of an embedding that is held at zero",
        "give both the same padding_idx= and zero its row: Paddle returns zeros whatever the row holds"),
    # losses
    "loss.ignore_index": Cause("labels that are ignored, and what the mean of a loss divides by then",
        "sum, and divide by the labels that count: with ignore_index=-100 Paddle's mean divides by all"),
    "loss.label_smoothing": Cause("the label smoothing of a loss",
        "give both the same label_smoothing="),
    "loss.weight": Cause("weights of a loss: of classes, samples or positives",
        "give both the same weight= and pos_weight=; smooth the labels by hand where there is label_smoothing= too"),
    "loss.kind": Cause("another loss", "use the same loss on both sides"),
    "loss.reduction": Cause("the reduction of a loss",
        "give both the same reduction=: KL divergence's mean is over all numbers, batchmean over samples; CTC's mean "
        "divides each loss by its target's length first"),
    "loss.settings": Cause("another setting of a loss: its margin, power, epsilon, form of input, ...",
        "write the settings on both sides: their names and defaults differ"),
    "loss.beta": Cause("the threshold of SmoothL1 (or Huber's scaling)",
        "give Paddle's delta= torch's beta= and is_huber=False, or use torch's HuberLoss"),
    "selection.ties": Cause("which of equal values a selection picks",
        "break ties alike: sort both sides stably, or add the same tiny ramp to what is sorted"),
    # gradients and training
    "gradient.ties": Cause("who gets the gradient among equal maxima",
        "use torch's amax for Paddle's max: torch's max(dim) gives the first of them all of the gradient"),
    "gradient.detached": Cause("a tensor detached from the graph on one side",
        "detach the tensor on both sides or on neither (.detach())"),
    "gradient.kink": Cause("the gradient at the kink of an activation",
        "write the activation out on one side: at 0, leaky_relu's slope is 0.01 in torch and 1 in Paddle"),
    "gradient.frozen": Cause("a parameter that is trained on one side only",
        "train it on both sides or on neither (torch: requires_grad, Paddle: stop_gradient, the opposite), and give it "
        "to both optimisers"),
    "gradient.scale": Cause("a gradient scaled by a constant factor",
        "take the factor out of one side's backward pass: a hook, or a function with its own backward"),
    "optimiser.rule": Cause("another rule of the optimiser", "use the same optimiser on both sides"),
    "optimiser.learning_rate": Cause("the learning rate, of all parameters or of some",
        "give both the same rate (torch: lr=, Paddle: learning_rate=); in a group or ParamAttr Paddle's learning_rate= "
        "is a factor of the optimiser's, torch's lr= the rate itself"),
    "optimiser.schedule": Cause("the learning rate from step to step",
        "give both the same schedule (its end, its last_epoch=) and step it as often, after the optimiser"),
    "optimiser.weight_decay": Cause("the decay of weights: how much, of which parameters, in the gradient or beside it",
        "give both the same weight_decay=, on the same parameters; AdamW decays the weights, Adam the gradient"),
    "optimiser.momentum": Cause("the optimiser's momentum",
        "give both the same momentum= (Adam: torch betas=, Paddle beta1= and beta2=); dampening=0, nesterov alike"),
    "optimiser.eps": Cause("the optimiser's epsilon, or where it is added",
        "give both the same eps (torch: eps=, Paddle: epsilon=); RMSProp adds it to the root in torch, under it in "
        "Paddle"),
    "optimiser.clipping": Cause("what is done to gradients before the step: clipped, or scaled",
        "clip to the same norm over the same parameters: in the loop in torch, by grad_clip= in Paddle, which measures "
        "each group by itself"),
    "optimiser.settings": Cause("other settings of the optimiser",
        "write the settings on both sides: their names and defaults differ"),
    "optimiser.gradients_kept": Cause("gradients that are not cleared between steps",
        "clear gradients before each step, to None (Paddle: clear_grad(set_to_zero=False))"),
    # what came before any arithmetic
    "parameters.unpaired": Cause("a parameter or buffer with no partner",
        "pair it with rename=, or give the other side the layer that it lacks"),
    "parameters.shape": Cause("paired parameters of different shape", "give both layers the same sizes"),
    "parameters.misplaced": Cause("a weight of a file turned, or in another's place",
        "write each weight into the file as the layer keeps it, and where its operator takes it"),
    "parameters.values": Cause("paired parameters of different value (captures made with other weights)",
        "load the same weights into both: report.pairing.convert(state) makes the right's checkpoint of the left's; of "
        "two models just built, initialisation=True (--initialisation) says how their initialisers differ"),
    "parameters.initialiser": Cause("paired parameters that are initialised otherwise",
        "give the right's layer the left's initialiser (torch: nn.init, Paddle: weight_attr= and bias_attr= of "
        "nn.initializer): the frameworks' own layers draw from other distributions"),
    "input.rejected": Cause("one model raises on this input",
        "give inputs that both models take, or mend the model that raises"),
    "values.not_finite": Cause("NaN or infinity",
        "mend the operation that first makes NaN or infinity of finite numbers"),
    "precision.cast": Cause("a tensor kept in a narrower dtype than the model's own, on one side",
        "take the cast away, or cast to the dtype of the tensor it came from (torch: .to(x.dtype), Paddle: "
        ".astype(x.dtype))"),
    "precision.float32": Cause("float64 agrees, the model's own dtype does not",
        "take the cast to float32 away, or write the operation without a difference of large numbers"),
})
# fmt: on
"""Every cause by its name. A trap from elsewhere adds its own row before it registers its hypothesis."""
