"""Small functions and layers that a port carries where torch has no one call for what Paddle does.

Each is torch code as text, for the file that needs it: its first line says why it is there. ``needs`` are imports (see
nlblocks/port/rewrite/file.py) and other helpers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Helper:
    """The text, and what it needs."""

    text: str
    needs: tuple[str, ...] = ("torch",)


HELPERS: dict[str, Helper] = {}


def helper(name: str, text: str, *needs: str) -> None:
    """Add a helper; its name is that of the function or class in the text."""
    HELPERS[name] = Helper(text.strip("\n"), needs or ("torch",))


helper("not_ported", '''
def not_ported(what):
    """Stands where Paddle code has no port: raises if it is reached."""
    raise NotImplementedError(f"not ported: {what}")
''', "torch")  # fmt: skip

helper("expect", '''
def expect(value, *possible):
    """Refuse what the Paddle code could do and this port cannot."""
    if value not in possible:
        raise NotImplementedError(f"this port is for {possible}, not for {value!r}")
''', "torch")  # fmt: skip

helper("initialised", '''
def initialised(module, **initial):
    """Start parameters as Paddle's ParamAttr says: each has a function that fills it, or keeps torch's own start."""
    for name, fill in initial.items():
        if callable(fill) and getattr(module, name) is not None:
            fill(getattr(module, name))
    return module
''', "torch")  # fmt: skip

helper("torch_dtype", '''
def torch_dtype(dtype):
    """The dtype that Paddle's name or another library's type says."""
    return dtype if isinstance(dtype, torch.dtype) else getattr(torch, str(dtype).rpartition(".")[2])
''', "torch")  # fmt: skip

helper("torch_arguments", '''
def torch_arguments(arguments, renamed, expected):
    """Paddle's keyword arguments in torch's words; what torch always does is expected, and left out."""
    for name, possible in expected.items():
        if arguments.get(name, possible[0]) not in possible:
            raise NotImplementedError(f"this port is for {name} in {possible}, not for {arguments[name]!r}")
    return {renamed.get(name, name): value for name, value in arguments.items() if name not in expected}
''', "torch")  # fmt: skip

helper("NotPorted", '''
class NotPorted:
    """Stands where a Paddle name has no port: raises if it is used."""

    def __init__(self, what):
        self.what = what

    def __call__(self, *args, **kwargs):
        raise NotImplementedError(f"not ported: {self.what}")

    def __getattr__(self, name):
        raise NotImplementedError(f"not ported: {self.what}")
''', "torch")  # fmt: skip

helper("add_module", '''
def add_module(parent, name, module):
    """Add a module and give it back, which torch's add_module does not."""
    parent.add_module(name, module)
    return module
''', "torch")  # fmt: skip

helper("started", '''
def started(parameter, fill):
    """A parameter, filled."""
    fill(parameter)
    return parameter
''', "torch")  # fmt: skip

helper("reshape", '''
def reshape(x, shape):
    """In Paddle an extent of 0 copies the input's."""
    return x.reshape([x.shape[i] if extent == 0 else extent for i, extent in enumerate(shape)])
''', "torch")  # fmt: skip

helper("xavier_uniform", '''
def xavier_uniform(parameter):
    """How Paddle starts a parameter of a layer's own; unlike torch's, it takes vectors."""
    if parameter.dim() > 1:
        return nn.init.xavier_uniform_(parameter)
    bound = math.sqrt(3.0 / parameter.numel())
    return nn.init.uniform_(parameter, -bound, bound)
''', "nn", "math")  # fmt: skip

helper("split", '''
def split(x, parts, dim=0):
    """In Paddle a number of equal parts, or their sizes, of which one may be -1: the rest."""
    if isinstance(parts, int):
        return x.chunk(parts, dim)
    rest = x.shape[dim] - sum(size for size in parts if size != -1)
    return x.split([rest if size == -1 else size for size in parts], dim)
''', "torch")  # fmt: skip

helper("unsqueeze", '''
def unsqueeze(x, axes):
    """In Paddle an axis or several, added one after another."""
    for axis in axes if isinstance(axes, (list, tuple)) else [axes]:
        x = x.unsqueeze(axis)
    return x
''', "torch")  # fmt: skip

helper("sliced", '''
def sliced(x, axes, starts, ends, steps=None):
    """A slice along axes that only the run tells."""
    index = [slice(None)] * x.dim()
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(axes)):
        index[axis] = slice(start, end, step)
    return x[tuple(index)]
''', "torch")  # fmt: skip

helper("scatter_rows", '''
def scatter_rows(x, index, updates):
    """Paddle's scatter writes whole rows."""
    return x.index_copy(0, index.flatten().long(), updates)
''', "torch")  # fmt: skip
