"""Operators that pad an image or change its size."""

from __future__ import annotations

from typing import Any

from engines.torch_ops.table import Op, operator

_PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


@operator("Pad")
def pad(op: Op) -> Any:
    """Put a border around: one number, the mirror image, the edge, or the other side."""
    rank = len(op.dims())
    given = op.ints(1, "pads")
    axes = [axis % rank for axis in op.ints(3, default=range(rank))]
    pads = [0] * 2 * rank
    for place, axis in enumerate(axes):
        back = 2 * (rank - 1 - axis)
        pads[back], pads[back + 1] = given[place], given[place + len(axes)]
    mode = _PAD_MODES[op.attr("mode", "constant")]
    value = op.weight(2)
    function = op.torch.nn.functional.pad
    if mode == "constant":
        while pads and pads[-2:] == [0, 0]:
            del pads[-2:]
        number = 0 if value is None else value.item()
        return op.call(function, op.tensor(0), pads, value=number) if pads else op.tensor(0)
    inner = 2 * min(max(rank - 2, 1), 3)
    if any(pads[inner:]) or min(pads) < 0 or rank < 2:
        op.refuse(f"mode {op.attr('mode')} on the first two axes, or negative")
    return op.call(function, op.tensor(0), pads[:inner], mode=mode)


@operator("Resize")
def resize(op: Op) -> Any:
    """Where it is the same as PyTorch's; refused where it is not."""
    rank = len(op.dims())
    axes = [axis % rank for axis in op.attr("axes") or range(rank)]
    scales, sizes = op.weight(2), op.sizes(3)
    if scales is not None and not scales.numel():
        scales = None
    if op.attr("antialias", 0) or op.attr("exclude_outside", 0) or (op.has(1) and _roi(op)):
        op.refuse("antialias, exclude_outside or a region")
    if op.attr("keep_aspect_ratio_policy", "stretch") != "stretch":
        op.refuse("keep_aspect_ratio_policy other than stretch")
    image = range(2, rank)
    options: dict[str, Any] = {}
    if scales is not None:
        factors = dict(zip(axes, scales.tolist(), strict=True))
        if any(factors.get(axis, 1.0) != 1.0 for axis in (0, 1)):
            op.refuse("scales of the first two axes")
        options["scale_factor"] = [factors.get(axis, 1.0) for axis in image]
        bigger = all(float(each).is_integer() for each in options["scale_factor"])
    else:
        lengths = dict(zip(axes, sizes or [], strict=True))
        options["size"] = [lengths[axis] if axis in lengths else op.size(0, axis) for axis in image]
        bigger = all(
            isinstance(new, int) and old is not None and new % old == 0
            for new, old in zip(options["size"], op.dims()[2:], strict=True)
        )
    return op.call(
        op.torch.nn.functional.interpolate, op.tensor(0), **options, **_mode(op, rank - 2, bigger)
    )


def _roi(op: Op) -> bool:
    return bool(op.attr("coordinate_transformation_mode") == "tf_crop_and_resize")


def _mode(op: Op, image_axes: int, bigger: bool) -> dict[str, Any]:
    """Return PyTorch's name for what the attributes say; ``bigger``: by whole factors only."""
    mode = op.attr("mode", "nearest")
    places = op.attr("coordinate_transformation_mode", "half_pixel")
    if mode == "nearest":
        rounding = op.attr("nearest_mode", "round_prefer_floor")
        if places == "asymmetric" and (rounding == "floor"):
            return {"mode": "nearest"}
        exact = rounding == "round_prefer_ceil" or (rounding == "round_prefer_floor" and bigger)
        if places in ("half_pixel", "pytorch_half_pixel") and exact:
            return {"mode": "nearest-exact"}
        op.refuse(f"nearest with {places} and {rounding}")
    if mode == "cubic" and (image_axes != 2 or op.attr("cubic_coeff_a", -0.75) != -0.75):
        op.refuse("cubic other than of images with -0.75")
    if image_axes not in _LINEAR or places not in (
        "half_pixel", "pytorch_half_pixel", "align_corners",
    ):  # fmt: skip
        op.refuse(f"{mode} with {places} along {image_axes} axes")
    name = "bicubic" if mode == "cubic" else _LINEAR[image_axes]
    return {"mode": name, "align_corners": places == "align_corners"}
