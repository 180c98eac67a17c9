"""The commands of ``nlblocks``: each turns words into one call of the library, and its result into lines."""
