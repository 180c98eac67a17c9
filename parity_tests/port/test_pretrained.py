"""A model made by a configuration that renames what it is asked for, whose class is made by a metaclass."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from parity_tests.port.packages import Package

FILES = {
    "conf/config.py": """
import copy
import json


class Config:
    model_type = ""
    attribute_map = {}

    def __setattr__(self, key, value):
        if key in super().__getattribute__("attribute_map"):
            key = super().__getattribute__("attribute_map")[key]
        super().__setattr__(key, value)

    def __getattribute__(self, key):
        if key != "attribute_map" and key in super().__getattribute__("attribute_map"):
            key = super().__getattribute__("attribute_map")[key]
        return super().__getattribute__(key)

    def __init__(self, **kwargs):
        self.return_dict = kwargs.pop("return_dict", True)
        self.output_hidden = kwargs.pop("output_hidden", False)
        for key, value in kwargs.items():
            setattr(self, key, value)

    @property
    def use_return_dict(self):
        return self.return_dict

    @classmethod
    def from_dict(cls, data, **more):
        return cls(**{**copy.deepcopy(data), **more})

    def to_json(self):
        return json.dumps(self.__dict__, sort_keys=True)


class WriterConfig(Config):
    model_type = "writer"
    attribute_map = {"width": "hidden_size", "num_layers": "depth"}

    def __init__(self, hidden_size=8, depth=2, heads=2, act="gelu_new", vocabulary=11, **kwargs):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.depth = depth
        self.heads = heads
        self.act = act
        self.vocabulary = vocabulary
""",
    "conf/acts.py": """
import math
from collections import OrderedDict

import paddle
import paddle.nn.functional as F
from paddle import nn


class NewGELU(nn.Layer):
    def forward(self, x):
        return 0.5 * x * (1.0 + paddle.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * paddle.pow(x, 3.0))))


class Clipped(nn.Layer):
    def __init__(self, least, most):
        super().__init__()
        self.least, self.most = least, most

    def forward(self, x):
        return paddle.clip(F.gelu(x), self.least, self.most)


class ClassInstantier(OrderedDict):
    def __getitem__(self, key):
        content = super().__getitem__(key)
        cls, kwargs = content if isinstance(content, tuple) else (content, {})
        return cls(**kwargs)


ACT2CLS = {
    "gelu_new": NewGELU,
    "clipped": (Clipped, {"least": -1, "most": 1}),
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "silu": nn.Silu,
    "tanh": nn.Tanh,
}
ACT2FN = ClassInstantier(ACT2CLS)


def get_activation(name):
    if name in ACT2FN:
        return ACT2FN[name]
    raise KeyError(name)
""",
    "conf/model.py": """
from dataclasses import dataclass
from typing import Optional, Tuple

import paddle
from paddle import nn
from paddle.nn import Layer

from .acts import ACT2FN, get_activation
from .config import Config, WriterConfig
from .output import ModelOutput


@dataclass
class BaseOutput(ModelOutput):
    last: paddle.Tensor = None
    hidden: Optional[Tuple[paddle.Tensor]] = None


class InitMeta(type(Layer)):
    def __call__(cls, *args, **kwargs):
        made = super().__call__(*args, **kwargs)
        made.post_init()
        return made


class Pretrained(Layer, metaclass=InitMeta):
    config_class = None
    base_model_prefix = "writer"

    def __init__(self, config, *inputs, **kwargs):
        super().__init__()
        if not isinstance(config, Config):
            raise ValueError(f"{type(self)} wants a Config")
        self.config = config

    def post_init(self):
        self.apply(self._init_weights)

    def _init_weights(self, layer):
        if isinstance(layer, (nn.Linear, nn.Embedding)):
            layer.weight.set_value(paddle.normal(mean=0.0, std=0.02, shape=layer.weight.shape))
        elif isinstance(layer, nn.LayerNorm):
            layer._epsilon = 1e-12

    @classmethod
    def from_pretrained(cls, name, *args, **kwargs):
        from conf.download import fetch

        state = paddle.load(fetch(name))
        model = cls(cls.config_class.from_dict(kwargs))
        model.set_state_dict(state)
        return model

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["config"], name)

    def get_extended_mask(self, mask):
        return (1.0 - mask.unsqueeze([1, 2]).astype(paddle.get_default_dtype())) * -1e4


class Attention(nn.Layer):
    def __init__(self, config):
        super().__init__()
        self.heads = config.heads
        self.size = config.width // config.heads
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x, mask=None):
        joined = self.query_key_value(x).reshape([0, 0, self.heads, 3 * self.size])
        q, k, v = joined.transpose([0, 2, 1, 3]).chunk(3, axis=-1)
        scores = paddle.matmul(q, k, transpose_y=True) / self.size**0.5
        if mask is not None:
            scores = scores + mask
        x = paddle.matmul(nn.functional.softmax(scores, axis=-1), v)
        return self.out(x.transpose([0, 2, 1, 3]).reshape([0, 0, self.heads * self.size]))


class Block(nn.Layer):
    def __init__(self, config):
        super().__init__()
        self.attention = Attention(config)
        self.norm = nn.LayerNorm(config.hidden_size)
        self.inner = nn.Linear(config.hidden_size, 4 * config.hidden_size)
        self.act = ACT2FN[config.act] if isinstance(config.act, str) else config.act
        self.last = get_activation("clipped")
        self.outer = nn.Linear(4 * config.hidden_size, config.hidden_size)

    def forward(self, x, mask=None):
        x = x + self.attention(self.norm(x), mask)
        return x + self.last(self.outer(self.act(self.inner(x))))


class Writer(Pretrained):
    config_class = WriterConfig

    def __init__(self, config: WriterConfig):
        super().__init__(config)
        self.enter = nn.Linear(3, config.width)
        self.blocks = nn.LayerList([Block(config) for _ in range(config.num_layers)])

    def forward(self, x, mask=None, output_hidden=None, return_dict=None):
        output_hidden = output_hidden if output_hidden is not None else self.config.output_hidden
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        x = self.enter(x)
        every = () if output_hidden else None
        if mask is not None:
            mask = self.get_extended_mask(mask)
        for block in self.blocks:
            if output_hidden:
                every += (x,)
            x = block(x, mask)
        if not return_dict:
            return tuple(v for v in [x, every] if v is not None)
        return BaseOutput(last=x, hidden=every)


class WriterForScores(Pretrained):
    config_class = WriterConfig

    def __init__(self, config: WriterConfig):
        super().__init__(config)
        self.writer = Writer(config)
        self.head = nn.Linear(config.hidden_size, config.vocabulary)

    def forward(self, x, mask=None, labels=None):
        found = self.writer(x, mask=mask)
        scores = self.head(found.last)
        loss = None
        if labels is not None:
            loss = nn.CrossEntropyLoss()(scores.reshape([-1, self.vocabulary]), labels.reshape([-1]))
        if isinstance(found, tuple):
            return (loss, scores)
        return {"scores": scores, "hidden": found.hidden} if loss is None else {"loss": loss, "scores": scores}


def scores():
    return WriterForScores(WriterConfig(output_hidden=True))
""",
    "conf/output.py": """
from collections import OrderedDict
from dataclasses import fields


class ModelOutput(OrderedDict):
    def __post_init__(self):
        for field in fields(self):
            v = getattr(self, field.name)
            if v is not None:
                self[field.name] = v

    def __setattr__(self, name, value):
        if name in self.keys() and value is not None:
            super().__setitem__(name, value)
        super().__setattr__(name, value)

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        super().__setattr__(key, value)

    def __getitem__(self, k):
        return dict(self.items())[k] if isinstance(k, str) else tuple(self.values())[k]
""",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Package:
    return Package(tmp_path_factory.mktemp("conf"), FILES, "conf.model:scores", "2,5,3")


def test_both_agree(package) -> None:
    found = package.check()
    assert found["scores"].shape == (2, 5, 11)
    assert len(found["hidden"]) == 2


def test_what_fetches_weights_is_not_carried(package) -> None:
    assert "conf.download" not in package.text("conf.model")


def test_what_looks_names_up_is_carried(package) -> None:
    assert 'return getattr(self.__dict__["config"], name)' in package.text("conf.model")
