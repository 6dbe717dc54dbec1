"""Pictures of several people: heads cut out of portraits, moved about before a wall.

Three who look quite different: the astronaut of the bundled clip and two painted faces.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

import cv2
import numpy as np

from offline.synthesis.painted_faces import painted_face
from offline.synthesis.portrait import Portrait
from realtime_mer.events import Frame
from realtime_mer.face.mesh import Mesh
from realtime_mer.face.topology import CROP_EYES_XY, CROP_IOD
from realtime_mer.face.tracker import align
from realtime_mer.sources import open_source
from tests.conftest import SAMPLE

WIDTH, HEIGHT, FPS = 640, 360, 30.0
_SIDE, _EYES_XY, _IOD = 480, (240.0, 190.0), CROP_IOD
Where = Callable[[float], tuple[float, float, float] | None]
"""Seconds → x, y of the point between the eyes and the inter-ocular distance, in pixels."""
Box = tuple[int, int, int, int]


@cache
def heads(name: str) -> Sequence[np.ndarray]:
    """Return (480, 480, 3) pictures of a head: "astronaut" moves, "pale" and "dark" are still."""
    if name == "astronaut":
        with open_source(SAMPLE) as source:
            pictures = [frame.image_rgb for frame in islice(source, 60, 160, 2)]
        mesh = Portrait.from_image(pictures[0]).mesh
        return [_cut_out(picture, mesh) for picture in pictures]
    portrait = painted_face(np.random.default_rng({"pale": 13, "dark": 11}[name]))
    return [_cut_out(portrait.image_rgb, portrait.mesh)]


def _cut_out(picture: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    to_head = align(Mesh(mesh[:, :2]))
    to_head[:, 2] += np.array(_EYES_XY) - CROP_EYES_XY
    return cv2.warpAffine(picture, to_head, (_SIDE, _SIDE), borderMode=cv2.BORDER_REPLICATE)


@cache
def _oval() -> np.ndarray:
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    oval = ((x - 240) / 140) ** 2 + ((y - 235) / 190) ** 2 < 1
    return cv2.GaussianBlur(oval.astype(np.float32), (0, 0), 4)


@dataclass(frozen=True)
class Scene:
    """Who is where: later names stand in front; ``boxes`` stand before everybody."""

    people: Mapping[str, Where]
    seconds: float
    boxes: Callable[[float], Sequence[Box]] = field(default=lambda t: ())

    def frames(self, rate: float = FPS) -> Iterator[Frame]:
        """Yield the pictures."""
        rng = np.random.default_rng(0)
        coarse = rng.integers(60, 180, (6, 10, 3), dtype=np.uint8)
        wall = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        grain = [np.rint(rng.normal(0, 1.5, wall.shape)).astype(np.int16) for _ in range(3)]
        for index in range(round(self.seconds * rate)):
            time_s = index / rate
            picture = wall.copy()
            for name, where in self.people.items():
                if (place := where(time_s)) is not None:
                    shown = heads(name)
                    _paste(picture, shown[min(index, len(shown) - 1)], place)
            for x0, y0, x1, y1 in self.boxes(time_s):
                picture[y0:y1, x0:x1] = (70, 80, 90)
            yield Frame(cv2.add(picture, grain[index % 3], dtype=cv2.CV_8U), time_s, index)

    def middle(self, name: str, time_s: float) -> np.ndarray | None:
        """Return where somebody's face is, (2,), None if not in the scene."""
        place = self.people[name](time_s)
        return None if place is None else np.array([place[0], place[1] + 0.4 * place[2]])


def _paste(picture: np.ndarray, head: np.ndarray, place: tuple[float, float, float]) -> None:
    x, y, iod = place
    size = iod / _IOD
    shift = np.array([[size, 0, x - size * _EYES_XY[0]], [0, size, y - size * _EYES_XY[1]]])
    there = cv2.warpAffine(head, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(_oval(), shift, (WIDTH, HEIGHT))[..., None]
    np.copyto(picture, (picture * (1 - share) + there * share).astype(np.uint8))


def stay(x: float, y: float = 150.0, iod: float = 62.0) -> Where:
    """Stand at a place, swaying a little."""
    return lambda t: (x + 3 * np.sin(1.3 * t), y + 2 * np.sin(1.7 * t), iod)


def walk(*stops: tuple[float, float], y: float = 150.0, iod: float = 62.0) -> Where:
    """Walk along (second, x) stops, smoothly; out of the scene from a NaN on to the next stop."""
    times, places = zip(*stops, strict=True)

    def where(t: float) -> tuple[float, float, float] | None:
        k = int(np.clip(np.searchsorted(times, t, side="right") - 1, 0, len(times) - 1))
        x = places[k]
        if k + 1 < len(times) and not np.isnan(places[k + 1]):
            u = np.clip((t - times[k]) / (times[k + 1] - times[k]), 0, 1)
            x += (places[k + 1] - x) * u * u * (3 - 2 * u)
        return None if np.isnan(x) else (x + 2 * np.sin(1.3 * t), y + np.sin(1.7 * t), iod)

    return where
