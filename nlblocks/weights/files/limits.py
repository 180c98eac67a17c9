"""What a file may claim before it is refused: bounds that keep a hostile checkpoint from costing memory or time."""

from __future__ import annotations

MAX_OPERATIONS = 5_000_000
"""Pickle operations in one stream; a tensor costs about 40."""
MAX_OBJECTS = 200_000
"""Objects of unknown classes in one pickle; a pickled model has one for each of its modules."""
MAX_KEY = 16
"""Parts of a tuple that is a dict key."""
MAX_TEXT = 1 << 20
"""Bytes of one name or other short string in a pickle; longer ones are kept where they are, unread."""
MAX_HEADER = 32 << 20
"""Bytes of a safetensors header, of a shard index, or of a zip's directory."""
MAX_NODES = 1_000_000
"""Entries met while walking a checkpoint's nested containers; the same container met twice counts twice."""
MAX_LETTERS = 64 << 20
"""Letters of the dotted names of those entries, all together: a long name may be shared by many."""
MAX_DEPTH = 64
"""Nesting of those containers."""
MAX_AXES = 32
"""Axes of one tensor."""
MAX_EXTENT = 1 << 48
"""Extent of one axis, and elements and bytes of one tensor."""
MAX_PARTS = 4096
"""Parts that one tensor of a distributed checkpoint is cut into."""
MAX_SHARDS = 512
"""Files behind one index; each is held open."""
MAX_FIELDS = 4_000_000
"""Fields of a protobuf message and of those in it, a few seconds' worth."""
MAX_FILES = 20_000
"""Files of a folder that is one model."""
MAX_INFLATION = 200
"""A deflated .npz entry may grow this many times over, or to MIN_INFLATED, whichever is more."""
MIN_INFLATED = 16 << 20
MAX_SHARING = 16
"""Bytes of all tensors, in multiples of the file's size (plus 16 MiB): tensors may share storage, but not endlessly."""
IN_FLIGHT = 16 << 20
"""Bytes of the tensors that are written at a time, unless it is one alone."""
SMALL = 1 << 16
"""Bytes of a tensor that is written at once: to hand it to another thread costs more."""
PIECE = 2 << 20
"""Bytes of a tensor that a thread makes and writes at a time; of a matrix that is transposed, 64 to TILE rows."""
TILE = 256
"""Rows and columns of a matrix that are transposed at a time."""
