"""Functions of paddle.nn.functional."""

from __future__ import annotations

from nlblocks.port.table.row import api, case, only, to, when

ROWS = (
    api(
        "paddle.nn.functional.interpolate(x, size=None, scale_factor=None, mode='nearest', align_corners=False,"
        " align_mode=0, data_format=None, recompute_scale_factor=None, antialias=False, name=None)",
        "F.interpolate(input, size=None, scale_factor=None, mode='nearest', align_corners=None)",
        {
            "x": "input", "size": to("size", "items"), "scale_factor": to("scale_factor", "items"),
            "align_mode": only(0), "data_format": only("NCHW", None), "recompute_scale_factor": only(None, False), "antialias": only(False),
        },
        case("F.interpolate(x, size=[8, 10], mode='bilinear')"),
        case("F.interpolate(x, size=(8, 10), mode='bilinear', align_corners=True)", held=True),
        case("F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False, data_format='NCHW')"),
        case("F.interpolate(x, scale_factor=2)"),
        case("F.interpolate(x, [8, 5], mode='nearest')"),
        case("F.interpolate(x, x.shape[2:], mode='bilinear')"),
        also="paddle.nn.functional.upsample",
        notes="the ratio of the sizes is held as float32",
        variants=(
            when("F.interpolate(input, size=None, scale_factor=None, mode='nearest')", {"align_corners": only(False)},
                 mode=("nearest", "area")),
        ),
    ),
)  # fmt: skip
