"""Convolutions, pools, padding and resizing: windows and sides as the lab's vocabulary writes them."""

from __future__ import annotations

from typing import Any

from nlblocks.exchange.side.reading import At, Read, numbers_of

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
CUBIC = -0.75
"""The coefficient of cubic interpolation in both frameworks."""


def _window(at: At, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Stride, dilation and padding of a window, worked out where the file says "same"."""
    n = len(kernel)
    stride, dilation = (numbers_of(at.attr(name, [1] * n)) for name in ("strides", "dilations"))
    auto = at.attr("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for size, k, s, d in zip(at.x.shape[2:], kernel, stride, dilation, strict=True):
            total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
            less, more = total // 2, total - total // 2
            pairs.append((less, more) if auto == "SAME_UPPER" else (more, less))
        padding = tuple(pairs)
    else:
        padding = sides(numbers_of(at.attr("pads", [0] * 2 * n)) if auto != "VALID" else (0,) * 2 * n)
    return {"stride": stride, "padding": padding, "dilation": dilation}


def sides(pads: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """[before, before, after, after] as (before, after) per axis."""
    n = len(pads) // 2
    return tuple((pads[i], pads[n + i]) for i in range(n))


def conv(at: At) -> Read:
    weight = at.arrays[1]
    assert weight is not None
    return Read(at.given(), {**_window(at, weight.shape[2:]), "groups": int(at.attr("group", 1))})


def conv_transpose(at: At) -> Read:
    weight = at.arrays[1]
    assert weight is not None
    n = weight.ndim - 2
    attrs = {**_window(at, weight.shape[2:]), "groups": int(at.attr("group", 1))}
    attrs["output_padding"] = numbers_of(at.attr("output_padding", [0] * n))
    shape = at.attr("output_shape")
    if shape is not None:
        attrs["size"] = numbers_of(shape)
    return Read(at.given(), attrs)


def max_pool(at: At) -> Read:
    kernel = numbers_of(at.attr("kernel_shape"))
    return Read([0], {"kernel": kernel, **_window(at, kernel), "ceil_mode": bool(at.attr("ceil_mode", 0))})


def avg_pool(at: At) -> Read:
    kernel = numbers_of(at.attr("kernel_shape"))
    window = _window(at, kernel)
    if set(window["dilation"]) == {1}:
        del window["dilation"]
    counted = bool(at.attr("count_include_pad", 0))
    return Read(
        [0], {"kernel": kernel, **window, "ceil_mode": bool(at.attr("ceil_mode", 0)), "count_include_pad": counted}
    )


def global_pool(at: At) -> Read:
    return Read([0], {"size": 1})


def pad(at: At) -> Read:
    """[before of each axis, after of each axis], of all or some axes, as (before, after) from the last axis on."""
    pads = at.known(1) if len(at.arrays) > 1 else at.attr("pads")
    axes = at.known(3) or list(range(at.x.ndim))
    if pads is None:
        return Read(at.given(), name="Pad.computed")
    pairs = {axis % at.x.ndim: pair for axis, pair in zip(axes, sides(numbers_of(pads)), strict=True)}
    found = [pairs.get(axis, (0, 0)) for axis in reversed(range(at.x.ndim))]
    while len(found) > 1 and found[-1] == (0, 0):
        found.pop()
    mode = str(at.attr("mode", "constant"))
    mode = {"edge": "replicate", "wrap": "circular"}.get(mode, mode)
    value = at.known(2) if at.array(2) is not None else at.attr("value", 0.0)
    attrs = {"pad": tuple(n for pair in found for n in pair), "mode": mode}
    return Read([0], attrs | ({"fill": float(value or 0.0)} if mode == "constant" else {}))


def resize(at: At) -> Read:
    """Resize: sizes or scales, and between which elements it reads."""
    scales, sizes = at.known(2 if at.version >= 11 else 1), at.known(3)
    mode, where = str(at.attr("mode", "nearest")), str(at.attr("coordinate_transformation_mode", "half_pixel"))
    n = at.spatial
    attrs: dict[str, Any] = {}
    if sizes:
        attrs["size"] = tuple(int(size) for size in sizes[-n:])
    elif scales:
        attrs["scale"] = tuple(float(scale) for scale in scales[-n:])
    if at.version < 11:
        where = "asymmetric"
    aligned = where == "align_corners"
    if mode == "nearest":
        rounding = str(at.attr("nearest_mode", "round_prefer_floor")) if at.version >= 11 else "floor"
        ours = {("asymmetric", "floor"): "nearest", ("half_pixel", "round_prefer_floor"): "nearest-exact"}
        attrs |= {"mode": ours.get((where, rounding), f"nearest ({where}, {rounding})"), "align_corners": None}
        return Read([0], attrs)
    name = LINEAR.get(n, mode) if mode == "linear" else "bicubic"
    usual = aligned or where in ("half_pixel", "pytorch_half_pixel")
    if mode == "cubic" and at.attr("cubic_coeff_a", CUBIC) != CUBIC:
        name = f"{name} ({at.attr('cubic_coeff_a')})"
    attrs |= {"mode": name if usual else f"{name} ({where})", "align_corners": aligned}
    return Read([0], attrs | {"antialias": bool(at.attr("antialias", 0))})


def grid_sample(at: At) -> Read:
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(str(at.attr("mode", "bilinear")), str(at.attr("mode")))
    attrs = {"mode": mode, "padding_mode": str(at.attr("padding_mode", "zeros"))}
    return Read([0, 1], {**attrs, "align_corners": bool(at.attr("align_corners", 0))})


def depth_to_space(at: At) -> Read:
    order = "space_first" if at.attr("mode", "DCR") == "DCR" else "channels_first"
    return Read([0], {"factor": int(at.attr("blocksize")), "order": order})
