"""What really happens in a rendered clip, as a JSON file beside the video."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.synthesis.action_units import Activation, displacement
from offline.synthesis.clip_spec import ClipSpec, frame_times
from realtime_mer.face.topology import canonical_mesh

_REGION_POINTS = {
    "brow_left": (336, 296, 334, 293, 300, 285, 295, 282, 386, 374),
    "brow_right": (107, 66, 105, 63, 70, 55, 65, 52, 159, 145),
    "nose": (129, 358, 98, 327, 48, 278, 198, 420, 1, 5),
    "cheek_left": (280, 346, 425, 352, 411, 427),
    "cheek_right": (50, 117, 205, 123, 187, 207),
    "mouth": (61, 291, 0, 17, 13, 14, 39, 269, 199, 204, 424),
}
_REGION_SHARE = 0.45


@dataclass(frozen=True)
class TrueExpression:
    """A planted micro-expression; frames are the nearest to the times, offset included."""

    onset_s: float
    apex_s: float
    offset_s: float
    onset_frame: int
    apex_frame: int
    offset_frame: int
    emotion: str
    action_units: tuple[tuple[int, float, float], ...]
    peak_iod: float
    regions: tuple[str, ...]


@dataclass(frozen=True)
class TrueDistractor:
    """Something that is no micro-expression, and when."""

    kind: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Truth:
    """Ground truth of one clip.

    Attributes
    ----------
    video, portrait
        File name and the face's name.
    frames, fps, duration_s
        Number of frames, nominal rate, time of the last frame (s).
    micro_expressions, distractors
        In the order of time; a flickering light or a large drift is a distractor of clip length.
    spec
        The whole ``ClipSpec`` as plain values.
    """

    video: str
    portrait: str
    frames: int
    fps: float
    duration_s: float
    micro_expressions: tuple[TrueExpression, ...]
    distractors: tuple[TrueDistractor, ...]
    spec: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Truth:
        """Read what ``save`` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        values["micro_expressions"] = tuple(
            TrueExpression(
                **{
                    **item,
                    "action_units": tuple(tuple(unit) for unit in item["action_units"]),
                    "regions": tuple(item["regions"]),
                }
            )
            for item in values["micro_expressions"]
        )
        values["distractors"] = tuple(TrueDistractor(**d) for d in values["distractors"])
        return cls(**values)


def moved_regions(activation: Activation) -> tuple[str, ...]:
    """Return the regions that an activation moves by at least 45 % of the most moved one.

    Strongest first, out of ``topology.REGIONS``.
    """
    mesh = canonical_mesh()[:, :2]
    peaks = {
        region: float(np.hypot(*displacement(activation, mesh, mesh[list(points)]).T).max())
        for region, points in _REGION_POINTS.items()
    }
    strongest = max(peaks.values())
    ranked = sorted(peaks, key=lambda region: -peaks[region])
    return tuple(region for region in ranked if peaks[region] >= _REGION_SHARE * strongest)


def _nearest(times: NDArray[np.float64], moment: float) -> int:
    return int(np.argmin(np.abs(times - moment)))


def true_story(spec: ClipSpec, portrait_name: str, video: str) -> Truth:
    """Derive the ground truth of a clip from its spec."""
    times = frame_times(spec)
    expressions = tuple(
        TrueExpression(
            me.onset_s,
            me.apex_s,
            me.offset_s,
            _nearest(times, me.onset_s),
            _nearest(times, me.apex_s),
            _nearest(times, me.offset_s),
            me.emotion,
            me.action_units,
            me.peak_iod,
            moved_regions(me.activation),
        )
        for me in sorted(spec.micro_expressions, key=lambda me: me.onset_s)
    )
    end = float(times[-1])
    distractors = [TrueDistractor(d.kind, d.start_s, d.end_s) for d in spec.distractors]
    if spec.flicker_hz and spec.flicker_depth:
        distractors.append(TrueDistractor("flicker", 0.0, end))
    if spec.drift_iod or spec.drift_deg:
        distractors.append(TrueDistractor("drift", 0.0, end))
    distractors.sort(key=lambda d: (d.start_s, d.kind))
    return Truth(
        video,
        portrait_name,
        len(times),
        spec.fps,
        end,
        expressions,
        tuple(distractors),
        spec.to_dict(),
    )
