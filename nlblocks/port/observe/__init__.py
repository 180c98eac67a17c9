"""What a model's code does when it runs: which API each call reaches, and what types it works on."""

from nlblocks.port.observe.instrument import Site, Sites, source_of
from nlblocks.port.observe.record import Place, Record, Seen
from nlblocks.port.observe.watch import Watcher, watched_imports

__all__ = ["Place", "Record", "Seen", "Site", "Sites", "Watcher", "source_of", "watched_imports"]
