from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from demos.preview_video import LONGEST_SIDE_PX, How, Plan, PreviewWriter, link, pack, plan_for
from realtime_mer.events import Frame
from realtime_mer.sources import open_source

TIMES_S = (7.0, 7.016, 7.05, 7.052, 7.2, 7.233)


def _write(path: Path, codec: str, times_s=TIMES_S, pix_fmt="yuv420p", seekable=True) -> Path:
    """Write six different pictures at these times; without length and index if not seekable."""
    with path.open("wb") as file:
        target = file if seekable else _Pipe(file)
        with av.open(target, "w", format=path.suffix[1:].replace("mkv", "matroska")) as container:
            stream = container.add_stream(codec, rate=Fraction(30), options={"bf": "0"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            for number, time_s in enumerate(times_s):
                image = np.full((48, 64, 3), 40 * number, np.uint8)
                picture = av.VideoFrame.from_ndarray(image, format="rgb24")
                picture.pts, picture.time_base = round(time_s * 1000), Fraction(1, 1000)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    return path


class _Pipe:
    """A file that can only be written on, as a browser's recorder writes."""

    def __init__(self, file):
        self._file = file

    def write(self, data):
        return self._file.write(data)


def _times(path: Path) -> list[float]:
    with open_source(path) as source:
        return [frame.time_s for frame in source]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "expected"),
    [
        ("a.mp4", "libx264", "yuv420p", Plan(How.AS_IT_IS, "mp4")),
        ("a.mov", "libx264", "yuv420p", Plan(How.AS_IT_IS, "mp4")),
        ("a.webm", "libvpx", "yuv420p", Plan(How.AS_IT_IS, "webm")),
        ("a.mp4", "libx264", "yuv444p", Plan(How.ENCODE, "mp4")),
        ("a.mp4", "mpeg4", "yuv420p", Plan(How.ENCODE, "mp4")),
        ("a.avi", "mpeg4", "yuv420p", Plan(How.ENCODE, "mp4")),
    ],
)
def test_only_what_browsers_do_not_play_is_encoded(tmp_path, name, codec, pix_fmt, expected):
    times = [time - 7.0 for time in TIMES_S]
    path = _write(tmp_path / name, codec, times if codec != "mpeg4" else np.arange(6) / 30, pix_fmt)
    assert plan_for(path) == expected


def test_a_recording_that_starts_late_is_encoded(tmp_path):
    assert plan_for(_write(tmp_path / "a.webm", "libvpx")).how is How.ENCODE


def test_what_is_no_video_is_left_to_the_analysis_to_refuse(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"nothing")
    assert plan_for(path) == Plan(How.ENCODE, "mp4")


def test_a_recorders_clip_is_packed_with_its_length_and_the_same_times(tmp_path):
    times = [time - 7.0 for time in TIMES_S]
    clip = _write(tmp_path / "a.webm", "libvpx", times, seekable=False)
    with av.open(str(clip)) as opened:
        assert not opened.duration
    assert plan_for(clip) == Plan(How.PACK, "webm")
    packed = pack(clip, tmp_path / "packed.webm")
    with av.open(str(packed)) as opened:
        assert opened.duration / 1e6 == pytest.approx(times[-1], abs=0.05)
    assert plan_for(packed).how is How.AS_IT_IS
    assert _times(packed) == _times(clip)


def test_the_preview_shows_every_frame_at_its_own_time(tmp_path):
    writer = PreviewWriter(tmp_path / "preview.mp4")
    for index, time_s in enumerate(TIMES_S):
        writer.add(Frame(np.full((49, 65, 3), 40 * index, np.uint8), time_s, index))
    writer.close()
    writer.close()
    assert writer.start_s == 7.0
    with open_source(writer.target) as source:
        frames = list(source)
    shown = [frame.time_s + writer.start_s for frame in frames]
    assert shown == pytest.approx(TIMES_S, abs=2e-5)
    assert [round(float(f.image_rgb.mean()) / 40) for f in frames] == list(range(6))
    assert plan_for(writer.target) == Plan(How.AS_IT_IS, "mp4")


def test_large_pictures_are_made_smaller_to_even_sides(tmp_path):
    writer = PreviewWriter(tmp_path / "preview.mp4")
    writer.add(Frame(np.zeros((1081, 1921, 3), np.uint8), 0.0, 0))
    writer.close()
    with open_source(writer.target) as source:
        assert (source.info.width, source.info.height) == (LONGEST_SIDE_PX, 720)


def test_a_preview_of_nothing_leaves_no_file(tmp_path):
    PreviewWriter(tmp_path / "preview.mp4").close()
    assert not list(tmp_path.iterdir())


def test_a_link_is_the_same_file(tmp_path):
    path = _write(tmp_path / "a.mp4", "libx264")
    assert link(path, tmp_path / "b.mp4").samefile(path)
