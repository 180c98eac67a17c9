"""What every layer has: its parts, parameters, buffers, state and hooks."""

from __future__ import annotations

from nlblocks.port.table.row import api, attr, case, dropped, only, to, when

NET = """
class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 4)
        {}

    def forward(self, x):
        return {}

Net()
"""
STACK = "nn.Sequential(nn.Linear(5, 4), nn.Sequential(nn.ReLU()))"


def net(init: str, forward: str) -> str:
    """A layer with a linear part, one line more in its constructor, and what it computes."""
    return NET.format(init, forward)


ROWS = (
    api(
        "paddle.nn.Layer(name_scope=None, dtype='float32')",
        "nn.Module()",
        {"name_scope": dropped("a label of static graphs"), "dtype": only("float32", None)},
        case(layer=net("pass", "self.fc(x)")),
        also="Layer.__init__",
    ),
    api(
        "Layer.add_sublayer(name, sublayer)",
        "{self}.add_module({name}, {sublayer})",
        {},
        case("layer.add_sublayer('last', nn.ReLU())\nlayer(x)", layer="nn.Sequential(nn.Linear(5, 4))"),
        case("last = layer.add_sublayer('a.b', nn.ReLU())\nlast(layer(x))", layer="nn.Sequential(nn.Linear(5, 4))"),
        rule="add_sublayer",
    ),
    api(
        "Layer.create_parameter(shape, attr=None, dtype=None, is_bias=False, default_initializer=None, device=None)",
        "nn.Parameter(torch.zeros({shape}))",
        {
            "shape": to("shape", "shape"), "attr": attr("weight"), "is_bias": only(False, True),
            "dtype": only(None, "float32"), "default_initializer": attr("weight"), "device": only(None),
        },
        case(layer=net("self.w = self.create_parameter([3, 4], is_bias=True)", "self.fc(x) + self.w.sum()")),
        case(layer=net("self.w = self.create_parameter(shape=(3, 4), default_initializer=nn.initializer.Constant(2.0))",
                       "self.fc(x) + self.w.sum()")),
        case(layer=net("self.w = self.create_parameter([3, 4], default_initializer=nn.initializer.Constant(0.0))",
                       "self.fc(x) + self.w.sum()")),
        case(layer=net("self.fc.bias = self.create_parameter([4], default_initializer=nn.initializer.Constant(0.0))",
                       "self.fc(x)")),
        case(layer=net("self.w = self.create_parameter([3, 4], dtype='float64')", "self.fc(x) + self.w.sum()")),
        case(layer=net("self.w = self.create_parameter([3, 4], attr=paddle.ParamAttr(initializer="
                       "nn.initializer.Uniform(-0.5, 0.5)))", "self.fc(x) + self.w.sum()")),
        variants=(
            when("nn.Parameter(torch.zeros({shape}))", dtype=(None, "float32")),
            when("nn.Parameter(torch.zeros({shape}, dtype={dtype}))", {"dtype": to("dtype", "dtype")}, dtype="given"),
        ),
        rule="create_parameter",
    ),
    api(
        "Layer.add_parameter(name, parameter)",
        "{self}.register_parameter(name, param)",
        {"parameter": "param"},
        case(layer=net("self.add_parameter('w', self.create_parameter([4]))", "self.fc(x) + self.w")),
        case(layer=net("self.add_parameter(name='w', parameter=None)", "self.fc(x)")),
    ),
    api(
        "Layer.register_buffer(name, tensor, persistable=True)",
        "{self}.register_buffer(name, tensor, persistent=True)",
        {"persistable": "persistent"},
        case(layer=net("self.register_buffer('b', paddle.ones([4], dtype='float64'))", "self.fc(x) + self.b")),
        case(layer=net("self.register_buffer('b', paddle.ones([4], dtype='float64'), persistable=False)",
                       "self.fc(x) + self.b")),
    ),
    api(
        "Layer.sublayers(include_self=False)",
        "list({self}.modules())[1:]",
        {"include_self": only(False)},
        case("[type(m).__name__ for m in layer.sublayers()]", layer=STACK, grad=False),
        case("len(layer.sublayers(include_self=True))", layer=STACK, grad=False),
        variants=(),
        rule="sublayers",
    ),
    api(
        "Layer.named_sublayers(prefix='', include_self=False, layers_set=None, remove_duplicate=True)",
        "list({self}.named_modules())[1:]",
        {"prefix": only(""), "include_self": only(False), "layers_set": only(None),
         "remove_duplicate": only(True)},
        case("[name for name, m in layer.named_sublayers()]", layer=STACK, grad=False),
        case("[name for name, m in layer.named_sublayers(include_self=True)]", layer=STACK, grad=False),
        rule="sublayers",
    ),
    api(
        "Layer.parameters(include_sublayers=True)",
        "{self}.parameters(recurse=True)",
        {"include_sublayers": "recurse"},
        case("len(layer.parameters())", layer=STACK, grad=False),
        case("len(layer.parameters(include_sublayers=False))", layer=STACK, grad=False),
        case("for p in layer.parameters():\n    p.trainable = False\nlayer(x).sum()", layer=STACK),
        case("[p.ndim for p in layer.parameters()]", layer=STACK, grad=False),
        rule="iterated",
    ),
    api(
        "Layer.set_state_dict(state_dict, use_structured_name=True)",
        "{self}.load_state_dict({state_dict}, strict=False)",
        {"use_structured_name": only(True)},
        case("layer.set_state_dict(layer.state_dict())\nlayer(x)", layer="nn.Sequential(nn.Linear(5, 4))"),
        also="Layer.load_dict Layer.set_dict",
    ),
    api(
        "Layer.register_forward_post_hook(hook)",
        "{self}.register_forward_hook(hook)",
        {},
        case("layer.register_forward_post_hook(lambda m, args, out: out * 2)\nlayer(x)", layer="nn.Linear(5, 4)"),
    ),
    api(
        "Layer.clear_gradients(set_to_zero=True)",
        "{self}.zero_grad()",
        {"set_to_zero": dropped("an absent gradient and one of zeros do the same to an optimiser")},
        case("layer.clear_gradients()\nlayer(x)", layer="nn.Linear(5, 4)"),
    ),
    api(
        "Layer.full_name()",
        "type({self}).__name__.lower()",
        {},
        case("len(layer.full_name()) > 0", layer=STACK, grad=False),
        notes="a label: Paddle's carries a number that depends on what was built before",
    ),
    api("Layer._sub_layers", "{self}._modules", {}, case("list(layer._sub_layers)", layer=STACK, grad=False)),
)  # fmt: skip
