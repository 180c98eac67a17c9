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
        parameter = getattr(module, name)
        if fill is False and parameter is not None:
            raise NotImplementedError(f"this port has no {type(module).__name__} without {name}")
        if callable(fill) and parameter is not None:
            fill(parameter)
    return module
''', "torch")  # fmt: skip

helper("starting", '''
def starting(kind, **initial):
    """A class of modules whose parameters start as Paddle's ParamAttr says."""

    class Starting(kind):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            initialised(self, **initial)

    Starting.unstarted = kind
    return Starting
''', "initialised")  # fmt: skip

helper("torch_dtype", '''
def torch_dtype(dtype):
    """The dtype that Paddle's name or another library's type says; some names are another dtype's in torch."""
    if isinstance(dtype, torch.dtype):
        return dtype
    name = str(dtype).rpartition(".")[2]
    return getattr(torch, {"byte": "int8", "int": "int64", "float": "float64", "uint16": "bfloat16"}.get(name, name))
''', "torch")  # fmt: skip

helper("torch_arguments", '''
def torch_arguments(arguments, renamed, expected, **defaults):
    """Paddle's keyword arguments in torch's words; what torch always does is expected, and left out."""
    found = defaults
    for name, value in arguments.items():
        if callable(value) or value not in expected.get(name, (value,)):
            raise NotImplementedError(f"this port is not for {name}={value!r}")
        if name not in expected:
            found[renamed.get(name, name)] = value is not False if name == "bias_attr" else value
    return found
''', "torch")  # fmt: skip

helper("NotPorted", '''
class NotPorted:
    """Stands where a Paddle name has no port: raises if it is used."""

    def __init__(self, what):
        self.what = what

    def __call__(self, *args, **kwargs):
        raise NotImplementedError(f"not ported: {self.what}")

    def __getattr__(self, name):
        if name.startswith("__"):  # what typing asks of an annotation
            raise AttributeError(name)
        raise NotImplementedError(f"not ported: {self.what}")

    def __mro_entries__(self, bases):
        """What derives from it is defined, and raises where it is built."""
        return (type("NotPorted", (), {"__init__": self.__call__}),)

    def __instancecheck__(self, instance):
        return False  # there are none
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

helper("without", '''
def without(module, *names):
    """A module that lacks parameters which torch always builds."""
    for name in names:
        setattr(module, name, None)
    return module
''', "torch")  # fmt: skip

helper("same_pad", '''
def same_pad(x, kernel_size, stride):
    """Zeros around x, so that windows give ceil(extent / stride): what Paddle calls SAME padding."""
    pads = []
    for extent, kernel, step in reversed(list(zip(x.shape[2:], kernel_size, stride))):
        total = max((math.ceil(extent / step) - 1) * step + kernel - extent, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)
''', "F", "math")  # fmt: skip

for _n in (1, 2, 3):
    helper(f"SameConv{_n}d", f'''
class SameConv{_n}d(nn.Conv{_n}d):
    """A convolution with Paddle's SAME padding, which follows the input's size and goes without dilation."""

    def __init__(self, *args, padding="SAME", dilation=1, **kwargs):
        self.same = padding in ("SAME", "same")
        if self.same:
            padding, dilation = 0, 1
        super().__init__(*args, padding=padding, dilation=dilation, **kwargs)

    def forward(self, x):
        return super().forward(same_pad(x, self.kernel_size, self.stride) if self.same else x)
''', "nn", "same_pad")  # fmt: skip

for _n in (1, 2, 3):
    helper(f"SameMaxPool{_n}d", f'''
class SameMaxPool{_n}d(nn.MaxPool{_n}d):
    """Max pooling with Paddle's SAME padding, which follows the input's size."""

    def forward(self, x):
        sizes = [[v] * {_n} if isinstance(v, int) else v for v in (self.kernel_size, self.stride)]
        inside = same_pad(torch.ones_like(x[:1, :1]), *sizes) > 0
        return super().forward(same_pad(x, *sizes).masked_fill(~inside, float("-inf")))
''', "torch", "nn", "same_pad")  # fmt: skip

    helper(f"SameAvgPool{_n}d", f'''
class SameAvgPool{_n}d(nn.AvgPool{_n}d):
    """Average pooling with Paddle's SAME padding, which follows the input's size and does not count."""

    def forward(self, x):
        sizes = [[v] * {_n} if isinstance(v, int) else v for v in (self.kernel_size, self.stride)]
        share = super().forward(same_pad(torch.ones_like(x[:1, :1]), *sizes))
        return super().forward(same_pad(x, *sizes)) / share
''', "torch", "nn", "same_pad")  # fmt: skip

helper("ActivatedBatchNorm2d", '''
class ActivatedBatchNorm2d(nn.BatchNorm2d):
    """Paddle's first BatchNorm also applies an activation, given by its name."""

    def __init__(self, num_features, act, **kwargs):
        super().__init__(num_features, **kwargs)
        self.act = {"swish": "silu", "hard_sigmoid": "hardsigmoid", "hard_swish": "hardswish"}.get(act, act)

    def forward(self, x):
        x = super().forward(x)
        return x if self.act is None else getattr(F, self.act)(x)
''', "nn", "F")  # fmt: skip

helper("PaddedEmbedding", '''
class PaddedEmbedding(nn.Embedding):
    """In Paddle the padding index reads as zeros, whatever the weight holds there; a negative one stays as it is."""

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None):
        super().__init__(num_embeddings, embedding_dim, padding_idx)
        self.padding_idx = padding_idx

    def forward(self, ids):
        found = super().forward(ids)
        if self.padding_idx is None:
            return found
        return found.masked_fill((ids == self.padding_idx % self.num_embeddings).unsqueeze(-1), 0)
''', "nn")  # fmt: skip

helper("DownscaledDropout", '''
class DownscaledDropout(nn.Dropout):
    """Dropout that scales in evaluation, by the share that is kept, and not in training."""

    def forward(self, x):
        return F.dropout(x, self.p) * (1 - self.p) if self.training else x * (1 - self.p)
''', "nn", "F")  # fmt: skip

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

helper("assign", '''
def assign(parameter, value):
    """Start a parameter with given values."""
    with torch.no_grad():
        parameter.copy_(torch.as_tensor(value))
''', "torch")  # fmt: skip

helper("fixed", '''
def fixed(fill=None, trainable=False):
    """A start for a parameter that is not trained, or only where told: what fills it, or torch's own."""
    if trainable:
        return fill

    def start(parameter):
        if fill is not None:
            fill(parameter)
        parameter.requires_grad_(False)

    return start
''', "torch")  # fmt: skip

helper("swiglu", '''
def swiglu(x):
    """The first half of the last axis gates the second."""
    gate, x = x.chunk(2, dim=-1)
    return F.silu(gate) * x
''', "torch", "F")  # fmt: skip

helper("pad", '''
def pad(x, sizes, value=0.0):
    """Paddle counts the axes from the first where every one is padded."""
    if len(sizes) == 2 * x.dim():
        sizes = [size for first in range(len(sizes) - 2, -1, -2) for size in sizes[first : first + 2]]
    return F.pad(x, sizes, value=value)
''', "F")  # fmt: skip

helper("cross_entropy", '''
def cross_entropy(
    input, label, weight=None, ignore_index=-100, reduction="mean", soft_label=False, axis=-1, label_smoothing=0.0
):
    """Paddle's: classes on any axis, labels that may keep it, and a mean over all where a negative index is ignored."""
    kept = label.dim() == input.dim()
    if soft_label:
        target = label.movedim(axis, 1).detach()
    else:
        target = (label.squeeze(axis) if kept else label).long()
    settings = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
    loss = F.cross_entropy(input.movedim(axis, 1), target, weight, reduction="none", **settings)
    if reduction == "sum":
        return loss.sum()
    if reduction == "mean":
        if soft_label or (weight is None and ignore_index < 0):
            return loss.mean()
        share = (target != ignore_index).to(loss.dtype)
        if weight is not None:
            share = share * weight[target.clamp(min=0)]
        return loss.sum() / (share.sum() + (share.sum() == 0))
    return loss.unsqueeze(axis) if kept or label_smoothing > 0 else loss
''', "F")  # fmt: skip

helper("CrossEntropyLoss", '''
class CrossEntropyLoss(nn.Module):
    """Paddle's, with its settings."""

    def __init__(self, **settings):
        super().__init__()
        self.settings = settings

    def forward(self, input, label):
        return cross_entropy(input, label, **self.settings)
''', "nn", "cross_entropy")  # fmt: skip

for name in ("BCELoss", "BCEWithLogitsLoss", "KLDivLoss"):
    helper(name, f'''
class {name}(nn.{name}):
    """Labels have no gradient, as in Paddle."""

    def forward(self, input, target):
        return super().forward(input, target.detach())
''', "nn")  # fmt: skip

helper("sigmoid_focal_loss", '''
def sigmoid_focal_loss(logit, label, normalizer=None, alpha=0.25, gamma=2.0, reduction="sum"):
    """The focal loss of logits, which torch alone does not have."""
    chance = torch.sigmoid(logit)
    loss = F.binary_cross_entropy_with_logits(logit, label.detach(), reduction="none")  # as in Paddle
    loss = loss * (alpha * label + (1 - alpha) * (1 - label))
    loss = loss * (1 - chance * label - (1 - chance) * (1 - label)) ** gamma
    if normalizer is not None:
        loss = loss / normalizer
    return {"sum": torch.sum, "mean": torch.mean, "none": torch.clone}[reduction](loss)
''', "torch", "F")  # fmt: skip

helper("world_size", '''
def world_size():
    """Paddle's is 1 where nothing is distributed."""
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
''', "torch")  # fmt: skip

helper("rank", '''
def rank():
    """Paddle's is 0 where nothing is distributed."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
''', "torch")  # fmt: skip

helper("device_name", '''
def device_name():
    """The device as Paddle names it."""
    return f"gpu:{torch.cuda.current_device()}" if torch.cuda.is_available() else "cpu"
''', "torch")  # fmt: skip

helper("ParallelEnv", '''
class ParallelEnv:
    """How many processes train together, and which of them this is."""

    def __init__(self):
        together = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = self.local_rank = torch.distributed.get_rank() if together else 0
        self.world_size = self.nranks = torch.distributed.get_world_size() if together else 1
''', "torch")  # fmt: skip
