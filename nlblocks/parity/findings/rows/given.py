"""What is wrong before any arithmetic, and how exact it is: parameters, inputs, values, precision."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

# fmt: off
GIVEN = {
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
}
# fmt: on
