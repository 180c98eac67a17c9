"""``nlblocks convert --like``: a checkpoint converted by the pairing of two models, and what both compute with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlblocks.commands.compare import loaded, progress, renames
from nlblocks.commands.models import load_inputs
from nlblocks.commands.options import refuse_options
from nlblocks.conventions import frameworks
from nlblocks.errors import InputError, known
from nlblocks.weights.files import Checkpoint
from nlblocks.weights.files.writing import format_of

if TYPE_CHECKING:
    from nlblocks.parity.convert_like import Converted

OTHER = "to", "from_", "dialect", "to_dialect", "kind", "answers", "optimiser", "names", "strip_prefix"
"""Options that say what the pairing says."""


def by_pairing(
    ctx: click.Context, checkpoint: Checkpoint, destination: Path, models: Sequence[str], inputs: tuple[str, ...],
    rename: tuple[str, ...],
) -> Converted:  # fmt: skip
    """The conversion of a checkpoint of the first model into one of the second. Raises InputError for what is none."""
    from nlblocks.parity.convert_like import convert_like  # the other commands need no lab

    refuse_options(ctx, "--like says what each tensor is, and whose layout it has", *OTHER)
    if not inputs:
        raise InputError("--input is missing: both models are run on it; give a shape such as --input 2,3,224,224")
    given, pairs, kind = load_inputs(inputs), renames(rename), format_of(destination)
    with progress() as say:
        left, right = (loaded(text, say) for text in models)
        found = convert_like(
            checkpoint.tensors, left, right, given, record=checkpoint.record, rename=pairs, progress=say
        )
    if found.framework not in frameworks():
        raise InputError(f"{models[1]} is of {found.framework}, which has no checkpoints; give {known(frameworks())}")
    if kind not in ("safetensors", found.framework):
        raise InputError(f"{destination}: a {destination.suffix} file is none of {found.framework}'s; change its name")
    return found


def said(found: Converted, models: Sequence[str]) -> str:
    """What both models compute with the weights of the conversion."""
    report = found.report
    if found.agree:
        worst = max((report.worst(phase) or 0.0) for phase in dict.fromkeys(c.phase for c in report.comparisons))
        return f"{models[0]} and {models[1]} give the same outputs with these weights (worst {worst:.1e})"
    return f"with these weights {report}"
