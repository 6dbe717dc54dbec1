import gc

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from realtime_mer.sources import open_source
from realtime_mer.sources.picture import REREAD, Orientation, Upright, fit, orientation_of

COLOURS = np.array(
    [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 128, 128],
     [200, 150, 120], [30, 60, 90]], np.uint8,
)  # fmt: skip
PATCHES = COLOURS[None].repeat(64, 0).repeat(16, 1)
FULL, LIMITED = ColorRange.JPEG, ColorRange.MPEG


def as_yuv(pixels: str, matrix: Colorspace, colour_range: ColorRange) -> av.VideoFrame:
    rgb = av.VideoFrame.from_ndarray(PATCHES, format="rgb24")
    return VideoReformatter().reformat(
        rgb, format=pixels, dst_colorspace=matrix, dst_color_range=colour_range
    )


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le"])
@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709, Colorspace.BT2020])
@pytest.mark.parametrize("colour_range", [FULL, LIMITED])
def test_colours_survive_every_matrix_and_range(pixels, matrix, colour_range):
    image, fitted = Upright().convert(as_yuv(pixels, matrix, colour_range))
    assert not fitted
    assert np.abs(image[32, 8::16].astype(int) - COLOURS).max() <= 3


def test_an_undeclared_matrix_is_bt601_limited():
    frame = as_yuv("yuv444p", Colorspace.ITU601, LIMITED)
    bare = av.VideoFrame(frame.width, frame.height, "yuv444p")
    for plane, source in zip(bare.planes, frame.planes, strict=True):
        plane.update(bytes(source))
    image, _ = Upright().convert(bare)
    assert np.abs(image[32, 8::16].astype(int) - COLOURS).max() <= 3


@pytest.mark.parametrize(
    ("pixels", "dtype", "scale"), [("gray", np.uint8, 1), ("gray16le", np.uint16, 257)]
)
def test_grey_keeps_its_values(pixels, dtype, scale):
    ramp = np.arange(256, dtype=dtype)[None].repeat(16, 0) * dtype(scale)
    image, _ = Upright().convert(av.VideoFrame.from_ndarray(ramp, format=pixels))
    assert image.shape == (16, 256, 3)
    assert np.abs(image[8].astype(int) - np.arange(256)[:, None]).max() <= 1


@pytest.mark.parametrize("pixels", ["rgba", "bgra", "bgr24", "rgb48le", "gbrp"])
def test_rgb_in_other_clothes(pixels):
    rgb = av.VideoFrame.from_ndarray(PATCHES, format="rgb24")
    image, _ = Upright().convert(VideoReformatter().reformat(rgb, format=pixels))
    assert np.array_equal(image, PATCHES)


@pytest.mark.parametrize("width", [1, 5, 21, 64])
def test_contiguous_whatever_the_width(width):
    picture = np.random.default_rng(0).integers(0, 256, (7, width, 3), np.uint8)
    image, _ = Upright().convert(av.VideoFrame.from_ndarray(picture, format="rgb24"))
    assert image.flags.c_contiguous
    assert np.array_equal(image, picture)


UNIT = 1 << 16


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("sign_x", [1, -1])
@pytest.mark.parametrize("sign_y", [1, -1])
def test_orientation_is_the_matrix(transpose, sign_x, sign_y):
    """Each stored point must land where the matrix says, up to a shift."""
    a, b, c, d = (0, sign_y, sign_x, 0) if transpose else (sign_x, 0, 0, sign_y)
    orientation = orientation_of(np.array([a, b, 0, c, d, 0, 0, 0, 1 << 14], np.int32) * UNIT)
    stored = np.random.default_rng(1).integers(0, 256, (3, 5, 3), np.uint8)
    shown = orientation.apply(stored)
    assert shown.flags.c_contiguous
    points = [(p, q) for q in range(3) for p in range(5)]
    xy = np.array([(a * p + c * q, b * p + d * q) for p, q in points])
    xy -= xy.min(axis=0)
    for (p, q), (x, y) in zip(points, xy, strict=True):
        assert np.array_equal(shown[y, x], stored[q, p])


def test_oblique_angles_go_to_the_nearest():
    turn = np.deg2rad(10)
    matrix = np.array([np.cos(turn), np.sin(turn), 0, -np.sin(turn), np.cos(turn), 0, 0, 0, 1])
    assert orientation_of((matrix * UNIT).astype(np.int32)) == Orientation()


@pytest.mark.parametrize(("shape", "inner"), [((20, 20), (24, 24)), ((10, 40), (8, 32))])
def test_fit_keeps_proportions(shape, inner):
    canvas = fit(np.full((*shape, 3), 200, np.uint8), (32, 24))
    assert canvas.shape == (24, 32, 3)
    rows, columns = np.nonzero(canvas[..., 0] > 100)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == inner


@pytest.mark.parametrize(("aspect", "width"), [(1.01, 64), (2.0, 128), (0.5, 32), (0.0, 64)])
def test_pixel_aspect(aspect, width):
    upright = Upright(aspect)
    upright.convert(av.VideoFrame(64, 48, "rgb24"))
    assert upright.size == (width, 48)


def test_no_picture_of_a_long_video_waits_for_garbage_collection(sample):
    gc.collect()
    gc.disable()
    try:
        with open_source(sample) as source:
            for _ in source:
                pass
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = sum(isinstance(item, av.VideoFrame) for item in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left <= 1 + 600 // REREAD
