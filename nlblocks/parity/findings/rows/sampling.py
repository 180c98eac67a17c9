"""Pooling, resizing, padding and what moves elements to places."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

SAMPLING = {
    "max_pool.kernel": Cause(
        "the window of max pooling",
        mend="give both the same kernel_size=",
        shows="other values, and mostly another extent",
    ),
    "max_pool.stride": Cause(
        "the stride of max pooling",
        mend="give both the same stride=; left out, it is the window's size",
        shows="an output of another extent",
    ),
    "max_pool.padding": Cause(
        "the padding of max pooling",
        mend="give both the same padding=",
        shows="an output of another extent, or shifted",
    ),
    "max_pool.ceil_mode": Cause(
        "max pooling rounding extents up or down",
        mend="give both the same ceil_mode=; crop the window that Paddle adds where the stride exceeds the window",
        shows=(
            "an output that is larger by a row and a column where the extents do not divide, and the same where they do"
        ),
    ),
    "max_pool.dilation": Cause(
        "the dilation of max pooling",
        mend="take dilation= out of torch's, or pool unfolded windows in Paddle, whose layers have no dilation",
        shows="other values, and mostly another extent",
    ),
    "avg_pool.kernel": Cause(
        "the window of average pooling",
        mend="give both the same kernel_size=",
        shows="other values, and mostly another extent",
    ),
    "avg_pool.stride": Cause(
        "the stride of average pooling",
        mend="give both the same stride=; left out, it is the window's size",
        shows="an output of another extent",
    ),
    "avg_pool.padding": Cause(
        "the padding of average pooling",
        mend="give both the same padding=",
        shows="an output of another extent, or shifted",
    ),
    "avg_pool.ceil_mode": Cause(
        "average pooling rounding extents up or down",
        mend="give both the same ceil_mode=",
        shows=(
            "an output that is larger by a row and a column where the extents do not divide, and the same where they do"
        ),
    ),
    "avg_pool.count_include_pad": Cause(
        "average pooling counting its padding or not",
        mend="give Paddle's exclusive=False, or torch's count_include_pad=False: their defaults differ",
        shows="outputs differ along the borders, by the share of the window that is padding, and agree inside",
    ),
    "pool.kind": Cause(
        "max pooling on one side, average pooling on the other",
        mend="use the same pooling on both sides",
        shows="outputs differ everywhere; every shape fits",
    ),
    "interpolate.align_corners": Cause(
        "align_corners of resizing",
        mend="give both the same align_corners=",
        shows="outputs differ, by more toward the borders; every shape fits",
    ),
    "interpolate.mode": Cause(
        "the mode of resizing: nearest, bilinear, ...",
        mend="give both the same mode=",
        shows="outputs differ where the image varies; every shape fits",
    ),
    "interpolate.size": Cause(
        "the size or scale of resizing",
        mend="give both the same size= or scale_factor=",
        shows="an output of another extent, or, where two scales round to one extent, shifted by part of a pixel",
    ),
    "interpolate.align_mode": Cause(
        "resizing without half a pixel: Paddle's align_mode=1 reads at i * scale",
        mend="leave Paddle's align_mode= at 0 (half pixels); torch has no other, but for nearest",
        shows="the whole output is shifted by up to half a pixel",
    ),
    "interpolate.extent_one": Cause(
        "resizing to an extent of 1: Paddle reads the first element, torch the middle",
        mend="take the mean, or the middle element, by hand on both sides where an extent becomes 1",
        shows="outputs differ where an axis gets the extent 1; others agree",
    ),
    "interpolate.antialias": Cause(
        "resizing that smooths what it shrinks, on one side only",
        mend="give both the same antialias=",
        shows="outputs differ where the image shrinks, and agree where it grows",
    ),
    "grid_sample.align_corners": Cause(
        "align_corners of grid_sample",
        mend="write align_corners= on both sides: left out, it is False in torch and True in Paddle",
        shows="outputs differ, by more toward the borders",
    ),
    "grid_sample.mode": Cause(
        "the interpolation of grid_sample",
        mend="give both the same mode=",
        shows="outputs differ between the pixels",
    ),
    "grid_sample.padding_mode": Cause(
        "what grid_sample reads outside the image",
        mend="give both the same padding_mode=",
        shows="outputs differ where points lie outside the image",
    ),
    "affine_grid.align_corners": Cause(
        "align_corners of affine_grid",
        mend="write align_corners= on both sides: left out, it is False in torch and True in Paddle",
        shows="points differ, by more toward the borders",
    ),
    "pad.mode": Cause(
        "the mode of padding",
        mend="give both the same mode=",
        shows="outputs differ along the borders, as deep as the padding reaches",
    ),
    "pad.value": Cause(
        "the value that is padded with",
        mend="give both the same value=; left out, it is 0",
        shows="outputs differ along the borders, by a constant",
    ),
    "pad.sides": Cause(
        "the sides or axes that are padded",
        mend="pad the same axes: torch counts from the last, Paddle from the first where it is given amounts for all",
        shows="an output of other extents, or shifted along an axis",
    ),
    "scatter.broadcast": Cause(
        "an index that is spread over the other axes on one side only",
        mend="give Paddle's put_along_axis broadcast=False, or expand torch's index: scatter does not broadcast it",
        shows="numbers are written to every row on one side, and to the rows of the index alone on the other",
    ),
    "scatter.reduce": Cause(
        "what is written to a place twice, or over what was there",
        mend='assign or add on both sides (torch: scatter_add, Paddle: reduce="add")',
        shows="outputs differ where an index occurs twice, or where the place was not empty",
    ),
    "scatter.axis": Cause(
        "the axis of a scatter",
        mend="name the same axis (torch: dim=, Paddle: axis=)",
        shows="numbers at other places, or an index out of bounds",
    ),
    "gather.axis": Cause(
        "the axis of a gather",
        mend="name the same axis (torch: dim=, Paddle: axis=)",
        shows="other numbers, or an index out of bounds",
    ),
    "pixel_shuffle.order": Cause(
        "another order of channels in pixel shuffle",
        mend="use the framework's own pixel_shuffle on both sides, or the same order of axes by hand",
        shows="outputs hold the same numbers in other places; every shape fits, and images look shredded",
    ),
}
