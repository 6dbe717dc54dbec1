"""Small videos made on the spot; every frame carries its number in its pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

BITS = 16
DEFAULTS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "16"},
    "libx265": {"x265-params": "log-level=none:crf=14"},
}


def numbered(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Return a (height, width, 3) uint8 picture, two rows of eight blocks, one for each bit."""
    bits = (number >> np.arange(BITS)) & 1
    blocks = np.where(bits, 220, 30).astype(np.uint8).reshape(2, 8)
    rows = np.arange(height) * 2 // height
    columns = np.arange(width) * 8 // width
    return np.repeat(blocks[rows][:, columns, None], 3, axis=2)


def read_number(image: np.ndarray) -> int:
    height, width = image.shape[:2]
    rows, columns = (np.arange(2) * 2 + 1) * height // 4, (np.arange(8) * 2 + 1) * width // 16
    bits = image[rows][:, columns].mean(axis=2).reshape(-1) > 125
    return int((bits << np.arange(BITS)).sum())


def write_video(
    path: Path | str,
    frames: int | Iterable[np.ndarray] = 20,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    rate: int = 30,
    pts: Iterable[int] | None = None,
    time_base: Fraction = Fraction(1, 1000),
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    form: str | None = None,
    setup: Callable[[Any], None] | None = None,
) -> Path:
    """Write a video; ``frames`` is a number of numbered frames or RGB pictures."""
    if isinstance(frames, int):
        frames = [numbered(k, *size) for k in range(frames)]
    ticks = None if pts is None else list(pts)
    with av.open(str(path), "w", format=form, container_options=container_options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.options = {**DEFAULTS.get(codec, {}), **(options or {})}
        if ticks is not None:
            stream.time_base = stream.codec_context.time_base = time_base
        if setup:
            setup(stream)
        for k, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if ticks is not None:
                frame.pts, frame.time_base = ticks[k], time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return Path(path)


def write_audio(path: Path, codec: str = "pcm_s16le", cover: bool = False) -> Path:
    """Write one second of silence, with a picture as cover if wanted."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream(codec, rate=48000)
        picture = container.add_stream("png", rate=1) if cover else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "rgb24"
            picture.disposition = picture.disposition.__class__.attached_pic
            frame = av.VideoFrame.from_ndarray(numbered(1), format="rgb24")
            container.mux(picture.encode(frame))
            container.mux(picture.encode())
        silence = np.zeros((1, 48000 * sound.layout.nb_channels), np.int16)
        frame = av.AudioFrame.from_ndarray(silence, format="s16", layout=sound.layout.name)
        frame.sample_rate = 48000
        if sound.format.name != "s16":
            resampled = av.AudioResampler(format=sound.format, layout=sound.layout, rate=48000)
            chunks = resampled.resample(frame)
        else:
            chunks = [frame]
        for chunk in chunks:
            container.mux(sound.encode(chunk))
        container.mux(sound.encode())
    return path
