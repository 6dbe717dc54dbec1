import os
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from realtime_mer.errors import ConfigError, SourceError
from realtime_mer.events import Frame
from realtime_mer.sources import open_source
from tests.realtime_mer.sources.media import numbered, read_number, write_audio, write_video

VIDEOS = Path(__file__).parents[4] / "shared" / "videos"


def read(path: Path, **options) -> tuple[list[Frame], object]:
    with open_source(path, **options) as source:
        frames = list(source)
    for k, frame in enumerate(frames):
        assert frame.index == k
        assert frame.image_rgb.dtype == np.uint8
        assert frame.image_rgb.flags.c_contiguous
        assert frame.image_rgb.shape == (source.info.height, source.info.width, 3)
    assert all(a.time_s < b.time_s for a, b in pairwise(frames))
    assert all(b.segment - a.segment in (0, 1) for a, b in pairwise(frames))
    return frames, source


def kinds(source) -> list[str]:
    return [p.kind for p in source.problems]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mov", "mjpeg", "yuvj420p"),
        ("a.mkv", "libx264", "yuv444p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("b.avi", "libx264", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.ts", "libx264", "yuv420p"),
        ("a.mp4", "libx265", "yuv420p10le"),
        ("a.mkv", "ffv1", "gray"),
        ("a.mkv", "ffv1", "gray16le"),
        ("a.mkv", "ffv1", "yuva420p"),
        ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.mov", "png", "rgb24"),
    ],
)
def test_every_frame_of_every_kind_in_order(tmp_path, name, codec, pixels):
    options = {"bf": "2"} if codec in ("libx264", "mpeg4") else {}
    path = write_video(tmp_path / name, 40, codec=codec, pixels=pixels, options=options)
    frames, source = read(path)
    assert [read_number(f.image_rgb) for f in frames] == list(range(40))
    start = source.info.start_s
    got = [f.time_s - start for f in frames]
    assert got == pytest.approx([k / 30 for k in range(40)], abs=0.0006)
    assert {f.segment for f in frames} == {0}
    assert source.problems == []
    assert source.gaps == []
    assert not source.live
    assert source.measured.frames == 40
    assert source.measured.fps == pytest.approx(30, rel=1e-3)
    assert source.info.fps == pytest.approx(30)
    assert source.info.frames == pytest.approx(40, abs=1)
    assert source.info.duration_s == pytest.approx(40 / 30, abs=0.002)
    assert source.info.name == name


def test_variable_rate_times_are_exact(tmp_path):
    pts = np.cumsum(np.random.default_rng(0).integers(8, 200, 60)).tolist()
    path = write_video(tmp_path / "v.mkv", 60, pts=pts)
    frames, source = read(path)
    assert [f.time_s for f in frames] == pytest.approx([p / 1000 for p in pts], abs=1e-12)
    assert source.gaps == []
    assert {f.segment for f in frames} == {0}


def test_a_hole_in_time_starts_a_segment_and_is_declared(tmp_path):
    pts = [k * 33 + (2000 if k >= 15 else 0) for k in range(30)]
    frames, source = read(write_video(tmp_path / "v.mkv", 30, pts=pts))
    assert [f.segment for f in frames] == [0] * 15 + [1] * 15
    [gap] = source.gaps
    assert (gap.start_s, gap.end_s, gap.reason) == (0.462, 2.495, "time gap")
    [problem] = source.problems
    assert (problem.kind, problem.frame, problem.time_s) == ("time gap", 15, 2.495)
    assert "2.033 s" in str(problem)


def test_low_and_high_frame_rates(tmp_path):
    for rate in (2, 200):
        frames, source = read(write_video(tmp_path / f"{rate}.mp4", 20, rate=rate))
        assert {f.segment for f in frames} == {0}
        assert source.measured.fps == pytest.approx(rate, rel=1e-6)


ASYMMETRIC = np.zeros((48, 64, 3), np.uint8)
ASYMMETRIC[:24, :32] = (250, 0, 0)
ASYMMETRIC[:24, 32:] = (0, 250, 0)
ASYMMETRIC[24:, :32] = (0, 0, 250)


@pytest.mark.parametrize("degrees", [0, 90, -90, 180])
@pytest.mark.parametrize("flip", [False, True])
def test_display_matrix_is_applied(tmp_path, degrees, flip):
    """PyAV documents its angle as counter-clockwise and the flip as done after it."""
    shown = np.rot90(ASYMMETRIC, degrees // 90)
    shown = shown[:, ::-1] if flip else shown
    path = write_video(
        tmp_path / "r.mp4",
        [ASYMMETRIC] * 3,
        codec="libx264",
        pixels="yuv444p",
        setup=lambda s: s.set_display_rotation(degrees, hflip=flip),
    )
    frames, source = read(path)
    assert (source.info.height, source.info.width) == shown.shape[:2]
    for frame in frames:
        assert (
            np.abs(frame.image_rgb[12:-12:8, 12:-12:8].astype(int) - shown[12:-12:8, 12:-12:8])[
                ..., :
            ].mean()
            < 8
        )


@pytest.mark.parametrize("size", [(63, 47), (101, 35), (1, 1), (2, 3)])
def test_odd_sizes(tmp_path, size):
    path = write_video(tmp_path / "o.mkv", 5, codec="ffv1", pixels="bgr0", size=size)
    frames, source = read(path)
    assert (source.info.width, source.info.height) == size
    assert np.array_equal(frames[3].image_rgb, numbered(3, *size))


@pytest.mark.parametrize("size", [(63, 47), (101, 35)])
def test_odd_sizes_with_subsampled_colour(tmp_path, size):
    path = write_video(tmp_path / "o.mkv", 5, codec="ffv1", pixels="yuv420p", size=size)
    frames, _ = read(path)
    assert [read_number(f.image_rgb) for f in frames] == list(range(5))


def test_pixels_that_are_not_square_become_square(tmp_path):
    def wide(stream):
        stream.sample_aspect_ratio = Fraction(3, 2)

    frames, source = read(write_video(tmp_path / "w.mkv", 5, setup=wide))
    assert (source.info.width, source.info.height) == (96, 48)
    assert [read_number(f.image_rgb) for f in frames] == list(range(5))


def test_a_size_change_midway_is_fitted_and_declared(tmp_path):
    parts = [
        write_video(tmp_path / f"{w}.ts", 10, size=(w, 48), options={"bf": "0"}) for w in (64, 96)
    ]
    whole = tmp_path / "both.ts"
    whole.write_bytes(b"".join(p.read_bytes() for p in parts))
    frames, source = read(whole)
    assert len(frames) == 20
    assert "size change" in kinds(source)
    assert frames[-1].image_rgb[0].max() == 0  # black bars above


def test_interlaced_is_read_and_declared(tmp_path):
    path = write_video(tmp_path / "i.mp4", 10, options={"x264-params": "tff=1:interlaced=1"})
    frames, source = read(path)
    assert [read_number(f.image_rgb) for f in frames] == list(range(10))
    assert kinds(source) == ["interlaced"]


def test_one_frame(tmp_path):
    frames, source = read(write_video(tmp_path / "one.mp4", 1))
    assert len(frames) == 1
    assert np.isnan(source.measured.fps)
    assert source.measured.duration_s == 0.0
    assert source.problems == []


def test_a_single_picture_is_a_video_of_one_frame(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "p 50%03d.png"), numbered(9))
    frames, _ = read(tmp_path / "p 50%03d.png")
    assert [read_number(f.image_rgb) for f in frames] == [9]


@pytest.mark.parametrize("name", ["ü ñ 人.mp4", "a:b.mp4", "http:x.mp4", "100%02d.mp4", "-x.mp4"])
def test_odd_names(tmp_path, name, monkeypatch):
    write_video(tmp_path / "plain.mp4", 2).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    frames, source = read(Path(name))
    assert len(frames) == 2
    assert source.info.name == name
    assert len(read(name)[0]) == 2


def test_a_name_that_is_no_text_is_printed_safely(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff\n.mp4"))
    write_video(tmp_path / "plain.mp4", 2).rename(path)
    frames, source = read(path)
    assert len(frames) == 2
    assert source.info.name.isprintable()
    assert source.redacted.isprintable()


def test_file_url(tmp_path):
    path = write_video(tmp_path / "a b.mp4", 2)
    assert len(read(path.as_uri())[0]) == 2


@pytest.mark.parametrize("fps", [None, 50.0])
def test_raw_streams_are_counted_and_say_so(tmp_path, fps):
    path = write_video(tmp_path / "raw.h264", 20, options={"bf": "2"})
    frames, source = read(path, fps=fps)
    assert [read_number(f.image_rgb) for f in frames] == list(range(20))
    assert source.measured.fps == pytest.approx(fps or 30)
    assert kinds(source) == ([] if fps else ["timing"])


def test_fps_is_ignored_where_there_are_timestamps(tmp_path):
    _, source = read(write_video(tmp_path / "a.mp4", 5), fps=99)
    assert source.measured.fps == pytest.approx(30)
    assert kinds(source) == ["option ignored"]


# ---- damage -------------------------------------------------------------------------------------


def cut_off(path: Path, part: float = 0.6, **options) -> Path:
    """Write a noisy numbered video of 60 frames and cut the file off."""
    noise = np.random.default_rng(0).integers(-25, 25, (60, 48, 64, 3))
    frames = [(numbered(k) + noise[k]).astype(np.uint8) for k in range(60)]
    data = write_video(path, frames, options={"bf": "0"}, **options).read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def test_truncated_with_its_index_in_front(tmp_path):
    cut = cut_off(tmp_path / "w.mp4", container_options={"movflags": "faststart"})
    frames, source = read(cut)
    assert 10 < len(frames) < 55
    intact = frames[: len(frames) - 1]
    assert [read_number(f.image_rgb) for f in intact] == list(range(len(intact)))
    assert "truncated" in kinds(source)
    message = str(source.problems[-1])
    assert f"frame {len(frames)}" in message
    assert "60 frames" in message
    assert "analysed what came before" in message


@pytest.mark.parametrize("name", ["w.mkv", "w.avi"])
def test_other_truncated_containers_say_so(tmp_path, name):
    frames, source = read(cut_off(tmp_path / name))
    assert 5 < len(frames) < 58
    assert {"truncated", "decode error"} & set(kinds(source))


@pytest.mark.parametrize("part", [0.02, 0.6, 0.9])
def test_without_its_index_the_message_names_it(tmp_path, part):
    cut = cut_off(tmp_path / "w.mp4", part=part)
    with pytest.raises(SourceError, match=r"index \(moov\) is missing.*cut off before it was"):
        open_source(cut)


@pytest.mark.parametrize("gop", [1, 10])
def test_damage_midway_is_survived_and_declared(tmp_path, gop):
    path = write_video(tmp_path / "w.mp4", 60, options={"g": str(gop), "bf": "0"})
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size, p.is_keyframe) for p in container.demux(video=0) if p.size]
    recovers = next(k for k in range(24, 60) if packets[k][2])
    data = bytearray(path.read_bytes())
    position, size, _ = packets[23]
    data[position : position + size] = bytes(255 for _ in range(size))
    path.write_bytes(data)
    frames, source = read(path)
    assert len(frames) >= 58
    assert read_number(frames[-1].image_rgb) == 59
    assert frames[0].segment == 0
    assert frames[-1].segment >= 1
    problem = next(p for p in source.problems if p.kind == "decode error")
    assert problem.frame in (23, 24)
    assert 0.7 < problem.time_s < 0.87
    assert "decoding broke at frame 2" in str(problem)
    [gap] = [g for g in source.gaps if g.reason == "decode error"]
    assert gap.start_s == pytest.approx(22 / 30)
    assert gap.end_s == pytest.approx(recovers / 30, abs=1e-6)
    for frame in frames:
        inside = gap.start_s < frame.time_s < gap.end_s
        assert inside or frame.segment in (0, frames[-1].segment)


# ---- what is no video ---------------------------------------------------------------------------


def refused(spec, match: str) -> str:
    with pytest.raises(SourceError, match=match) as caught:
        open_source(spec)
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_missing_file(tmp_path):
    assert str(tmp_path / "no.mp4") in refused(tmp_path / "no.mp4", "no such file")
    refused(str(tmp_path / "no.mp4" / "deeper.mp4"), "no such file")
    refused("x" * 5000, "cannot open|no such file")


def test_empty_file(tmp_path):
    (tmp_path / "e.mp4").touch()
    refused(tmp_path / "e.mp4", r"empty \(0 bytes\)")


@pytest.mark.parametrize("name", ["a.mp4", "a.bin", "a"])
def test_random_bytes(tmp_path, name):
    (tmp_path / name).write_bytes(np.random.default_rng(1).bytes(40_000))
    refused(tmp_path / name, "is not a video")


@pytest.mark.parametrize("name", ["a.txt", "a.mp4", "a.csv", "a.nfo"])
def test_text(tmp_path, name):
    (tmp_path / name).write_text("one,two\n" * 500)
    refused(tmp_path / name, "not a video")


def test_pdf(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n" + np.random.default_rng(1).bytes(9000))
    refused(tmp_path / "a.pdf", "PDF document")


@pytest.mark.parametrize(
    ("name", "codec"), [("a.wav", "pcm_s16le"), ("a.m4a", "aac"), ("a.mp3", "libmp3lame")]
)
def test_audio_only(tmp_path, name, codec):
    refused(write_audio(tmp_path / name, codec), "audio only")


def test_a_cover_picture_is_no_video(tmp_path):
    path = write_audio(tmp_path / "a.mp3", "libmp3lame", cover=True)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    refused(path, "audio only.*cover")


def test_video_of_no_frames(tmp_path):
    header = write_video(tmp_path / "w.mkv", 20, options={"bf": "0"}).read_bytes()
    cluster = header.index(bytes.fromhex("1f43b675"))
    (tmp_path / "none.mkv").write_bytes(header[:cluster])
    refused(tmp_path / "none.mkv", "0 frames|damaged beyond reading")


def test_pipes_and_devices_are_refused_without_blocking(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    refused(tmp_path / "pipe.mp4", "is a pipe")
    refused("/dev/null", "is a device")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX users")
def test_no_permission(tmp_path):
    path = write_video(tmp_path / "p.mp4", 2)
    path.chmod(0)
    if os.geteuid() != 0:
        refused(path, "no permission")
        return
    code = (
        "import os, sys\n"
        "from realtime_mer.sources import open_source\n"
        "os.seteuid(65534)\n"
        "try: open_source(sys.argv[1])\n"
        "except OSError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert "no permission" in done.stdout


# ---- several streams, life cycle ----------------------------------------------------------------


def test_of_several_videos_one_is_read_and_declared(tmp_path):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("ffv1", rate=30) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for k in range(10):
            for offset, stream in zip((0, 100), streams, strict=True):
                frame = av.VideoFrame.from_ndarray(numbered(k + offset), format="rgb24")
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())
    frames, source = read(path)
    assert [read_number(f.image_rgb) for f in frames] == list(range(10))
    assert kinds(source) == ["several streams"]


def test_iteration_can_pause_but_not_start_again(tmp_path):
    with open_source(write_video(tmp_path / "a.mp4", 10)) as source:
        assert next(source).index == 0
        for frame in source:
            if frame.index == 4:
                break
        assert [f.index for f in source] == [5, 6, 7, 8, 9]
        with pytest.raises(StopIteration):
            next(source)
        with pytest.raises(SourceError, match="already read"):
            iter(source)
    with pytest.raises(SourceError, match="closed"):
        iter(source)
    with pytest.raises(SourceError, match="closed"):
        next(source)
    with pytest.raises(SourceError, match="closed"), source:
        pass
    source.close()


def test_closing_frees_the_file(tmp_path):
    path = write_video(tmp_path / "a.mp4", 10)

    def handles() -> int:
        return sum(p.resolve() == path for p in Path("/proc/self/fd").iterdir())

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    source = open_source(path)
    next(source)
    assert handles() == 1
    source.close()
    assert handles() == 0


def test_frames_stay_valid_after_closing(tmp_path):
    with open_source(write_video(tmp_path / "a.mp4", 10)) as source:
        frames = list(source)
    del source
    assert [read_number(f.image_rgb) for f in frames] == list(range(10))


@pytest.mark.parametrize("option", ["fps", "width", "open_timeout_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_options_out_of_range(tmp_path, option, value):
    with pytest.raises(ConfigError, match=option):
        open_source(tmp_path, **{option: value})


@pytest.mark.skipif(not VIDEOS.is_dir(), reason="shared footage is not here")
@pytest.mark.parametrize("path", sorted(VIDEOS.glob("*")) or [Path("none")], ids=lambda p: p.name)
def test_real_footage(path):
    frames, source = read(path)
    assert len(frames) == pytest.approx(source.info.frames, abs=3)
    assert source.measured.fps == pytest.approx(source.info.fps, rel=0.02)
    assert source.problems == []
    assert {f.segment for f in frames} == {0}


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
def test_random_damage_never_gets_past_the_contract(tmp_path, name):
    """Whatever bytes change: frames in order, or a `SourceError`; nothing else."""
    rng = np.random.default_rng(7)
    noise = rng.integers(-25, 25, (30, 48, 64, 3))
    frames = [(numbered(k) + noise[k]).astype(np.uint8) for k in range(30)]
    data = write_video(tmp_path / name, frames, options={"bf": "2"}).read_bytes()
    opened = 0
    for _ in range(12):
        damaged = bytearray(data)
        for at in rng.integers(200, len(data), rng.choice([1, 10, 100])):
            damaged[at] = rng.integers(256)
        (tmp_path / f"x_{name}").write_bytes(damaged)
        try:
            frames, source = read(tmp_path / f"x_{name}")
        except SourceError:
            continue
        opened += 1
        assert 1 <= len(frames) <= 31
        assert all(str(p).isprintable() for p in source.problems)
    assert opened >= 4
