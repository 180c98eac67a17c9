"""When two results are the same: every number that decides it, with its reason.

float64 is the judge. A difference passes when it is within its limit, relative to the largest magnitude in the tensor,
or when it is rounding: within RATIO times the tensor's noise floor, which is measured as what the same model does when
its input, weights and output gradient move by one unit in the last place. A gradient that is zero in exact arithmetic
(a conv bias before BatchNorm) is all rounding: only the second rule can judge it.

float32 is explained, not tolerated: only the second rule applies, with the floor measured in float32.
"""

from __future__ import annotations

import numpy as np

from nlblocks.backend import Array

GROUPS = ("output", "attention", "grad_input", "grad_params", "buffers", "derivative")
"""What is compared of a block, in the order of a report."""
LIMITS = {
    "output": 1e-13,
    "attention": 1e-13,
    "grad_input": 1e-12,  # sums over positions and batch: ten times the roundings of a forward pass
    "grad_params": 1e-12,
    "buffers": 1e-14,  # one mean and one weighted sum
    "derivative": 1e-12,
}
"""The relative float64 difference of one block that needs no noise floor. Correct pairs sit well below."""
MODEL_LIMIT = 1e-12
"""The same for any tensor of a whole model, where the roundings of many layers add up."""
RATIO = 32.0
"""Differences up to this many noise floors are rounding. Measured on the catalogue: correct pairs reach 31 (seeds 0 to
9, two nudges), each planted fault reaches 1e4 in at least one tensor."""
CEILING = 1e-9
"""The most that float64 rounding makes of a tensor: correct pairs differ by 1e-16 to 1e-12 of the largest value, faults
by more than this. No noise floor of a block may excuse more: one whose result moves that much under one unit in the
last place, or without one, is not merely rounding."""
BLOCK_CEILING = {"float64": CEILING / RATIO, "float32": 3e-3}
"""The largest noise floor that judges a block's tensor, in units of its largest value."""
MODEL_CEILING = {"float64": 1e-6, "float32": 3e-3}
"""The same for a whole model's. Where nudges move a tensor farther, they have shown a jump or an ill-conditioned model
and no rounding, and nothing was judged. Correct models reach 1e-7 in float64, where one framework holds constants as
float32; a float32 floor beyond this would excuse a tenth of the tensor."""
ZERO_CEILING = {"float64": CEILING / RATIO, "float32": 1e-2 / RATIO}
"""The same in units of the largest value in the tensor's group. A gradient that is zero in exact arithmetic is nothing
but the rounding of what cancels in it: that is small beside the other gradients, not beside itself."""
NOTHING = 2.0**-80
"""A gradient that is smaller than this share of the largest beside it is none: half the bits of a rounding's own
rounding. A fused kernel gives 1e-27 where a softmax of one element has a gradient of zero."""
SPREAD = 32.0
"""How many times the median of a tensor's floors one of its elements may be given by the others. Changes of elements
that are alike reach some 8 times their median; those of unlike ones more. What jumps is orders above."""
SUMS = 2.0**10
"""How many times what nudges make of a tensor the order of a batch may: sums of many terms round farther than the terms
do, measured up to 1e2. What depends on the order by more is no sum over the batch."""
EPSILON = {"float64": 2.0**-53, "float32": 2.0**-24}
"""Half a unit in the last place of 1: the least that a noise floor can be, in units of the tensor's largest value."""
FEW_NUDGES = 1
"""Nudged runs that are tried first. More only raise a floor: what passes by fewer passes by a smaller one."""
NUDGES = 2
"""Nudged runs that find the noise floor of most models."""
MORE_NUDGES = 16
"""Nudged runs where those do not suffice: a maximum or a ReLU close to a tie jumps, and a few may not show it."""
LADDER = (FEW_NUDGES, NUDGES, 4, 8, MORE_NUDGES)
"""How many nudged runs are tried in turn: each step about doubles what a floor has cost, and most end on the way."""
FLOAT32_EQUAL = 2.0**-22
"""Two constants or settings closer than this, relative to the larger, are one number: what a framework holds as float32
is off by up to 2^-24, and what it computed from another by a little more."""
HELD_WEIGHT = 1 / 8
"""What a constant does that one framework holds as float32 counts as noise by this: up to RATIO / 8 = 4 times it
passes. Its error is known, where that of rounding is sampled by a few nudges: less is left to chance."""
ALIKE = 1e-6
"""Tensors of two runs this close have the same place in both, though a fault before may have moved them a little."""
EQUAL = 1e-10
"""Two float64 tensors that are closer than this, relative to their largest value, are one tensor computed twice."""
HELPS = 1e-2
"""A cause holds only where taking it away leaves no more than this share of the difference."""
SLACK = 4.0
"""Sums over two equal tensors may be this many tolerances apart: each adds up the roundings of all elements. They only
spare a look at the elements, which decide."""
TINY = 1e-300
"""Stands for a zero where numbers are divided by it, or compared with what is relative to it."""
HIDDEN = -9e3
"""A score from here down, among ordinary ones, is a masked one: -1e4, -65504 and -1e9 all stand for minus infinity."""
ORDINARY = 1e3
"""Scores are ordinary below this: features that reach further are no scores."""


def unmasked(array: Array) -> Array:
    """Scores with minus infinity for what is masked by a large number, which would drown all the others."""
    if array.dtype.kind == "c":
        return array  # no scores
    hidden = array < HIDDEN
    if not hidden.any():
        return array
    others = array[~hidden & np.isfinite(array)]
    return np.where(hidden, -np.inf, array) if np.abs(others).max(initial=0.0) < ORDINARY else array
