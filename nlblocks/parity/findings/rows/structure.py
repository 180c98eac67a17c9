"""How operations are put together: their order, their operands, what one side lacks, what comes out."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

# fmt: off
STRUCTURE = {
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
}
# fmt: on
