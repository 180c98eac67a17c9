"""Containers that other programs write: read here, or refused by what they are, with what to do instead."""

from nlblocks.weights.files.containers.archives import archive
from nlblocks.weights.files.containers.pretenders import what_it_is
from nlblocks.weights.files.containers.several import is_several, several

__all__ = ["archive", "is_several", "several", "what_it_is"]
