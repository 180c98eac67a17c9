"""A name speaks only together with shapes, neighbours and the file's other tensors; two meanings are a question."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.weights.files import Tensor
from parity_tests.helpers.tensors import all_bits, bits, planned, state, stored, there_and_back

NORM = {"weight": (8,), "bias": (8,)}


def turned(tensors: dict[str, Tensor], **options: Any) -> set[str]:
    """The matrices that come out turned, square ones too."""
    done = planned(tensors, "torch", **options).tensors
    return {name for name, tensor in tensors.items() if bits(done[name]) != bits(tensor)}


@pytest.mark.parametrize("module", [
    "time_embedding", "bond_embedding", "class_embed", "embedding", "pos_emb", "word_embeddings", "input_embedding",
    "label_emb", "embed.0",
])  # fmt: skip
def test_a_square_matrix_alone_is_no_table_by_its_name(module: str) -> None:
    with pytest.raises(InputError, match=rf"what these are: {module}\.weight \(8, 8\)"):
        planned(state(**{module: {"weight": (8, 8)}}), "torch")


@pytest.mark.parametrize(("module", "shape"), [
    ("time_embedding", (8, 8)), ("time_embedding", (9, 8)), ("embedding", (8, 8)), ("pos_emb", (8, 3)),
    ("class_embed", (5, 8)), ("word_embeddings", (8, 5)),
])  # fmt: skip
def test_a_name_of_a_table_whose_shape_may_be_a_linears_is_a_question(module: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=rf"say --as '{module}\.weight=linear'"):
        planned(state(**{module: {"weight": shape}, "norm": NORM}), "torch")


@pytest.mark.parametrize(("module", "shape"), [
    ("word_embeddings", (8, 8)), ("embed_tokens", (9, 8)), ("pos_emb", (8, 8)), ("embedding", (9, 8)), ("wte", (99, 8)),
    ("speaker_emb", (3, 8)),
])  # fmt: skip
def test_a_table_of_what_is_counted_is_one_where_its_width_runs_through_the_model(module: str, shape: Any) -> None:
    assert turned(state(**{module: {"weight": shape}, "norm": NORM})) == set()


def test_what_gives_a_width_of_the_model_is_a_linear_though_called_an_embedding() -> None:
    tensors = state(bond_embedding={"weight": (8, 31)}, norm=NORM)
    done = planned(tensors, "torch")
    assert turned(tensors) == {"bond_embedding.weight"}
    assert [note for note in done.notes if "bond_embedding.weight" in note and "--as" in note]
    back = planned(done.tensors, "paddle", done.record)
    assert all_bits(back.tensors) == all_bits(tensors)


@pytest.mark.parametrize("module", ["gc1", "graph", "encoder.gcn2", "conv_layer"])
def test_a_square_matrix_of_a_graph_convolution_is_a_question(module: str) -> None:
    for head in ({}, {"fc": {"weight": (3, 8), "bias": (3,)}}):
        with pytest.raises(InputError, match=r"what these are: .*\(8, 8\)"):
            planned(state(**{module: {"weight": (8, 8), "bias": (8,)}}, **head), "torch")


def test_a_square_matrix_with_a_bias_is_a_note_unless_its_name_or_its_stack_tells() -> None:
    square, wide = {"weight": (8, 8), "bias": (8,)}, {"weight": (9, 8), "bias": (9,)}
    (note,) = planned(state(thing=square), "torch").notes
    assert "thing.weight: square" in note
    (note,) = planned(state(thing=square, other=wide), "torch").notes  # a Linear beside it is another layer
    assert "thing.weight: square" in note
    for told in (state(fc=square), state(**{"0": square}), state(thing1=square, thing2=wide)):
        assert planned(told, "torch").notes == ()
        assert turned(told) == {name for name in told if name.endswith("weight")}


GPT2 = {
    f"h.{i}.{name}": {"weight": shape, "bias": shape[1:]}
    for i in range(2)
    for name, shape in {
        "attn.c_attn": (8, 24), "attn.c_proj": (8, 8), "mlp.c_fc": (8, 32), "mlp.c_proj": (32, 8),
    }.items()
}  # fmt: skip


def test_the_conv1d_of_gpt2_is_kept_and_comes_back() -> None:
    tensors = state(**GPT2, wte={"weight": (50, 8)}, ln_f=NORM)
    assert turned(tensors) == set()
    assert turned(tensors, answers=[("*.c_*.weight", "conv1d")]) == set()
    (note,) = planned(tensors, "torch").notes
    assert "as the Conv1D of GPT-2: kept; if it is a Linear's, --as 'h.*.*.c_*.weight=linear'" in note
    _, back = there_and_back(tensors, "torch")
    assert all_bits(back) == all_bits(tensors)


def test_the_linears_of_nano_gpt_are_turned() -> None:
    tensors = state(**{
        module: {"weight": own["weight"][::-1], "bias": own["bias"]} for module, own in GPT2.items()
    }, ln_f=NORM)  # fmt: skip
    assert turned(tensors) == {f"{module}.weight" for module in GPT2}
    assert planned(tensors, "torch").notes == ()


def test_integers_are_no_linears() -> None:
    tensors = {"relative.weight": stored(np.arange(16).reshape(4, 4)), "thing.ids": stored(np.eye(4, dtype=np.int64))}
    assert turned(tensors) == set()


def test_one_pattern_answers_for_all_layers() -> None:
    tensors = state(norm=NORM, **{f"layers.{i}.time_embedding": {"weight": (8, 8)} for i in range(12)})
    with pytest.raises(InputError, match=r"and 2 more; .* say --as 'layers\.\*\.time_embedding\.weight=linear'"):
        planned(tensors, "torch")
    answered = turned(tensors, answers=[("layers.*.time_embedding.weight", "linear")])
    assert len(answered) == 12
    assert turned(tensors, answers=[("time_embedding", "embedding")]) == set()


def test_a_batch_norm_beside_it_tells_a_linear_without_a_bias() -> None:
    """LeViT's: each is a Linear c and a BatchNorm bn."""
    norm = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (8,))
    tensors = state(**{
        "a.c": {"weight": (8, 6)}, "a.bn": norm, "b.c": {"weight": (8, 8)}, "b.bn": norm,
        "stem.c": {"weight": (8, 3, 3, 3)}, "stem.bn": norm,
    })  # fmt: skip
    rows = planned(tensors, "torch").rows
    assert {row.target for row in rows if "turned" in row.action} == {"a.c.weight", "b.c.weight"}
    del tensors["a.c.weight"]
    with pytest.raises(InputError, match=r"what these are: b\.c\.weight \(8, 8\)"):
        planned(tensors, "torch")


def test_one_pattern_answers_for_names_of_other_lengths() -> None:
    tensors = state(**{"a.c": {"weight": (6, 6)}, "b.0.c": {"weight": (6, 6)}, "b.q.c": {"weight": (8, 8, 1, 1)}})
    with pytest.raises(InputError, match=r"--as '\*\.c\.weight=linear'"):
        planned(tensors, "torch")
    assert turned(tensors, answers=[("*.c.weight", "linear")]) == {"a.c.weight", "b.0.c.weight"}


def test_a_scale_and_a_bias_of_one_number_are_no_instance_norm() -> None:
    """PaddleClas' LearnableAffineBlock."""
    tensors = state(conv={"weight": (8, 3, 1, 1)}, lab={"scale": (1,), "bias": (1,)})
    done = planned(tensors, "paddle")
    assert set(done.tensors) == set(tensors)
    assert "lab.scale: kept: a layer of one's own" in done.notes[0]
    answered = planned(tensors, "paddle", answers=[("lab", "instance_norm")])
    assert "lab.weight" in answered.tensors
