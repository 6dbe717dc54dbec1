"""A still face to be set in motion: an RGB image and the 478-point mesh that lies on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import SourceError
from realtime_mer.face.topology import eye_centres, inter_ocular_distance, mirror_index

_CLEAR_FACE_IOD_PX = 24.0


@dataclass(frozen=True, eq=False)
class Portrait:
    """A neutral-ish, roughly frontal face.

    Attributes
    ----------
    image_rgb
        (H, W, 3) uint8.
    mesh
        (478, 3) float64: x and y in pixels of the image, z in pixels too, away from the camera.
    name
        Where it came from, for the truth file.
    """

    image_rgb: NDArray[np.uint8]
    mesh: NDArray[np.float64]
    name: str = "portrait"

    @classmethod
    def astronaut(cls) -> Portrait:
        """Return scikit-image's public-domain portrait of Eileen Collins (NASA)."""
        from skimage import data

        return cls.from_image(data.astronaut(), "astronaut")

    @classmethod
    def from_image(cls, image_rgb: NDArray[np.uint8], name: str = "portrait") -> Portrait:
        """Find the mesh of the most prominent face.

        Parameters
        ----------
        image_rgb
            (H, W, 3) uint8.
        name
            Stored in the truth file of every clip rendered from it.

        Raises
        ------
        SourceError
            If no face is found, or one too small to be animated.
        """
        image = np.ascontiguousarray(image_rgb)
        mesh = _find_mesh(image)
        if mesh is None:
            height, width = image.shape[:2]
            raise SourceError(
                f"no face found in {name} ({width}x{height}): give a sharp, roughly frontal "
                "picture of one face, RGB, uint8, (height, width, 3)"
            )
        iod = inter_ocular_distance(mesh)
        if iod < _CLEAR_FACE_IOD_PX:
            raise SourceError(
                f"the face in {name} has {iod:.0f} px between the eyes; at least "
                f"{_CLEAR_FACE_IOD_PX:.0f} are needed: give a closer or larger picture"
            )
        return cls(image, mesh, name)

    @property
    def iod(self) -> float:
        """Distance between the eye centres in pixels."""
        return inter_ocular_distance(self.mesh)

    def mirrored(self) -> Portrait:
        """Return the mirror image, whose mesh is renumbered so that sides stay the subject's."""
        mesh = self.mesh[mirror_index()].copy()
        mesh[:, 0] = self.image_rgb.shape[1] - 1 - mesh[:, 0]
        return Portrait(np.ascontiguousarray(self.image_rgb[:, ::-1]), mesh, self.name)

    def varied(self, rng: np.random.Generator) -> Portrait:
        """Return somebody else: another face shape, perhaps mirrored, another tone.

        The face is bent by smooth symmetric bumps (up to about 5 % of the inter-ocular distance)
        and stretched by up to 6 %; gamma, gain and colour temperature change too.
        """
        base = self.mirrored() if rng.random() < 0.5 else self
        bent = _bend(base, rng)
        return Portrait(_retoned(bent, rng), bent.mesh, self.name)


def _find_mesh(image_rgb: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    import mediapipe as mp

    height, width = image_rgb.shape[:2]
    with mp.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=1, refine_landmarks=True
    ) as finder:
        found = finder.process(image_rgb).multi_face_landmarks
    if not found:
        return None
    mesh = np.array([(p.x, p.y, p.z) for p in found[0].landmark])
    return np.asarray(mesh * [width, height, width] - [0.5, 0.5, 0.0])


def _bend(portrait: Portrait, rng: np.random.Generator) -> Portrait:
    """Apply a smooth random warp to image and mesh alike."""
    right, left = eye_centres(portrait.mesh)
    centre, iod = (right + left) / 2 + (0.0, 0.5 * portrait.iod), portrait.iod
    stretch = 1 + rng.uniform(-0.06, 0.06, 2)
    places = np.column_stack([rng.uniform(0.0, 1.0, 7), rng.uniform(-0.9, 1.4, 7)])
    pushes = rng.normal(0.0, 0.03, (7, 2)).clip(-0.06, 0.06)
    reach = rng.uniform(0.3, 0.7, 7)

    def pushed(x: Any, y: Any) -> tuple[Any, Any]:
        """Backward displacement in pixels at picture coordinates (float arrays of any shape)."""
        u, v = (x - centre[0]) / iod, (y - centre[1]) / iod
        fade = np.exp(-0.5 * ((u / 1.6) ** 4 + (v / 2.0) ** 4))
        dx, dy = u * (1 - 1 / stretch[0]) * fade, v * (1 - 1 / stretch[1]) * fade
        for (px, py), (sx, sy), r in zip(places, pushes, reach, strict=True):
            for side in (-1.0, 1.0):
                weight = np.exp(-0.5 * (((u - side * px) / r) ** 2 + ((v - py) / r) ** 2))
                dx, dy = dx + side * sx * weight, dy + sy * weight
        return dx * iod, dy * iod

    height, width = portrait.image_rgb.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    dx, dy = pushed(x, y)
    image = cv2.remap(
        portrait.image_rgb,
        (x - dx).astype(np.float32),
        (y - dy).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    moved = portrait.mesh.copy()
    for _ in range(30):  # fixed point of q = s + d(q)
        moved[:, :2] = portrait.mesh[:, :2] + np.column_stack(pushed(moved[:, 0], moved[:, 1]))
    return Portrait(image, moved, portrait.name)


def _retoned(portrait: Portrait, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Bring the face to another brightness by a gamma curve, the picture to another warmth."""
    image_rgb = portrait.image_rgb
    columns, rows = np.rint(portrait.mesh[:, :2]).astype(int).T
    height, width = image_rgb.shape[:2]
    seen = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    level = float(np.clip(image_rgb[rows[seen], columns[seen]].mean() / 255, 0.05, 0.95))
    wanted = float(rng.uniform(0.35, 0.68))
    gamma = float(np.clip(np.log(wanted) / np.log(level), 0.55, 1.8))
    warmth = float(rng.normal(0.0, 0.04))
    scale = np.array([1 + warmth, 1.0, 1 - warmth])
    levels = (np.arange(256)[:, None] / 255) ** gamma * scale
    table = np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.stack([table[:, c][image_rgb[..., c]] for c in range(3)], -1))
