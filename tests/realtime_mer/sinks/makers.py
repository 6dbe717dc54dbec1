"""Small analyses with known content, for the tests of the sinks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from realtime_mer.events import (
    ACTION_UNIT_GROUPS,
    Analysis,
    Candidate,
    Event,
    Evidence,
    Gap,
    MediaInfo,
    Signals,
)
from realtime_mer.face.topology import REGIONS


def media(**changes: Any) -> MediaInfo:
    facts: dict[str, Any] = {
        "path": "/videos/interview.mp4",
        "name": "interview.mp4",
        "width": 640,
        "height": 480,
        "frames": 6000,
        "duration_s": 30.0,
        "fps": 200.0,
        "start_s": 0.0,
        "codec": "h264",
    }
    return MediaInfo(**(facts | changes))


def event(
    event_id: int = 1,
    onset_s: float = 3.0,
    apex_s: float = 3.1,
    offset_s: float = 3.25,
    probabilities: Sequence[float] = (0.1, 0.2, 0.7),
    **changes: Any,
) -> Event:
    own = ("model", "engine", "p_none", "action_units")
    said = {"model": "default@1f2e3d4c", "engine": "onnxruntime"}
    said |= {key: changes.pop(key) for key in own if key in changes}
    facts: dict[str, Any] = {
        "segment": 0,
        "face_id": 0,
        "onset_frame": _frame(onset_s),
        "apex_frame": _frame(apex_s),
        "offset_frame": _frame(offset_s),
        "onset_s": onset_s,
        "apex_s": apex_s,
        "offset_s": offset_s,
        "regions": ("brow_left", "brow_right"),
        "spot_score": 6.4,
        "amplitude_iod": 0.024,
        "quality": 0.87,
    }
    return Event(
        event_id=event_id,
        candidate=Candidate(**(facts | changes)),
        probabilities=tuple(probabilities),
        **said,
    )


def telling(*when: Any, **changes: Any) -> Event:
    """Return an ``event`` of a model that knows ``none`` and gives every action unit."""
    quiet = dict.fromkeys(ACTION_UNIT_GROUPS, (0.05, 0.08))
    clear = {"lip_corner_pull": (0.2, 0.71), "brow_raise": (0.93, 0.88)}
    return event(*when, **({"p_none": 0.12, "action_units": quiet | clear} | changes))


def _frame(moment_s: float) -> int:
    return round(moment_s * 200) if math.isfinite(moment_s) else 0


def jpeg(seed: int = 0, side: int = 320, smooth: int = 16) -> bytes:
    random = np.random.default_rng(seed)
    coarse = random.integers(60, 200, (smooth, smooth, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def evidence(seed: int = 0, **how: int) -> Evidence:
    return Evidence(*(jpeg(10 * seed + number, **how) for number in range(4)))


def signals(
    events: Sequence[Event] = (),
    fps: float = 200.0,
    duration_s: float = 30.0,
    seed: int = 0,
    regions: tuple[str, ...] = REGIONS,
) -> Signals:
    """Return noise at rest with one smooth bump per event in the regions that moved."""
    random = np.random.default_rng(seed)
    time_s = np.arange(round(fps * duration_s), dtype=np.float64) / fps
    values = np.abs(random.normal(0, 0.0018, (len(time_s), len(regions)))) + 0.001
    for one in events:
        candidate = one.candidate
        phase = np.interp(
            time_s, [candidate.onset_s, candidate.apex_s, candidate.offset_s], [0, 1, 0]
        )
        for region in candidate.regions:
            if region in regions:
                bump = candidate.amplitude_iod * np.sin(phase * np.pi / 2) ** 2
                values[:, regions.index(region)] += bump
    threshold = np.full_like(values, 0.0095)
    return Signals(time_s, values.astype(np.float32), threshold.astype(np.float32), regions)


def analysis(events: Sequence[Event] | None = None, **changes: Any) -> Analysis:
    events = (event(),) if events is None else tuple(events)
    facts: dict[str, Any] = {
        "media": media(),
        "events": events,
        "signals": signals(events),
        "evidence": {one.event_id: evidence(one.event_id) for one in events},
        "gaps": (Gap(10.0, 11.5, "no face"),),
        "summary": {"rejected": {"blink": 9, "slow expression": 2}, "seed": 7},
    }
    return Analysis(**(facts | changes))


def empty(**changes: Any) -> Analysis:
    """Return an analysis of nothing: no frame, no signal, no event."""
    nothing = np.zeros((0, len(REGIONS)), np.float32)
    facts: dict[str, Any] = {
        "events": (),
        "signals": Signals(np.zeros(0), nothing, nothing, REGIONS),
        "media": media(frames=0, duration_s=0.0, fps=float("nan"), width=0, height=0, codec=""),
        "gaps": (),
        "summary": {},
    }
    return analysis(**(facts | changes))
