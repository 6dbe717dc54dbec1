"""From a portrait and a spec to moving pictures, and to an MP4 with its truth beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.synthesis.camera import build_sensor, warp_into
from offline.synthesis.clip_spec import TICKS_PER_S, ClipSpec, frame_ticks
from offline.synthesis.features import Eye, Mouth
from offline.synthesis.fields import HeadGrid, head_grid
from offline.synthesis.hand import Hand
from offline.synthesis.motion import Motion, plan_motion
from offline.synthesis.plate import OVERSAMPLING, Plate, build_plate
from offline.synthesis.portrait import Portrait
from offline.synthesis.truth import Truth, true_story
from realtime_mer.errors import OutputError

_CUT_ZOOM = 0.35
_CUT_SHIFT_IOD = 0.5


@dataclass(eq=False)
class _Take:
    """One uninterrupted shot: its plate, fields, editable features, and the still picture."""

    plate: Plate
    grid: HeadGrid
    fields: NDArray[np.float32]  # (layers, rows, columns, 2) pixels
    eyes: tuple[Eye, Eye]
    mouth: Mouth
    hands: list[Hand]
    still: NDArray[np.float32]  # (H, W, 3) the picture at rest
    edited: bool = False

    @property
    def window(self) -> tuple[int, int, int, int]:
        """Output rows and columns that the head can reach: top, bottom, left, right."""
        height, width = self.still.shape[:2]
        x, y = self.grid.x, self.grid.y
        return int(y[0]), min(int(y[-1]) + 1, height), int(x[0]), min(int(x[-1]) + 1, width)


def render_clip(spec: ClipSpec, portrait: Portrait) -> Iterator[NDArray[np.uint8]]:
    """Render a clip frame by frame.

    Parameters
    ----------
    spec
        What happens, how it is filmed.
    portrait
        Who; varied by ``spec.identity_seed`` where that is set.

    Yields
    ------
    (height, width, 3) uint8 RGB, before compression, at the times of ``frame_times(spec)``.
    """
    if spec.identity_seed is not None:
        portrait = portrait.varied(np.random.default_rng(spec.identity_seed))
    motion = plan_motion(spec)
    sensor = build_sensor(spec, motion.times)
    take, number = None, -1
    for index in range(len(motion.times)):
        if motion.takes[index] != number or take is None:
            number = int(motion.takes[index])
            take = _build_take(spec, portrait, motion, number)
        yield sensor.shoot(_picture(take, motion, index), index)


def _build_take(spec: ClipSpec, portrait: Portrait, motion: Motion, number: int) -> _Take:
    zoom, shift = 1.0, (0.0, 0.0)
    if number > 0:
        rng = np.random.default_rng([spec.seed, 6, number])
        amount = motion.cut_amounts[number - 1]
        zoom = float(np.exp(amount * rng.uniform(0.1, _CUT_ZOOM) * rng.choice([-1, 1])))
        dx, dy = amount * _CUT_SHIFT_IOD * rng.uniform(-1, 1, 2)
        shift = (float(dx), float(dy))
        spec = replace(spec, brightness=spec.brightness + float(rng.uniform(-20, 20)) * amount)
        if rng.random() < 0.5:
            portrait = portrait.mirrored()
    plate = build_plate(spec, portrait, zoom, shift)
    grid = head_grid(plate.mesh, spec.width, spec.height)
    fields = [grid.action_field(units, spec.anatomy_seed) for units, _ in motion.layers]
    shape = (len(fields), len(grid.y), len(grid.x), 2)
    hands = [
        Hand(plate, grid.iod, np.random.default_rng([spec.seed, 7, seed]))
        for seed, _ in motion.hands
    ]
    still = np.empty((spec.height, spec.width, 3), np.float32)
    _warp_still(plate, still)
    return _Take(
        plate,
        grid,
        np.array(fields, np.float32).reshape(shape),
        (Eye(plate, 0), Eye(plate, 1)),
        Mouth(plate),
        hands,
        still,
    )


def _warp_still(plate: Plate, out: NDArray[np.float32]) -> None:
    height, width = out.shape[:2]
    corners = plate.to_plate(np.array([[0.0, 0.0], [width, height]]))
    x, y = np.meshgrid(corners[:, 0].astype(np.float32), corners[:, 1].astype(np.float32))
    # One grid cell as large as the picture; steps differ, so rows are scaled to columns.
    y = y[0, 0] + (y - y[0, 0]) * np.float32(width / height)
    warp_into(plate.pixels, x, y, 0.0, 0.0, float(width), 0, height, 0, width, out)


def _picture(take: _Take, motion: Motion, index: int) -> NDArray[np.float32]:
    """Return the light that reaches the sensor, (H, W, 3) float32, before gain and noise."""
    _edit_features(take, motion, index)
    x, y = _source_of_nodes(take, motion, index)
    light = take.still.copy()
    grid = take.grid
    warp_into(take.plate.pixels, x, y, grid.x[0], grid.y[0], grid.step, *take.window, light)
    for hand, (_, track) in zip(take.hands, motion.hands, strict=True):
        present, hx, hy, angle = track[index]
        if present:
            centre = grid.centre + grid.iod * np.array([hx, hy])
            hand.paste(light, (float(centre[0]), float(centre[1])), float(angle))
    return light


def _edit_features(take: _Take, motion: Motion, index: int) -> None:
    gaze, mouth = motion.gaze[index], float(motion.mouth[index])
    if take.edited:
        for feature in (*take.eyes, take.mouth):
            feature.reset()
        take.edited = False
    for side, eye in enumerate(take.eyes):
        closed = float(motion.lids[index, side])
        if closed > 0 or gaze.any():
            eye.draw(min(closed, 1.0), (float(gaze[0]), float(gaze[1])))
            take.edited = True
    if mouth > 0:
        take.mouth.draw(mouth)
        take.edited = True


def _source_of_nodes(
    take: _Take, motion: Motion, index: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For every grid node, the plate coordinates that show there: undo pose, turn and skin."""
    grid = take.grid
    gx, gy = np.meshgrid(grid.x.astype(np.float32), grid.y.astype(np.float32))
    cos, sin = np.cos(motion.roll[index]), np.sin(motion.roll[index])
    inverse = np.exp(-motion.zoom[index]) * np.array([[cos, sin], [-sin, cos]])
    dx = gx - np.float32(grid.centre[0] + motion.shift[index, 0] * grid.iod)
    dy = gy - np.float32(grid.centre[1] + motion.shift[index, 1] * grid.iod)
    rest_x = np.float32(inverse[0, 0]) * dx + np.float32(inverse[0, 1]) * dy + grid.centre[0]
    rest_y = np.float32(inverse[1, 0]) * dx + np.float32(inverse[1, 1]) * dy + grid.centre[1]
    qx = (gx + grid.head_mask * (rest_x - gx)).astype(np.float32)
    qy = (gy + grid.head_mask * (rest_y - gy)).astype(np.float32)
    strengths = np.array([level[index] for _, level in motion.layers], np.float32)
    active = np.flatnonzero(strengths)
    yaw, pitch = np.sin(motion.turn[index])
    pull = grid.head_mask * grid.lever
    field = np.stack([pull * np.float32(yaw), pull * np.float32(pitch)], -1)
    if len(active):
        field += np.tensordot(strengths[active], take.fields[active], 1)
    moved = grid.sample(field, qx, qy)
    shift = np.float32(take.plate.margin + 0.5)
    scale = np.float32(OVERSAMPLING)
    half = np.float32(0.5)
    return (qx - moved[..., 0] + shift) * scale - half, (qy - moved[..., 1] + shift) * scale - half


def write_clip(spec: ClipSpec, portrait: Portrait, path: Path) -> Truth:
    """Render a clip to an H.264 MP4 and its truth to ``<stem>.truth.json`` beside it.

    Parameters
    ----------
    spec, portrait
        As for ``render_clip``.
    path
        Ends in ``.mp4``; its folder must exist.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import av

    path = Path(path)
    ticks = frame_ticks(spec)
    try:
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream(
                "libx264",
                rate=Fraction(spec.fps).limit_denominator(1001),
                options={"crf": str(spec.crf), "preset": spec.preset, "g": str(spec.gop)},
            )
            stream.width, stream.height = spec.width, spec.height
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
            stream.time_base = Fraction(1, TICKS_PER_S)
            stream.thread_count = 1
            for tick, image in zip(ticks, render_clip(spec, portrait), strict=True):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = int(tick), Fraction(1, TICKS_PER_S)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except (OSError, av.FFmpegError) as error:
        raise OutputError(
            f"cannot write {path}: {error}; give an .mp4 path in an existing, writable folder"
        ) from error
    truth = true_story(spec, portrait.name, path.name)
    truth.save(path.with_suffix(".truth.json"))
    return truth
