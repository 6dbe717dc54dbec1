"""Whether a face can be seen well enough for anything to be claimed of it.

The measures are pure functions of what one picture shows. The gate compares them with its
settings, keeps what it said for a moment so that advice does not flicker, and remembers when it
was shut.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError
from realtime_mer.face import similarity
from realtime_mer.face.mesh import Mesh
from realtime_mer.face.pose import pose_of
from realtime_mer.face.topology import CROP, CROP_EYES_XY, CROP_IOD
from realtime_mer.face.view import FaceView

TOO_FAR = "too far"
TURN = "turn to the camera"
UNCOVER = "uncover the face"
TOO_DARK = "too dark"
TOO_BRIGHT = "too bright"
BLURRED = "blurred"
HOLD_STILL = "hold still"
ADVICE = (TOO_FAR, TURN, UNCOVER, TOO_DARK, TOO_BRIGHT, BLURRED, HOLD_STILL)
"""All that a gate may say, in the order in which it says it: what hides the rest comes first."""

_BLACK, _WHITE = 4, 251
_REMEMBERED_S = 3.0


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What a face must be like. Stricter thresholds claim less, and claim it more surely.

    Attributes
    ----------
    least_iod_px
        Inter-ocular distance in pixels of the picture below which a face is too far. A faint
        micro-expression moves skin by 1 % of it: 0.3 pixels at 30, of which patches of skin see
        a tenth. Higher asks people to come closer.
    most_yaw_deg, most_pitch_deg
        Turn of the head, measured from the mesh against the canonical one, either way. A cheek
        faces some 45° outwards: at a yaw of 35° the far one is seen at 80°, a sixth of its
        width. Pitch is stricter, for brows go behind their ridge and lips behind the nose.
        Higher accepts people who look aside.
    most_covered
        Share of all patches that do not look like themselves: hands, hair, a microphone. Higher
        accepts more of that.
    least_level
        Grey level, 0…255, that a tenth of the inner face must reach; highlights on skin of any
        tone do in fair light. Lower accepts darker pictures.
    least_contrast
        Root mean square of the inner face's detail of 0.04 to 0.07 inter-ocular distances, in
        grey levels; a well-lit face has 6 to 13, a camera's noise at that scale is 0.2. A face
        below it is called too dark or too bright, by its level. Lower accepts haze.
    most_clipped
        Share of the inner face that may be black or white without detail. Higher accepts
        harder light.
    least_sharpness
        Detail of 0.02 to 0.04 inter-ocular distances as a share of that twice as coarse. Sharp
        faces have 0.6 to 0.8, whatever their size down to 25 pixels; a blur of 0.045
        inter-ocular distances (standard deviation), which erases lids and brow hair, leaves 0.4.
        Higher calls softer pictures blurred.
    most_speed_iod
        Inter-ocular distances a second that the head may move: in an exposure of 1/60 s it
        smears by a sixtieth of this. Higher accepts more fidgeting.
    least_correlation
        Median correlation of the rigid patches with the anchor. The tracker itself gives up at
        0.55. Higher trusts it less.
    ease
        A face that was turned down must be better than each threshold by this share before it
        is let in again. Higher flickers less and lets in later.
    calm_s
        For how long it must be better. The same.
    every_s
        Seconds between looks at light and sharpness, which take a fifth of a millisecond.
    """

    least_iod_px: float = 30.0
    most_yaw_deg: float = 35.0
    most_pitch_deg: float = 28.0
    most_covered: float = 0.4
    least_level: float = 50.0
    least_contrast: float = 1.8
    most_clipped: float = 0.3
    least_sharpness: float = 0.42
    most_speed_iod: float = 2.0
    least_correlation: float = 0.62
    ease: float = 0.1
    calm_s: float = 0.3
    every_s: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.ease < 1:
            raise ConfigError(f"the gate's ease is a share from 0 to below 1, got {self.ease}")
        if self.calm_s < 0 or self.every_s < 0:
            raise ConfigError(
                f"the gate's times are seconds from 0, got calm_s={self.calm_s} and "
                f"every_s={self.every_s}"
            )


@dataclass(frozen=True, slots=True)
class Light:
    """How the inner face is lit and focused; the attributes are explained in ``GateSettings``.

    ``level`` is the grey level that a tenth of it reaches; ``black`` and ``white`` are shares
    without detail.
    """

    level: float
    black: float
    white: float
    contrast: float
    sharpness: float


def iod_px(view: FaceView) -> float:
    """Return the inter-ocular distance in pixels of the picture."""
    return CROP_IOD / max(similarity.scale_of(view.to_crop), 1e-6)


@cache
def _inner() -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """Return the rows and columns around the inner face at half the crop's size, and its share.

    Brows to lips; the share is 1 within and 0 without, of what the two slices cut out. A margin
    around it keeps the cut's edge out of what is blurred within.
    """
    places = np.mgrid[0:CROP:2, 0:CROP:2] + 0.5 - np.array(CROP_EYES_XY)[::-1, None, None]
    y, x = places / CROP_IOD
    within = (x / 0.8) ** 2 + (y - 0.35) ** 2 < 1
    rows, columns = (np.flatnonzero(within.any(axis=axis)) for axis in (1, 0))
    cut = tuple(slice(max(0, int(at[0]) - 8), int(at[-1]) + 9) for at in (rows, columns))
    return (cut[0], cut[1]), within[cut].astype(np.float32)


def light_of(crop_gray: NDArray[np.uint8]) -> Light:
    """Judge light and focus of an aligned (320, 320) grey crop."""
    cut, inner = _inner()
    side = CROP // 2
    half = cv2.resize(crop_gray, (side, side), interpolation=cv2.INTER_AREA)[cut]
    skin = half[inner > 0]
    soft = half.astype(np.float32)
    rough = []
    for sigma in (1.0, 2.0, 4.0):
        before, soft = soft, cv2.GaussianBlur(half.astype(np.float32), (0, 0), sigma)
        detail = (soft - before) * inner
        rough.append(float(np.sqrt(np.vdot(detail, detail) / len(skin))))
    _, fine, coarse = rough
    bright = int(0.9 * len(skin))
    return Light(
        level=float(np.partition(skin, bright)[bright]),
        black=float((skin <= _BLACK).mean()),
        white=float((skin >= _WHITE).mean()),
        contrast=coarse,
        sharpness=fine / max(coarse, 1e-3),
    )


class Gate:
    """Judge one face, one ``step`` a view.

    Parameters
    ----------
    settings
        See ``GateSettings``.
    """

    def __init__(self, settings: GateSettings) -> None:
        self.settings = settings
        self._said: dict[str, float] = {}
        self._shut: deque[list[float]] = deque()
        self._open = True
        self.restart()

    def restart(self) -> None:
        """Begin anew: what was said was about another moment."""
        self._said.clear()
        self._shut.clear()
        self._open = True
        self._mesh: Mesh | None = None
        self._turn = 0.0
        self._light: Light | None = None
        self._lit_s = -np.inf
        self._before: tuple[float, NDArray[np.float64]] | None = None
        self._speed = 0.0

    def step(self, view: FaceView, mesh: Mesh | None = None) -> tuple[str, ...]:
        """Return what would have to change, out of ``ADVICE``; nothing when all is well.

        ``mesh`` is the newest that was found of this face; the pose is read from it.
        """
        if view.restarted:
            self.restart()
        excess = self._excess(view, mesh)
        for what, much in excess.items():
            least = 1 - self.settings.ease if what in self._said else 1.0
            if not much <= least:
                self._said[what] = view.time_s
        now = [
            what
            for what in ADVICE
            if what in self._said and view.time_s - self._said[what] <= self.settings.calm_s
        ]
        self._said = {what: self._said[what] for what in now}
        self._note(view.time_s, bool(now))
        return tuple(now)

    def touched(self, start_s: float, end_s: float) -> bool:
        """Tell whether the gate was shut at any time from ``start_s`` to ``end_s``."""
        return any(start <= end_s and end >= start_s for start, end in self._shut)

    def _note(self, now_s: float, shut: bool) -> None:
        """Keep the stretches in which the gate was shut; the last one may go on."""
        if not shut:
            self._open = True
        elif self._shut and not self._open:
            self._shut[-1][1] = now_s
        else:
            self._shut.append([now_s, now_s])
            self._open = False
        while self._shut and now_s - self._shut[0][1] > _REMEMBERED_S:
            self._shut.popleft()

    def _excess(self, view: FaceView, mesh: Mesh | None) -> dict[str, float]:
        """Return by how much each threshold is exceeded: 1 is the threshold, more is worse."""
        s = self.settings
        if mesh is not None and mesh is not self._mesh:
            self._mesh = mesh
            pose = pose_of(mesh)
            self._turn = max(abs(pose.yaw) / s.most_yaw_deg, abs(pose.pitch) / s.most_pitch_deg)
        if self._light is None or view.time_s - self._lit_s >= s.every_s:
            self._light, self._lit_s = light_of(view.crop_gray), view.time_s
        light = self._light
        flat = s.least_contrast / max(light.contrast, 1e-3)
        bright = light.level > 160
        return {
            TOO_FAR: s.least_iod_px / iod_px(view),
            TURN: self._turn,
            UNCOVER: view.covered / s.most_covered,
            TOO_DARK: max(
                s.least_level / max(light.level, 1e-3),
                light.black / s.most_clipped,
                0.0 if bright else flat,
            ),
            TOO_BRIGHT: max(light.white / s.most_clipped, flat if bright else 0.0),
            BLURRED: s.least_sharpness / max(light.sharpness, 1e-3),
            HOLD_STILL: max(
                self._hurry(view) / s.most_speed_iod,
                s.least_correlation / max(view.correlation, 1e-3),
            ),
        }

    def _hurry(self, view: FaceView) -> float:
        """Return how fast the head moves, inter-ocular distances a second, over some 0.1 s."""
        here, before = view.head[:2], self._before
        self._before = (view.time_s, here.copy())
        if before is not None and (passed := view.time_s - before[0]) > 0:
            share = min(1.0, passed / 0.1)
            now = float(np.hypot(*(here - before[1]))) / passed
            self._speed += share * (now - self._speed)
        return self._speed
