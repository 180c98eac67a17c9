"""When two results are the same: the rules, in one place.

float64 is the judge. A difference passes when it is within the limit of its group, relative to the largest magnitude
in the tensor, or when it is rounding: within RATIO times the tensor's noise floor, which is measured as what the same
model does when its input, weights and output gradient move by one unit in the last place. A gradient that is zero in
exact arithmetic (a conv bias before BatchNorm) is all rounding: only the second rule can judge it.

float32 is explained, not tolerated: only the second rule applies, with the floor measured in float32.
"""

from __future__ import annotations

GROUPS = ("output", "attention", "grad_input", "grad_params", "buffers", "derivative")
LIMITS = {
    "output": 1e-13,
    "attention": 1e-13,
    "grad_input": 1e-12,
    "grad_params": 1e-12,
    "buffers": 1e-14,
    "derivative": 1e-12,
}
RATIO = 32.0
"""Differences up to this many noise floors are rounding. Measured on the catalogue: correct pairs reach 31 (seeds 0 to
9, two nudges), each planted fault reaches 1e4 in at least one tensor."""
CEILING = 1e-9
"""No float64 noise floor may excuse more than this share of the largest value in the tensor's group: a model whose
result moves that much under one unit in the last place, or without one, is not merely rounding."""
EPSILON = {"float64": 2.0**-53, "float32": 2.0**-24}
SLACK = 4.0
"""Sums over two equal tensors may be this many tolerances apart: each adds up the roundings of all elements. They only
spare a look at the elements, which decide."""
TINY = 1e-300
"""Stands for a zero where numbers are divided by it, or compared with what is relative to it."""
