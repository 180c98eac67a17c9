"""Attention, recurrent networks and tables."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

NETWORKS = {
    "attention.scale": Cause(
        "the factor on attention scores",
        mend="multiply the scores by the same factor, once: by head_dim ** -0.5 as a rule",
        shows="attention maps are sharper or flatter on one side; every weight fits",
    ),
    "attention.qk_swapped": Cause(
        "query and key swapped",
        mend="call the projections by their parts: the query's for the query, the key's for the key",
        shows="scores are transposed; every weight and shape fits",
    ),
    "attention.mask_sense": Cause(
        "a boolean mask that hides on one side and keeps on the other",
        mend="invert the mask on one side: True hides in torch's MultiheadAttention and keeps in Paddle's",
        shows="what should be hidden is all that is looked at",
    ),
    "attention.mask_missing": Cause(
        "a mask that one side lacks",
        mend="give both the same mask",
        shows="outputs differ where the mask hides something; an input without padding does not show it",
    ),
    "attention.mask_combined": Cause(
        "two masks put together otherwise: hidden by either of them, or by both",
        mend="hide what either mask hides: of masks that keep, keep = a & b; of masks that hide, hide = a | b",
        shows="outputs differ where one mask hides what the other keeps",
    ),
    "attention.causal": Cause(
        "causal on one side only",
        mend="give both is_causal=True or the same triangular mask, or neither",
        shows="outputs differ at every position but the last",
    ),
    "attention.layout": Cause(
        "heads and positions exchanged: [B, H, L, D] against [B, L, H, D]",
        mend="exchange the axes for one side: torch's attention takes [B, H, L, D], Paddle's [B, L, H, D]",
        shows="outputs differ; where there are as many heads as positions every shape fits",
    ),
    "attention.heads": Cause(
        "another number of heads",
        mend="give both the same number of heads",
        shows="outputs differ everywhere, and all weights fit: their shape does not depend on it",
    ),
    "rnn.gates": Cause(
        "gates in another order",
        mend="keep one order of gates: i, f, g, o in an LSTM and r, z, n in a GRU, as both frameworks' layers do",
        shows="outputs differ everywhere, and all weights fit",
    ),
    "rnn.reset": Cause(
        "a GRU's reset gate applied before or after the product with its state",
        mend="scale what the product gives, r * (h @ W + b), as torch and Paddle do; ONNX: linear_before_reset=1",
        shows=(
            "outputs differ from the second step on, and from the first where the state or the bias of its product is"
            " not zero"
        ),
    ),
    "rnn.update": Cause(
        "a GRU's update gate weighing the old state or the new one",
        mend="let the gate weigh the old state, z * h + (1 - z) * n, as torch and Paddle do",
        shows="outputs differ everywhere, and all weights fit",
    ),
    "rnn.direction": Cause(
        "a recurrent network that reads its sequence from the other end",
        mend="read it from the same end (Paddle: is_reverse=, direction=; torch: flip it before and after)",
        shows="outputs differ, and all weights fit",
    ),
    "rnn.time_major": Cause(
        "batch and time exchanged",
        mend="give torch's layer batch_first=True, or Paddle's time_major=True: their defaults differ",
        shows="outputs differ; where the batch is as large as the sequence is long every shape fits",
    ),
    "rnn.state": Cause(
        "the initial state of a recurrent network",
        mend="start both from the same state: zeros, unless one is given",
        shows="outputs differ, most in the first steps",
    ),
    "rnn.step": Cause(
        "another time step read off",
        mend="read off the same time step: [:, -1] where the batch comes first, [-1] where time does",
        shows="outputs differ and every shape fits: the first step for the last, or a sample for a step",
    ),
    "embedding.padding_index": Cause(
        "the row of an embedding that is held at zero",
        mend="give both the same padding_idx= and zero its row: Paddle returns zeros whatever the row holds",
        shows=(
            "outputs differ where the index is that of the padding, unless its row is zero; on one side its row gets "
            "no gradient"
        ),
    ),
}
