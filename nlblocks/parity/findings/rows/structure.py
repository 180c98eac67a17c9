"""How operations are put together: their order, their operands, what one side lacks, what comes out."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

STRUCTURE = {
    "cat.order": Cause(
        "the order of a concatenation",
        mend="list the tensors in the same order",
        shows=(
            "outputs hold the same numbers in other places; where both parts are of one size every weight behind fits"
        ),
    ),
    "cat.axis": Cause(
        "the axis of a concatenation",
        mend="join along the same axis (torch: dim=, Paddle: axis=)",
        shows="an output of another shape",
    ),
    "residual.missing": Cause(
        "a sum (residual, skip connection) that one side lacks",
        mend="add the same tensor on both sides",
        shows="outputs differ everywhere behind it; every weight and shape fits",
    ),
    "residual.operand": Cause(
        "a sum with another operand",
        mend="add the same tensor: what goes into the block, or what comes out of it, on both sides",
        shows="outputs differ; every weight and shape fits, as between x + f(norm(x)) and norm(x) + f(norm(x))",
    ),
    "layer.missing": Cause(
        "a layer or operation that one side lacks",
        mend="add the layer to the side that lacks it, or take it from the other",
        shows="outputs differ behind it; a layer with weights leaves these without partners",
    ),
    "operation.kind": Cause(
        "another operation in the same place",
        mend="use the same operation on both sides",
        shows="outputs differ behind it",
    ),
    "operation.argument": Cause(
        "another value of an argument of an operation",
        mend="give both the same value",
        shows="outputs differ behind it",
    ),
    "layer.order": Cause(
        "two layers or operations in the other order",
        mend="call the two in the same order",
        shows="outputs differ behind the two; every weight fits",
    ),
    "layer.weights": Cause(
        "a layer used with the weights of another",
        mend="call the layer that owns these weights, or load them into the layer that is called",
        shows=(
            "outputs differ from the layer on; every shape fits, as between two equal layers that are called the "
            "wrong way round"
        ),
    ),
    "layer.shared": Cause(
        "a layer shared on one side, separate on the other",
        mend="call one layer twice on both sides, or two layers",
        shows=(
            "a weight without a partner; with the same weights in both, gradients and steps of training differ: a "
            "shared weight gets the sum of its gradients"
        ),
    ),
    "operands.swapped": Cause(
        "the two operands of a product or difference swapped",
        mend="write the operands in the same order",
        shows="outputs differ in sign, are each other's inverse, or are transposed",
    ),
    "reduce.axis": Cause(
        "the axis of a mean, sum or maximum",
        mend="reduce over the same axes (torch: dim=, Paddle: axis=)",
        shows="an output of another shape, or, where extents are alike, other values",
    ),
    "reduce.kind": Cause(
        "a mean on one side, a sum or maximum on the other",
        mend="use the same reduction on both sides",
        shows="outputs differ, between a mean and a sum by one factor",
    ),
    "reduce.unbiased": Cause(
        "variance or standard deviation with N or N-1",
        mend="give both the same unbiased=",
        shows=(
            "outputs differ by a factor of N / (N - 1), or by its root; both frameworks divide by N - 1 unless told "
            "otherwise"
        ),
    ),
    "median.even": Cause(
        "the median of an even count: the lower middle or the mean of the two",
        mend='give median mode="min" in Paddle: torch takes the lower middle',
        shows="outputs differ where the count is even; where it is odd they agree",
    ),
    "scale.factor": Cause(
        "a constant factor",
        mend="multiply by the same constant",
        shows="outputs differ by one factor, until something that is not linear",
    ),
    "scale.missing": Cause(
        "a constant factor that one side lacks",
        mend="multiply by the constant on both sides, or on neither",
        shows="outputs differ by one factor, until something that is not linear",
    ),
    "shift.constant": Cause(
        "a constant that is added",
        mend="add the same constant",
        shows="outputs differ by one constant, until something that is not linear",
    ),
    "clip.bounds": Cause(
        "the bounds of a clip",
        mend="give both the same min= and max=",
        shows="outputs differ where numbers reach the bounds",
    ),
    "power.exponent": Cause(
        "the exponent of a power",
        mend="raise to the same power",
        shows="outputs differ everywhere but at 0 and 1",
    ),
    "reshape.order": Cause(
        "another order of elements: a transpose or reshape that differs",
        mend="exchange the same axes before the same reshape: a reshape alone moves no axis",
        shows="outputs hold the same numbers in other places; every shape fits",
    ),
    "output.flipped": Cause(
        "an axis reversed",
        mend="reverse the same axes (torch: flip's dims=, Paddle: flip's axis=), or none",
        shows="outputs hold the same numbers in the opposite order",
    ),
    "output.structure": Cause(
        "outputs in another structure, or missing",
        mend="return the same tensors in the same order, under the same keys",
        shows="another number of outputs, other keys, or another nesting; what has a partner is compared",
    ),
    "output.shape": Cause(
        "an output of another shape",
        mend="return the tensor in the same shape",
        shows="an output that cannot be compared element by element, though it may hold the same numbers",
    ),
    "output.dtype": Cause(
        "an output of another dtype",
        mend="cast the output to the same dtype (torch: .to(), Paddle: .astype())",
        shows="an output in another dtype for the same inputs",
    ),
}
