"""Pooling, resizing, padding and what moves elements to places."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

# fmt: off
SAMPLING = {
    "max_pool.kernel": Cause("the window of max pooling", "give both the same kernel_size="),
    "max_pool.stride": Cause("the stride of max pooling",
        "give both the same stride=; left out, it is the window's size"),
    "max_pool.padding": Cause("the padding of max pooling", "give both the same padding="),
    "max_pool.ceil_mode": Cause("max pooling rounding extents up or down",
        "give both the same ceil_mode=; crop the window that Paddle adds where the stride exceeds the window"),
    "max_pool.dilation": Cause("the dilation of max pooling",
        "take dilation= out of torch's, or pool unfolded windows in Paddle, whose layers have no dilation"),
    "avg_pool.kernel": Cause("the window of average pooling", "give both the same kernel_size="),
    "avg_pool.stride": Cause("the stride of average pooling",
        "give both the same stride=; left out, it is the window's size"),
    "avg_pool.padding": Cause("the padding of average pooling", "give both the same padding="),
    "avg_pool.ceil_mode": Cause("average pooling rounding extents up or down", "give both the same ceil_mode="),
    "avg_pool.count_include_pad": Cause("average pooling counting its padding or not",
        "give Paddle's exclusive=False, or torch's count_include_pad=False: their defaults differ"),
    "pool.kind": Cause("max pooling on one side, average pooling on the other", "use the same pooling on both sides"),
    "interpolate.align_corners": Cause("align_corners of resizing", "give both the same align_corners="),
    "interpolate.mode": Cause("the mode of resizing: nearest, bilinear, ...", "give both the same mode="),
    "interpolate.size": Cause("the size or scale of resizing", "give both the same size= or scale_factor="),
    "interpolate.align_mode": Cause("resizing without half a pixel: Paddle's align_mode=1 reads at i * scale",
        "leave Paddle's align_mode= at 0 (half pixels); torch has no other, but for nearest"),
    "interpolate.extent_one": Cause("resizing to an extent of 1: Paddle reads the first element, torch the middle",
        "take the mean, or the middle element, by hand on both sides where an extent becomes 1"),
    "interpolate.antialias": Cause("resizing that smooths what it shrinks, on one side only",
        "give both the same antialias="),
    "grid_sample.align_corners": Cause("align_corners of grid_sample",
        "write align_corners= on both sides: left out, it is False in torch and True in Paddle"),
    "grid_sample.mode": Cause("the interpolation of grid_sample", "give both the same mode="),
    "grid_sample.padding_mode": Cause("what grid_sample reads outside the image", "give both the same padding_mode="),
    "affine_grid.align_corners": Cause("align_corners of affine_grid",
        "write align_corners= on both sides: left out, it is False in torch and True in Paddle"),
    "pad.mode": Cause("the mode of padding", "give both the same mode="),
    "pad.value": Cause("the value that is padded with", "give both the same value=; left out, it is 0"),
    "pad.sides": Cause("the sides or axes that are padded",
        "pad the same axes: torch counts from the last, Paddle from the first where it is given amounts for all"),
    "scatter.broadcast": Cause("an index that is spread over the other axes on one side only",
        "give Paddle's put_along_axis broadcast=False, or expand torch's index: scatter does not broadcast it"),
    "scatter.reduce": Cause("what is written to a place twice, or over what was there",
        "assign or add on both sides (torch: scatter_add, Paddle: reduce=\"add\")"),
    "scatter.axis": Cause("the axis of a scatter", "name the same axis (torch: dim=, Paddle: axis=)"),
    "gather.axis": Cause("the axis of a gather", "name the same axis (torch: dim=, Paddle: axis=)"),
    "pixel_shuffle.order": Cause("another order of channels in pixel shuffle",
        "use the framework's own pixel_shuffle on both sides, or the same order of axes by hand"),
}
# fmt: on
