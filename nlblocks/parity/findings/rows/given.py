"""What is wrong before any arithmetic, and how exact it is: parameters, inputs, values, precision."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

GIVEN = {
    "parameters.unpaired": Cause(
        "a parameter or buffer with no partner",
        mend="pair it with rename=, or give the other side the layer that it lacks",
        shows=(
            "a layer that one side lacks, or one whose name, shape and neighbours fit no other; what has no partner "
            "keeps its own weights"
        ),
    ),
    "parameters.shape": Cause(
        "paired parameters of different shape",
        mend="give both layers the same sizes",
        shows="the left's weights cannot be given to the right's layer",
    ),
    "parameters.misplaced": Cause(
        "a weight of a file turned, or in another's place",
        mend="write each weight into the file as the layer keeps it, and where its operator takes it",
        shows="outputs differ; every shape fits",
    ),
    "parameters.values": Cause(
        "paired parameters of different value (captures made with other weights)",
        mend=(
            "load the same weights into both: report.pairing.convert(state) makes the right's checkpoint of the "
            "left's; of two models just built, initialisation=True (--initialisation) says how their initialisers "
            "differ"
        ),
        shows="outputs differ, though the two may be one program",
    ),
    "parameters.initialiser": Cause(
        "paired parameters that are initialised otherwise",
        mend=(
            "give the right's layer the left's initialiser (torch: nn.init, Paddle: weight_attr= and bias_attr= of "
            "nn.initializer): the frameworks' own layers draw from other distributions"
        ),
        shows="with the same weights in both everything agrees; training from scratch starts elsewhere",
    ),
    "input.rejected": Cause(
        "one model raises on this input",
        mend="give inputs that both models take, or mend the model that raises",
        shows="nothing behind the error can be compared",
    ),
    "values.not_finite": Cause(
        "NaN or infinity",
        mend="mend the operation that first makes NaN or infinity of finite numbers",
        shows="NaN or infinity on one side, or in other places; it spreads to all that is computed from it",
    ),
    "precision.cast": Cause(
        "a tensor kept in a narrower dtype than the model's own, on one side",
        mend=(
            "take the cast away, or cast to the dtype of the tensor it came from (torch: .to(x.dtype), Paddle: "
            ".astype(x.dtype))"
        ),
        shows="float64 runs differ by some 1e-7 of the values (a cast to float32), 1e-3 (float16) or 1e-2 (bfloat16)",
    ),
    "precision.float32": Cause(
        "float64 agrees, the model's own dtype does not",
        mend="take the cast to float32 away, or write the operation without a difference of large numbers",
        shows=(
            "float64 agrees; float32 differs by many noise floors, as a difference of large numbers does, or a sum in"
            " half precision"
        ),
    ),
}
