from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import SourceError
from realtime_mer.sources import open_source
from realtime_mer.sources.folder import last_number, natural_order, positions
from tests.realtime_mer.sources.media import numbered, read_number


def fill(folder, names, size=(64, 48)):
    folder.mkdir(exist_ok=True)
    for k, name in enumerate(names):
        done, data = cv2.imencode(f".{name.rpartition('.')[2]}", numbered(k, *size))
        assert done
        (folder / name).write_bytes(data.tobytes())
    return folder


def kinds(source):
    return [p.kind for p in source.problems]


@pytest.mark.parametrize(
    "form", ["img{}.jpg", "reg_img{}.jpg", "006_0{:04}.PNG", "{}.bmp", "S01 ({}).TIFF"]
)
def test_order_times_and_pixels(tmp_path, form):
    fill(tmp_path / "c", [form.format(k) for k in range(46, 46 + 70)])
    with open_source(tmp_path / "c", fps=200) as source:
        frames = list(source)
    assert [read_number(f.image_rgb) for f in frames] == list(range(70))
    assert [f.index for f in frames] == list(range(70))
    assert [f.time_s for f in frames] == pytest.approx([k / 200 for k in range(70)])
    assert {f.segment for f in frames} == {0}
    assert all(f.image_rgb.flags.c_contiguous and f.image_rgb.dtype == np.uint8 for f in frames)
    assert source.problems == []
    info = source.info
    assert (info.width, info.height, info.fps, info.frames, info.name) == (64, 48, 200, 70, "c")
    assert info.duration_s == pytest.approx(70 / 200)
    assert not source.live


def test_channels_are_rgb(tmp_path):
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 2] = 255  # OpenCV writes BGR
    cv2.imwrite(str(tmp_path / "1.png"), red)
    with open_source(tmp_path, fps=30) as source:
        assert next(source).image_rgb[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("array", [
    np.full((4, 4), 200, np.uint8),
    np.full((4, 4), 200 * 257, np.uint16),
    np.full((4, 4, 4), 200, np.uint8),
    np.full((4, 4, 3), 200 * 257, np.uint16),
])  # fmt: skip
def test_grey_alpha_and_sixteen_bits(tmp_path, array):
    cv2.imwrite(str(tmp_path / "1.png"), array)
    with open_source(tmp_path, fps=30) as source:
        image = next(source).image_rgb
    assert image.shape == (4, 4, 3)
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - 200).max() <= 1


def test_without_fps_thirty_is_assumed_and_declared(tmp_path):
    fill(tmp_path / "c", ["1.png", "2.png"])
    with open_source(tmp_path / "c") as source:
        assert source.info.fps == 30
        [problem] = source.problems
    assert problem.kind == "timing"
    assert "assumed 30 fps; pass --fps" in str(problem)


@pytest.mark.parametrize(("missing", "segments"), [(range(5, 7), 1), (range(5, 15), 2)])
def test_missing_numbers_leave_a_hole_in_time(tmp_path, missing, segments):
    names = [f"img{k}.png" for k in range(20) if k not in missing]
    fill(tmp_path / "c", names)
    with open_source(tmp_path / "c", fps=30) as source:
        frames = list(source)
    assert [f.time_s for f in frames] == pytest.approx(
        [k / 30 for k in range(20) if k not in missing]
    )
    assert [f.index for f in frames] == list(range(len(names)))
    assert len({f.segment for f in frames}) == segments
    assert kinds(source) == ["missing image"]
    assert len(source.gaps) == segments - 1


def test_an_unreadable_image_is_skipped_and_declared(tmp_path):
    fill(tmp_path / "c", [f"{k}.png" for k in range(10)])
    (tmp_path / "c" / "4.png").write_bytes(b"no image")
    (tmp_path / "c" / "9.png").write_bytes(b"")
    with open_source(tmp_path / "c", fps=10) as source:
        frames = list(source)
    assert [read_number(f.image_rgb) for f in frames] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert [f.segment for f in frames] == [0] * 4 + [1] * 4
    assert frames[4].time_s == pytest.approx(0.5)
    [problem] = source.problems
    assert (problem.kind, problem.count, problem.frame) == ("unreadable image", 2, 4)
    assert "4.png" in str(problem)
    [gap] = source.gaps
    assert (gap.start_s, gap.end_s) == pytest.approx((0.3, 0.5))
    assert gap.reason == "decode error"


def test_no_image_that_can_be_read(tmp_path):
    for k in range(3):
        (tmp_path / f"{k}.jpg").write_bytes(b"no image")
    with pytest.raises(SourceError, match="none of the 3 images"):
        open_source(tmp_path, fps=30)


def test_another_size_names_the_file(tmp_path):
    fill(tmp_path / "c", ["1.png", "2.png"])
    fill(tmp_path / "c", ["3.png"], size=(32, 48))
    with open_source(tmp_path / "c", fps=30) as source:
        assert [next(source).index, next(source).index] == [0, 1]
        with pytest.raises(SourceError, match=r"3\.png is 32x48, but.*1\.png, is 64x48"):
            next(source)


def test_nothing_to_read_and_what_to_give_instead(tmp_path):
    with pytest.raises(SourceError, match="no images in the folder"):
        open_source(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "._1.jpg").write_bytes(b"resource fork")
    (tmp_path / "9.jpg").mkdir()
    with pytest.raises(SourceError, match="no images in the folder"):
        open_source(tmp_path)
    fill(tmp_path / "clip", ["1.png"])
    with pytest.raises(SourceError, match="1 in its subfolder clip: give that"):
        open_source(tmp_path)
    (tmp_path / "v.mp4").touch()
    with pytest.raises(SourceError, match=r"give v\.mp4 itself"):
        open_source(tmp_path)


def test_two_sequences_in_one_folder_are_declared(tmp_path):
    fill(tmp_path / "c", ["a1.png", "a2.png", "b1.png", "b2.png"])
    with open_source(tmp_path / "c", fps=30) as source:
        assert [read_number(f.image_rgb) for f in source] == [0, 1, 2, 3]
    assert kinds(source) == ["several sequences"]


def test_one_image(tmp_path):
    fill(tmp_path / "c", ["portrait.png"])
    with open_source(tmp_path / "c", fps=30) as source:
        assert [f.time_s for f in source] == [0.0]


@given(st.lists(st.integers(0, 10**12), min_size=1, unique=True), st.randoms())
def test_order_follows_the_last_number(numbers, random):
    expected = [f"reg_7_img{n}.jpg" for n in sorted(numbers)]
    shuffled = random.sample(expected, len(expected))
    assert natural_order(shuffled) == expected


@given(
    st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=12), unique=True)
)
def test_order_loses_nothing_and_does_not_depend_on_the_disk(names):
    once = natural_order(names)
    assert sorted(once) == sorted(names)
    assert natural_order(names[::-1]) == once


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50))
def test_positions_rise(numbers):
    places = positions([f"img{n}.png" for n in numbers])
    assert places[0] == 0
    assert len(places) == len(numbers)
    assert all(b > a for a, b in pairwise(places))


def test_positions_of_counts_timestamps_and_names():
    assert positions(["1.png", "3.png", "5.png", "9.png"]) == [0, 1, 2, 4]
    assert positions(["33.png", "67.png", "100.png", "134.png"]) == [0, 1, 2, 3]
    assert positions(["a.png", "b.png"]) == [0, 1]


def test_last_number():
    assert last_number("s15_reg_img046.jpg") == 46
    assert last_number("img.mp4") is None
