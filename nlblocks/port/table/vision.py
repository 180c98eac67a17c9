"""Operations of paddle.vision that models use: torch alone has none, so the port brings them, or refuses."""

from __future__ import annotations

from typing import Any

from nlblocks.port.table.helpers import helper
from nlblocks.port.table.row import api, attr, case, to

helper("deform_conv2d", '''
def deform_conv2d(
    x, offset, weight, bias=None, stride=1, padding=0, dilation=1, deformable_groups=1, groups=1, mask=None
):
    """A convolution that samples where the offsets, (y, x) for each tap, point to; torch alone has none."""
    (n, c, h, w), (out, _, kh, kw), (oh, ow) = x.shape, weight.shape, offset.shape[2:]
    (sh, sw), (ph, pw), (dh, dw) = (v if isinstance(v, (list, tuple)) else (v, v) for v in (stride, padding, dilation))
    near = {"dtype": x.dtype, "device": x.device}
    down = torch.arange(oh, **near)[:, None] * sh - ph + torch.arange(kh, **near)[:, None, None, None] * dh
    right = torch.arange(ow, **near) * sw - pw + torch.arange(kw, **near)[:, None, None] * dw
    offset = offset.reshape(n, deformable_groups, kh, kw, 2, oh, ow)
    down, right = down + offset[:, :, :, :, 0], right + offset[:, :, :, :, 1]
    grid = torch.stack([(2 * right + 1) / w - 1, (2 * down + 1) / h - 1], dim=-1)
    grid = grid.reshape(n * deformable_groups, kh * kw * oh, ow, 2)
    taps = F.grid_sample(x.reshape(n * deformable_groups, -1, h, w), grid, align_corners=False)
    taps = taps.reshape(n, deformable_groups, -1, kh * kw, oh, ow)
    if mask is not None:
        taps = taps * mask.reshape(n, deformable_groups, 1, kh * kw, oh, ow)
    taps = taps.reshape(n, groups, c // groups * kh * kw, oh * ow)
    y = (weight.reshape(groups, out // groups, -1) @ taps).reshape(n, out, oh, ow)
    return y if bias is None else y + bias[:, None, None]
''', "torch", "F")  # fmt: skip

helper("DeformConv2d", '''
class DeformConv2d(nn.Conv2d):
    """A deformable convolution: a convolution's weights, used where the offsets point to."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, deformable_groups=1, groups=1,
        bias=True,
    ):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.deformable_groups = deformable_groups

    def forward(self, x, offset, mask=None):
        return deform_conv2d(
            x, offset, self.weight, self.bias, self.stride, self.padding, self.dilation, self.deformable_groups,
            self.groups, mask,
        )
''', "nn", "deform_conv2d")  # fmt: skip

TAKES = "stride=1, padding=0, dilation=1, deformable_groups=1, groups=1"
SIZES = {"stride": to("stride", "pair"), "padding": to("padding", "pair"), "dilation": to("dilation", "pair")}
PLAIN: dict[str, Any] = {"x": "f2,4,5,6", "o": "f2,18,5,6", "w": "f6,4,3,3"}
LAYER = "paddle.vision.ops.DeformConv2D"

ROWS = (
    api(
        f"paddle.vision.ops.deform_conv2d(x, offset, weight, bias=None, {TAKES}, mask=None, name=None)",
        f"deform_conv2d(x, offset, weight, bias=None, {TAKES}, mask=None)",
        SIZES,
        case("paddle.vision.ops.deform_conv2d(x, o, w, padding=1)", **PLAIN),
        case("paddle.vision.ops.deform_conv2d(x, o, w, b, 1, 1, mask=m)", b="f6", m="u2,9,5,6", **PLAIN),
        case(
            "paddle.vision.ops.deform_conv2d(x, o, w, stride=2, padding=[2, 2], dilation=2, deformable_groups=2,"
            " groups=2)",
            x="f2,4,6,7",
            o="f2,36,3,4",
            w="f6,2,3,3",
        ),
        case("paddle.vision.ops.deform_conv2d(x, o * 5, w, padding=1)", **PLAIN),
    ),
    api(
        f"{LAYER}(in_channels, out_channels, kernel_size, {TAKES}, weight_attr=None, bias_attr=None)",
        f"DeformConv2d(in_channels, out_channels, kernel_size, {TAKES}, bias=True)",
        {
            "kernel_size": to("kernel_size", "pair"),
            **SIZES,
            "weight_attr": attr("weight"),
            "bias_attr": attr("bias", flag="bias"),
        },
        case("layer(x, o)", layer=f"{LAYER}(4, 6, 3, padding=1)", x="f2,4,5,6", o="f2,18,5,6"),
        case(
            "layer(x, o, m)",
            layer=f"{LAYER}(4, 6, kernel_size=3, padding=1, bias_attr=False)",
            x="f2,4,5,6",
            o="f2,18,5,6",
            m="u2,9,5,6",
        ),
        case(
            "layer(x, o)",
            layer=f"{LAYER}(4, 6, [3, 3], stride=2, padding=1, dilation=1, deformable_groups=2, groups=2)",
            x="f2,4,6,8",
            o="f2,36,3,4",
        ),
    ),
    *(
        api(
            f"paddle.vision.ops.{name}",
            None,
            {},
            notes="torch alone has none: torchvision's is close, and not the same",
        )
        for name in (
            "roi_align",
            "roi_pool",
            "nms",
            "yolo_box",
            "RoIAlign",
            "RoIPool",
            "distribute_fpn_proposals",
            "prior_box",
            "generate_proposals",
            "matrix_nms",
            "box_coder",
        )
    ),
)
