"""What a tensor means to its layer: a name speaks only together with shape, neighbours and the file's other tensors."""

from __future__ import annotations

import itertools
import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

from nlblocks.weights.evidence import Evidence, family
from nlblocks.weights.files.parts import is_slot

Meaning = Literal["linear", "plain", "unknown"]
"""A "linear" weight is turned between frameworks that lay it out differently, a "plain" tensor is the same in both."""

_LINEAR = re.compile(
    r"(.*_)?(fc|linear|lin|dense|proj|projection|head|classifier|mlp|ffn|query|key|value|qkv|kv|out|output|logits"
    r"|lm_head|squeeze|excitation|extract|reduction|w[qkvoi]|to_[qkv]|c_attn|c_fc|c_proj|gate|up|down"
    r"|w[123]|score|dense_h_to_4h|dense_4h_to_h|Wqkv|pooler|project(or)?|transform|prediction)(_layers?|_proj)?_?\d*",
    re.IGNORECASE,
)
_ATTENDED = ("query", "key", "value", "kv", "key_value", "qk", "q", "k", "v", "o")
_TABLE = re.compile(r".*(emb(?!er|l[ey])|wte|wpe|lookup|codebook|vocab).*", re.IGNORECASE)  # no member, no ensemble
_NUMBERED = re.compile(
    r"(.*_)?(w|words?|tok|tokens?|chars?|sub_?words?|pos|positions?|positional|type|segments?|sent(ence)?|lang(uage)?"
    r"|query|speakers?|spk|items?|users?|entity|row|col|x_position|y_position|h_position|w_position|task_type|point|mask)"
    r"_?emb(ed)?(ding)?s?(_layer)?|(.*_)?(cls|mask|iou|query)_?tokens?|(.*_)?embed_(tokens?|positions?)|wte|wpe|embed_in|(.*_)?vocab(ulary)?_?emb\w*"
    r"|(.*_)?codebook|lookup(_table)?|embedding_table|relative_attention_bias|shared",
    re.IGNORECASE,
)
"""Names of tables of what is counted: words, positions, types."""
_BARE = re.compile(r"emb(ed)?(ding)?s?_?\d*", re.IGNORECASE)
_GRAPH = re.compile(r"((.*_)?(gc|gcn|graph)|conv)(_?layers?|_?conv(olution)?)?_?\d*", re.IGNORECASE)
"""Layers of graphs, whose weight is often a parameter of their own, [in, out]."""
_PLAIN_LEAVES = re.compile(r"bias|(weight|bias)_(ih|hh)(_l\d+)?(_reverse)?|.*(embed|emb|token|table|index|mask|pos).*")
_UNTOLD = re.compile(r"w_\d+")
"""What Paddle calls the weights of a layer of one's own, which may be derived from its Linear."""

SQUARE = (
    "square, so that its shape does not tell: taken for a Linear; if it is a parameter of [in, out], --as '{}=conv1d'"
)
IN_OUT = "[in, out] by its bias, as the Conv1D of GPT-2: kept; if it is a Linear's, --as '{}=linear'"
READ = "without a bias, and what it gives is a width of the model: taken for a Linear; if a table, --as '{}=embedding'"
TABLE = "taken for a table by its name and its width, which a Linear may have too: if it is one, --as '{}=linear'"


@dataclass(frozen=True, slots=True)
class Judged:
    """``doubt`` is what a reader must be told, {} standing for a pattern of names; "" where there is none."""

    meaning: Meaning
    doubt: str = ""


def meaning(name: str, file: Evidence, own: Container[str] = ()) -> Judged:
    """What the tensor ``name`` of a file is. ``own`` are the leaves that a MultiheadAttention's own weights have.

    Only two axes can be in doubt.
    """
    shape = file.shapes[name]
    if len(shape) != 2:
        return Judged("plain")
    module, _, leaf = name.rpartition(".")
    if is_slot(leaf):
        return Judged("plain")
    if leaf in own:
        return Judged("unknown")  # of an attention that is no MultiheadAttention
    if leaf != "weight":
        open_ = shape[0] == shape[1] or _UNTOLD.fullmatch(leaf)
        return Judged("unknown" if open_ and not _PLAIN_LEAVES.fullmatch(leaf) else "plain")
    return _alone(module, file) if file.bias(module) is None else _with_bias(module, file)


def _with_bias(module: str, file: Evidence) -> Judged:
    """Its bias has as many numbers as it has outputs; a square matrix is judged by those of its family."""
    rows, columns = file.matrices[module]
    if rows != columns:
        if module not in file.lying:
            return Judged("unknown")
        if file.lying[module] == file.in_out:
            return Judged("unknown" if _either_gpt(module, file) else "linear")
        conv1d = family(module) == "c_" and not file.in_out
        return Judged("plain", IN_OUT) if conv1d and _backwards(module, file) else Judged("unknown")
    if file.bias(module) != (rows,):
        return Judged("unknown")
    word = _word(module)
    if family(module) == "c_" and not file.in_out and _backwards(module, file):
        return Judged("plain", IN_OUT)
    if any(stack(module) == stack(other) for other, in_out in file.lying.items() if in_out != file.in_out):
        return Judged("unknown")
    if _GRAPH.fullmatch(word):
        return Judged("unknown")
    kin = any(family(module) == family(other) and stack(module) == stack(other) for other in file.lying)
    if kin or not word or _LINEAR.fullmatch(word):
        unsure = _either_gpt(module, file) if file.in_out else family(module) == "c_" and not file.lying
        return Judged("unknown" if unsure else "linear")
    return Judged("linear", "" if module.rpartition(".")[2].isdigit() else SQUARE)


def _alone(module: str, file: Evidence) -> Judged:
    """A Linear without a bias, or a table: none has its name to itself."""
    rows, columns = file.matrices[module]
    parent = module.rpartition(".")[0]
    outputs = columns if file.in_out else rows
    word = _word(module)
    if file.bias(parent) == (outputs,) and rows != columns and parent != module:
        return Judged("linear")  # the bias lies a module higher, as in BERT's decoder
    table = _TABLE.fullmatch(word) or _NUMBERED.fullmatch(word)
    if _normed(module, file) and not table:
        return Judged("linear")
    if not word:
        return Judged("unknown")
    if table:
        return _table(module, word, file)
    if module.endswith(word) and word in _ATTENDED:  # alone it may be a table of queries
        before = module.removesuffix(word)
        beside = any(f"{before}{other}" in file.matrices for other in _ATTENDED if other != word)
        return Judged("unknown" if not beside or _against(module, file) else "linear")
    if not _LINEAR.fullmatch(word) or _against(module, file):
        return Judged("unknown")
    return Judged("linear")


def _table(module: str, word: str, file: Evidence) -> Judged:
    """A name that speaks of a table: its rows are counted, and the width of a row is one of the model's."""
    rows, columns = file.matrices[module]
    if word == "relative_attention_bias" and f"{module.removesuffix(word)}q" in file.matrices:
        return Judged("plain")
    if _LINEAR.fullmatch(word):  # embed_out: a head where the file has a table of that size as well
        inputs, outputs = (rows, columns) if file.in_out else (columns, rows)
        twin = any(
            shape == (outputs, inputs) and _NUMBERED.fullmatch(_word(other)) and other != module
            for other, shape in file.matrices.items()
        )
        return Judged("linear" if twin and rows != columns else "unknown")
    if _among_layers(module, file):
        return Judged("unknown")
    counted = _NUMBERED.fullmatch(word) is not None
    width = columns in file.widths or (counted and columns in file.tables)
    if rows in file.widths and not width:  # what a table gives nobody would read
        return Judged("unknown" if counted or file.in_out else "linear", "" if counted or file.in_out else READ)
    if counted and width:
        clear = rows != columns and (not file.in_out or rows > columns or _other_table(module, file))
        return Judged("plain", "" if clear else TABLE)
    if _BARE.fullmatch(word) and width and rows not in file.widths:
        return Judged("plain", TABLE if file.in_out else "")
    return Judged("unknown")


def _normed(module: str, file: Evidence) -> bool:
    """Whether a BatchNorm of as many channels as it has outputs is beside it; a square one needs others of its name."""
    rows, columns = file.matrices[module]
    outputs = columns if file.in_out else rows
    normed = file.normed.get(module.rpartition(".")[0]) == outputs
    if not normed or rows != columns:
        return normed
    return any(
        family(other) == family(module) and len(set(shape)) == 2 and file.bias(other) is None and _normed(other, file)
        for other, shape in file.matrices.items()
    )


def _other_table(module: str, file: Evidence) -> bool:
    """Whether another table of that width and of another length lies beside one."""
    rows, columns = file.matrices[module]
    parent = module.rpartition(".")[0]
    return any(
        shape[1] == columns and shape[0] != rows and other.rpartition(".")[0] == parent
        and _NUMBERED.fullmatch(_word(other)) and file.bias(other) is None
        for other, shape in file.matrices.items()
    )  # fmt: skip


def _against(module: str, file: Evidence) -> bool:
    """Whether what a layer of that name reads or writes speaks against the layout that the file is said to have."""
    in_out = file.by_role(module)
    return in_out is not None and in_out != file.in_out


def _either_gpt(module: str, file: Evidence) -> bool:
    """Whether it is open what a GPT-2 has in the other code: nanoGPT has Linears, others Conv1Ds with a bias."""
    names = {other.rpartition(".")[2] for other in file.matrices} if file.in_out and family(module) == "c_" else set()
    return "c_attn" in names


def _backwards(module: str, file: Evidence) -> bool:
    """Whether the family's biases show its weights to lie the other way, and none this way."""
    shown = {in_out for other, in_out in file.lying.items() if family(other) == family(module)}
    return shown == {not file.in_out}


def stack(module: str) -> str:
    """What the layers of one stack share: the name of what holds a module, up to the first number."""
    return ".".join(itertools.takewhile(lambda word: not word.isdigit(), module.split(".")[:-1]))


def _word(module: str) -> str:
    """The last word of a module's name; a place in a Sequential has the Sequential's."""
    return next((word for word in reversed(module.split(".")) if word and not word.isdigit()), "")


def _among_layers(module: str, file: Evidence) -> bool:
    """Whether a module's place is one in a Sequential: a list of tables has a table in every place."""
    parent, _, place = module.rpartition(".")
    if not place.isdecimal() or len(place) > 9:
        return False
    before, after, second = (file.shapes.get(f"{parent}.{int(place) + step}.weight") for step in (-1, 1, 2))
    gap = (before is None and int(place) > 0) or (after is None and second is not None)
    return gap or any(beside is not None and len(beside) != 2 for beside in (before, after))
