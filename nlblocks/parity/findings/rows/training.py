"""Losses, gradients, and steps of an optimiser."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

# fmt: off
TRAINING = {
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
}
# fmt: on
