"""Files of one rank, each with a part of every weight, that no metadata tells how to join."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from nlblocks.errors import InputError
from nlblocks.weights.files.limits import MAX_FILES
from nlblocks.weights.files.pickle_vm import shown

_RANK = re.compile(r"(?<![a-z])((?:mp_rank_|pp_rank_|tp_rank_|tp)\d+)(?![0-9])")
"""What Megatron, DeepSpeed and PaddleNLP call the part of a rank: mp_rank_00, zero_pp_rank_0_mp_rank_00, tp00."""
JOINED = "join them where they come from (zero_to_fp32.py of DeepSpeed, a merge script of Megatron's or PaddleNLP's)"


def check_alone(path: Path) -> None:
    """Raise InputError for one rank's file, or a file in one rank's folder, with those of others beside it."""
    for own in (path, path.parent):
        if not _RANK.search(own.name) or own == own.parent:
            continue
        alike = re.compile(_RANK.sub(r"\\d", re.escape(own.name)).replace(r"\d", _RANK.pattern))
        others = [other.name for other in islice(own.parent.iterdir(), MAX_FILES) if alike.fullmatch(other.name)]
        if len(others) > 1:
            raise InputError(
                f"{path}: the part of one rank, of {len(others)} beside each other ({shown(min(others))} to "
                f"{shown(max(others))}); {JOINED}"
            )
