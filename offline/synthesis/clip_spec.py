"""Everything that a rendered clip depends on, in one frozen, JSON-able value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.synthesis.profiles import PROFILES
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS

TICKS_PER_S = 90_000
"""Clock of the written files: every frame time is a whole number of these ticks."""

DISTRACTOR_KINDS = ("blink", "gaze", "slow_expression", "turn", "nod", "speech", "hand", "cut")
"""What a distractor can be. ``amount`` is, in this order: how far the lids close (1 = shut), how
far the irises move (IOD), peak displacement (IOD), angle (degrees, sign = direction), the same,
mouth opening (IOD), how much of the face the hand covers (0…1), change of framing (0…1)."""


@dataclass(frozen=True)
class MicroExpression:
    """One planted micro-expression.

    Attributes
    ----------
    onset_s, apex_s, offset_s
        Motion starts, is largest, has gone. Media seconds.
    emotion
        One of ``realtime_mer.events.EMOTIONS``.
    action_units
        (action unit, right, left) intensities whose largest displacement is ``peak_iod``.
    peak_iod
        Largest displacement anywhere on the face, in inter-ocular distances.
    profile
        Name out of ``profiles.PROFILES``.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    emotion: str
    action_units: tuple[tuple[int, float, float], ...]
    peak_iod: float
    profile: str = "raised_cosine"

    def __post_init__(self) -> None:
        if not self.onset_s < self.apex_s < self.offset_s:
            raise ConfigError(
                f"a micro-expression needs onset < apex < offset, got {self.onset_s}, "
                f"{self.apex_s}, {self.offset_s} s"
            )
        if self.emotion not in EMOTIONS or self.profile not in PROFILES:
            raise ConfigError(
                f"emotion {self.emotion!r} must be one of {', '.join(EMOTIONS)} and profile "
                f"{self.profile!r} one of {', '.join(PROFILES)}"
            )

    @property
    def activation(self) -> dict[int, tuple[float, float]]:
        """Action unit → (right, left) intensity."""
        return {number: (right, left) for number, right, left in self.action_units}


@dataclass(frozen=True)
class Distractor:
    """Something that moves and is no micro-expression; see ``DISTRACTOR_KINDS``."""

    kind: str
    start_s: float
    end_s: float
    amount: float
    seed: int = 0
    action_units: tuple[tuple[int, float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in DISTRACTOR_KINDS or not self.end_s >= self.start_s:
            raise ConfigError(
                f"a distractor needs a kind out of {', '.join(DISTRACTOR_KINDS)} and start <= "
                f"end, got {self.kind!r} from {self.start_s} to {self.end_s} s"
            )


@dataclass(frozen=True)
class ClipSpec:
    """A clip, fully described: the same spec and portrait give the same frames.

    Attributes
    ----------
    seed
        Drives everything random that is not spelt out below.
    fps, duration_s, width, height
        Nominal frame rate (1/s), length (s), size (px).
    jitter, drop_rate
        Variable frame rate: frame times shake by this share of a frame interval (0…0.4), and
        this share of the frames is missing (0…0.5).
    face_iod_px, face_x, face_y
        Inter-ocular distance in px, where the face's middle lies as shares of width and height.
    identity_seed
        Vary the portrait's face shape and tone by this seed; ``None`` leaves it as it is.
    anatomy_seed
        Vary the muscles by this seed, see ``action_units.own_bumps``; ``None`` leaves them as in
        the table.
    micro_expressions, distractors
        What happens.
    drift_iod, drift_deg, drift_scale, drift_hz
        RMS of the head's drift: place (IOD), roll/yaw/pitch (degrees), scale (share), and how
        fast it goes (Hz).
    exposure_drift, flicker_hz, flicker_depth, exposure_s, readout
        RMS of the slow gain drift (share); mains light: frequency of its intensity (0 = none)
        and its depth; exposure time (s, longer washes flicker out); share of the frame interval
        that the rolling shutter takes to read all rows (0 = global shutter).
    noise_gaussian, noise_poisson
        Read noise (grey levels) and shot noise: variance = gaussian² + poisson × grey level.
    blur_px, skin_texture
        Optical blur (sigma, px) and added fine texture that moves with the skin (grey levels).
    contrast, brightness
        Picture is (level - 128) × contrast + 128 + brightness.
    crf, preset, gop
        x264: quality (higher is worse), preset, frames between key frames.
    """

    seed: int = 0
    fps: float = 30.0
    duration_s: float = 10.0
    width: int = 640
    height: int = 480
    jitter: float = 0.0
    drop_rate: float = 0.0
    face_iod_px: float = 100.0
    face_x: float = 0.5
    face_y: float = 0.5
    identity_seed: int | None = None
    anatomy_seed: int | None = None
    micro_expressions: tuple[MicroExpression, ...] = ()
    distractors: tuple[Distractor, ...] = ()
    drift_iod: float = 0.02
    drift_deg: float = 1.0
    drift_scale: float = 0.005
    drift_hz: float = 0.3
    exposure_drift: float = 0.01
    flicker_hz: float = 0.0
    flicker_depth: float = 0.0
    exposure_s: float = 0.005
    readout: float = 0.0
    noise_gaussian: float = 1.0
    noise_poisson: float = 0.01
    blur_px: float = 0.5
    skin_texture: float = 2.0
    contrast: float = 1.0
    brightness: float = 0.0
    crf: int = 20
    preset: str = "veryfast"
    gop: int = 60

    def __post_init__(self) -> None:
        checks = {
            "fps": 1 <= self.fps <= 1000,
            "duration_s": 0 < self.duration_s <= 3600,
            "width": self.width >= 64 and self.width % 2 == 0,
            "height": self.height >= 64 and self.height % 2 == 0,
            "jitter": 0 <= self.jitter <= 0.4,
            "drop_rate": 0 <= self.drop_rate <= 0.5,
            "face_iod_px": 20 <= self.face_iod_px <= 600,
            "crf": 0 <= self.crf <= 51,
        }
        for name, good in checks.items():
            if not good:
                raise ConfigError(
                    f"clip setting {name} = {getattr(self, name)} is out of range: fps 1–1000, "
                    "duration up to an hour, even sizes from 64, jitter 0–0.4, drop_rate 0–0.5, "
                    "face_iod_px 20–600, crf 0–51"
                )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values: numbers, strings, lists, dictionaries."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClipSpec:
        """Rebuild what ``to_dict`` gave, also after a round trip through JSON."""
        shaped = dict(values)
        shaped["micro_expressions"] = tuple(
            MicroExpression(**{**item, "action_units": _triples(item["action_units"])})
            for item in values.get("micro_expressions", ())
        )
        shaped["distractors"] = tuple(
            Distractor(**{**item, "action_units": _triples(item.get("action_units", ()))})
            for item in values.get("distractors", ())
        )
        return cls(**shaped)

    def with_seed(self, seed: int) -> ClipSpec:
        """Return the same clip with other noise, drift and sub-frame detail."""
        return replace(self, seed=seed)


def _triples(items: Any) -> tuple[tuple[int, float, float], ...]:
    return tuple((int(number), float(right), float(left)) for number, right, left in items)


def frame_ticks(spec: ClipSpec) -> NDArray[np.int64]:
    """Return the presentation times of a clip's frames, (N,) int64, in ``1/TICKS_PER_S`` s.

    Starts at 0, strictly increasing; even steps unless the spec asks for jitter or drops.
    """
    count = max(int(np.floor(spec.duration_s * spec.fps + 1e-6)), 1)
    steps = np.arange(count, dtype=np.float64)
    if spec.jitter or spec.drop_rate:
        rng = np.random.default_rng([spec.seed, 1])
        steps[1:] += rng.uniform(-spec.jitter, spec.jitter, count - 1)
        kept = rng.random(count) >= spec.drop_rate
        kept[0] = True
        steps = steps[kept]
    return np.asarray(np.rint(steps * TICKS_PER_S / spec.fps), np.int64)


def frame_times(spec: ClipSpec) -> NDArray[np.float64]:
    """Return the presentation times in seconds, (N,) float64."""
    return np.asarray(frame_ticks(spec) / TICKS_PER_S)
