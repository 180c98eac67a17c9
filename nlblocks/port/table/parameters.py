"""Parameters made and filled by hand, and layers that are changed in place."""

from __future__ import annotations

from nlblocks.port.table.helpers import helper
from nlblocks.port.table.row import Check, Fates, Row, api, case, only

helper("SpectralNorm", '''
class SpectralNorm(nn.Module):
    """Divides a weight by its largest singular value; two vectors of its own, which stay, begin the estimate."""

    def __init__(self, weight_shape, dim=0, power_iters=1, eps=1e-12):
        super().__init__()
        self.dim, self.power_iters, self.eps = dim, power_iters, eps
        height = weight_shape[dim]
        self.weight_u = nn.Parameter(torch.randn(height), requires_grad=False)
        self.weight_v = nn.Parameter(torch.randn(math.prod(weight_shape) // height), requires_grad=False)

    def forward(self, x):
        matrix = x.movedim(self.dim, 0).flatten(1)
        u, v = self.weight_u, self.weight_v
        with torch.no_grad():
            for _ in range(self.power_iters):
                v = matrix.t() @ u
                v = v / (v.norm() + self.eps)
                u = matrix @ v
                u = u / (u.norm() + self.eps)
        return x / (u @ matrix @ v)
''', "torch", "nn", "math")  # fmt: skip

FANS: Fates = {"fan_in": only(None), "fan_out": only(None)}


def _filled(name: str, takes: str, call: str, check: Check = "distribution", fates: Fates | None = None) -> Row:
    own = "tensor, gain=1.0, fan_in=None, fan_out=None" if fates else takes
    return api(
        f"paddle.nn.init.{name}({own})",
        f"nn.init.{name}({takes})",
        fates or {},
        case(f"w = nn.Parameter(paddle.zeros([60, 50]))\nnn.init.{name}({call})\nw", grad=False, check=check),
    )


ROWS = (
    api(
        "paddle.nn.Parameter(data=None, requires_grad=True)",
        "nn.Parameter(data=None, requires_grad=True)",
        {},
        case("nn.Parameter(paddle.ones([2, 3])) * 2"),
        case("w = nn.Parameter(paddle.ones([2, 3]), requires_grad=False)\nw * 2", grad=False),
    ),
    _filled("zeros_", "tensor", "w", "values"),
    _filled("ones_", "tensor", "w", "values"),
    _filled("constant_", "tensor, val", "w, 2.5", "values"),
    _filled("normal_", "tensor, mean=0.0, std=1.0", "w, mean=0.5, std=0.02"),
    _filled("uniform_", "tensor, a=0.0, b=1.0", "w, -1, 1"),
    _filled("xavier_uniform_", "tensor, gain=1.0", "w, gain=2.0", fates=FANS),
    _filled("xavier_normal_", "tensor, gain=1.0", "w, gain=2.0", fates=FANS),
    _filled("trunc_normal_", "tensor, mean=0.0, std=1.0, a=-2.0, b=2.0", "w, 0.5, 2.0, -1.0, 1.0"),
    api(
        "paddle.nn.SyncBatchNorm.convert_sync_batchnorm(layer)",
        "nn.SyncBatchNorm.convert_sync_batchnorm(module)",
        {"layer": "module"},
        case(
            "len(list(nn.SyncBatchNorm.convert_sync_batchnorm(layer).children()))",
            layer="nn.Sequential(nn.BatchNorm2D(3))",
            grad=False,
        ),
    ),
    api(
        "paddle.nn.utils.spectral_norm(layer, name='weight', n_power_iterations=1, eps=1e-12, dim=None)",
        "nn.utils.spectral_norm(module, name='weight', n_power_iterations=1, eps=1e-12, dim=None)",
        {"layer": "module"},
        case(layer="nn.utils.spectral_norm(nn.Conv2D(3, 4, 3), name='weight', eps=1e-3, dim=1)"),
        case("layer.eval()\nlayer(x)", layer="nn.utils.spectral_norm(nn.Conv2D(3, 4, 3))"),
        case(layer="nn.utils.spectral_norm(nn.Conv2D(3, 4, 3), n_power_iterations=2)"),
    ),
    api(
        "paddle.nn.utils.weight_norm(layer, name='weight', dim=0)",
        None,
        {},
        also="paddle.nn.utils.remove_weight_norm",
        notes="Paddle keeps the norms in another shape",
    ),
    api(
        "paddle.nn.SpectralNorm(weight_shape, dim=0, power_iters=1, eps=1e-12, dtype='float32')",
        "SpectralNorm(weight_shape, dim=0, power_iters=1, eps=1e-12)",
        {"dtype": only("float32", "float64")},
        case(layer="nn.SpectralNorm([3, 4, 5], dim=1, power_iters=2, eps=1e-3)", x="f3,4,5", grad=False, held=True),
        case("layer(x) + layer(x)", layer="nn.SpectralNorm(weight_shape=[4, 3])", x="f4,3", grad=False),
        case("layer.eval()\nlayer(x)", layer="nn.SpectralNorm([4, 3])", x="f4,3", grad=False),
        notes="Paddle's own gradient is not the derivative of what it computes, also where the estimate is exact",
    ),
)
