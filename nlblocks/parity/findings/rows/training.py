"""Losses, gradients, and steps of an optimiser."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

TRAINING = {
    "loss.ignore_index": Cause(
        "labels that are ignored, and what the mean of a loss divides by then",
        mend="sum, and divide by the labels that count: with ignore_index=-100 Paddle's mean divides by all",
        shows="losses and gradients differ by a factor where labels are ignored, and agree where none is",
    ),
    "loss.label_smoothing": Cause(
        "the label smoothing of a loss",
        mend="give both the same label_smoothing=",
        shows="losses and gradients differ, most where the model is sure",
    ),
    "loss.weight": Cause(
        "weights of a loss: of classes, samples or positives",
        mend=(
            "give both the same weight= and pos_weight=; smooth the labels by hand where there is label_smoothing= too"
        ),
        shows="losses and gradients differ where classes, samples or positives are weighed",
    ),
    "loss.kind": Cause(
        "another loss",
        mend="use the same loss on both sides",
        shows="losses and all gradients differ",
    ),
    "loss.reduction": Cause(
        "the reduction of a loss",
        mend=(
            "give both the same reduction=: KL divergence's mean is over all numbers, batchmean over samples; CTC's "
            "mean divides each loss by its target's length first"
        ),
        shows="losses and all gradients differ by one factor",
    ),
    "loss.settings": Cause(
        "another setting of a loss: its margin, power, epsilon, form of input, ...",
        mend="write the settings on both sides: their names and defaults differ",
        shows="losses and gradients differ, for some inputs or for all",
    ),
    "loss.beta": Cause(
        "the threshold of SmoothL1 (or Huber's scaling)",
        mend="give Paddle's delta= torch's beta= and is_huber=False, or use torch's HuberLoss",
        shows="losses and gradients differ, around the threshold or by a factor",
    ),
    "selection.ties": Cause(
        "which of equal values a selection picks",
        mend="break ties alike: sort both sides stably, or add the same tiny ramp to what is sorted",
        shows="other indices among equal values, and other numbers where these indices are used; distinct values agree",
    ),
    "gradient.ties": Cause(
        "who gets the gradient among equal maxima",
        mend="use torch's amax for Paddle's max: torch's max(dim) gives the first of them all of the gradient",
        shows="outputs agree; gradients differ where several values are the largest",
    ),
    "gradient.detached": Cause(
        "a tensor detached from the graph on one side",
        mend="detach the tensor on both sides or on neither (.detach())",
        shows="outputs agree; gradients of all that comes before it differ, or are none",
    ),
    "gradient.kink": Cause(
        "the gradient at the kink of an activation",
        mend="write the activation out on one side: at 0, leaky_relu's slope is 0.01 in torch and 1 in Paddle",
        shows="outputs agree; gradients differ where an input is exactly zero",
    ),
    "gradient.frozen": Cause(
        "a parameter that is trained on one side only",
        mend=(
            "train it on both sides or on neither (torch: requires_grad, Paddle: stop_gradient, the opposite), and "
            "give it to both optimisers"
        ),
        shows="outputs agree; after a step of training a weight has moved on one side only",
    ),
    "gradient.scale": Cause(
        "a gradient scaled by a constant factor",
        mend="take the factor out of one side's backward pass: a hook, or a function with its own backward",
        shows="outputs agree; gradients of all that comes before it differ by one factor",
    ),
    "optimiser.rule": Cause(
        "another rule of the optimiser",
        mend="use the same optimiser on both sides",
        shows="weights part at the first step",
    ),
    "optimiser.learning_rate": Cause(
        "the learning rate, of all parameters or of some",
        mend=(
            "give both the same rate (torch: lr=, Paddle: learning_rate=); in a group or ParamAttr Paddle's "
            "learning_rate= is a factor of the optimiser's, torch's lr= the rate itself"
        ),
        shows="weights part at the first step, by one factor of the way that they go",
    ),
    "optimiser.schedule": Cause(
        "the learning rate from step to step",
        mend="give both the same schedule (its end, its last_epoch=) and step it as often, after the optimiser",
        shows="weights agree at first and part at the step after which the rates differ",
    ),
    "optimiser.weight_decay": Cause(
        "the decay of weights: how much, of which parameters, in the gradient or beside it",
        mend="give both the same weight_decay=, on the same parameters; AdamW decays the weights, Adam the gradient",
        shows="weights part at the first step, by an amount in proportion to themselves",
    ),
    "optimiser.momentum": Cause(
        "the optimiser's momentum",
        mend="give both the same momentum= (Adam: torch betas=, Paddle beta1= and beta2=); dampening=0, nesterov alike",
        shows="weights agree after the first step of SGD and part at the second",
    ),
    "optimiser.eps": Cause(
        "the optimiser's epsilon, or where it is added",
        mend=(
            "give both the same eps (torch: eps=, Paddle: epsilon=); RMSProp adds it to the root in torch, under it "
            "in Paddle"
        ),
        shows="weights part most where gradients are small",
    ),
    "optimiser.clipping": Cause(
        "what is done to gradients before the step: clipped, or scaled",
        mend=(
            "clip to the same norm over the same parameters: in the loop in torch, by grad_clip= in Paddle, which "
            "measures each group by itself"
        ),
        shows="weights part at the steps whose gradients are larger than the bound",
    ),
    "optimiser.settings": Cause(
        "other settings of the optimiser",
        mend="write the settings on both sides: their names and defaults differ",
        shows="weights part at some step",
    ),
    "optimiser.gradients_kept": Cause(
        "gradients that are not cleared between steps",
        mend="clear gradients before each step, to None (Paddle: clear_grad(set_to_zero=False))",
        shows="weights agree after the first step and part at the second",
    ),
}
