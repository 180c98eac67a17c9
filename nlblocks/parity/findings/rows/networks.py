"""Attention, recurrent networks and tables."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

# fmt: off
NETWORKS = {
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
}
# fmt: on
