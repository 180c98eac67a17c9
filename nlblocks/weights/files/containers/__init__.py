"""Containers that other programs write: read here, or refused by what they are, with what to do instead."""

from nlblocks.weights.files.containers.archives import archive
from nlblocks.weights.files.containers.magic import by_magic
from nlblocks.weights.files.containers.pretenders import what_it_is
from nlblocks.weights.files.containers.several import several

__all__ = ["archive", "by_magic", "several", "what_it_is"]
