"""What layers can do under the same name in both frameworks."""

from __future__ import annotations

from nlblocks.port.table.row import Row, api, case, only

STACK = "nn.Sequential(nn.Linear(5, 4), nn.Sequential(nn.ReLU(), nn.Dropout(0.5)))"
DEEP = {"include_sublayers": "recurse", "remove_duplicate": "remove_duplicate"}


def _listed(name: str, what: str) -> Row:
    return api(
        f"Layer.{name}(prefix='', include_sublayers=True, remove_duplicate=True)",
        f"{{self}}.{name}(prefix='', recurse=True, remove_duplicate=True)",
        DEEP,
        case(f"[name for name, _ in layer.{name}()]", layer=what, grad=False),
        case(f"[name for name, _ in layer.{name}(include_sublayers=False)]", layer=what, grad=False),
        case(f"[name for name, _ in layer.{name}('a')]", layer=what, grad=False),
        case(f"[name for name, _ in layer.{name}(remove_duplicate=False)]", layer=what, grad=False),
    )


ROWS = (
    api("Layer.eval()", "{self}.eval()", {}, case("layer.eval()\nlayer(x)", layer=STACK), rule="evaluation"),
    api(
        "Layer.train(mode=True)",
        "{self}.train(mode=True)",
        {},
        case("layer.eval()\nlayer.train()\nlayer.training", layer=STACK, grad=False),
        case("layer.train(mode=False)\nlayer(x)", layer=STACK),
    ),
    api("Layer.training", "{self}.training", {}, case("layer.training", layer=STACK, grad=False)),
    api(
        "Layer.apply(fn)",
        "{self}.apply(fn)",
        {},
        case("seen = []\nlayer.apply(lambda m: seen.append(type(m).__name__))\nseen", layer=STACK, grad=False),
    ),
    api(
        "Layer.children()",
        "{self}.children()",
        {},
        case("[type(m).__name__ for m in layer.children()]", layer=STACK, grad=False),
    ),
    api(
        "Layer.named_children()",
        "{self}.named_children()",
        {},
        case("[n for n, _ in layer.named_children()]", layer=STACK, grad=False),
    ),
    _listed("named_parameters", STACK),
    _listed("named_buffers", "nn.Sequential(nn.Linear(5, 4))"),
    api(
        "Layer.buffers(include_sublayers=True)",
        "list({self}.buffers(recurse={include_sublayers}))",
        {},
        case("len(layer.buffers(include_sublayers=False))", layer="nn.Sequential(nn.BatchNorm2D(4))", grad=False),
        case("len(layer.buffers())", layer=STACK, grad=False),
    ),
    api(
        "Layer.state_dict(destination=None, include_sublayers=True, structured_name_prefix='', use_hook=True)",
        "{self}.state_dict()",
        {
            "destination": only(None),
            "include_sublayers": only(True),
            "structured_name_prefix": only(""),
            "use_hook": only(True),
        },
        case("sorted(layer.state_dict())", layer=STACK, grad=False),
        case("layer.set_state_dict(layer.state_dict())\nlayer.eval()\nlayer(x)", layer=STACK),
    ),
    api(
        "Layer.register_forward_pre_hook(hook)",
        "{self}.register_forward_pre_hook(hook)",
        {},
        case("layer.register_forward_pre_hook(lambda m, args: (args[0] * 2,))\nlayer(x)", layer="nn.Linear(5, 4)"),
    ),
    api("Layer.forward(*inputs)", "{self}.forward(*inputs)", {}, case("layer.forward(x)", layer="nn.Linear(5, 4)")),
)
