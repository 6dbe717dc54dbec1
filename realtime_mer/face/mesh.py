"""Find faces and their 478 mesh points in one picture, behind a small protocol.

Another mesh (a newer MediaPipe with a user's ``.task`` file, say) is one more class with
``detect`` and ``close``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.topology import POINTS, inter_ocular_distance


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """One face: ``points_xy`` (478, 2) float64 pixels of the picture it was found in."""

    points_xy: NDArray[np.float64]

    @property
    def iod_px(self) -> float:
        """Inter-ocular distance in pixels."""
        return inter_ocular_distance(self.points_xy)


class MeshDetector(Protocol):
    """Something that finds faces."""

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Mesh]:
        """Return the faces of an (H, W, 3) RGB picture, largest first."""
        ...

    def reset(self) -> None:
        """Forget earlier pictures: the next one comes from another place or time."""
        ...

    def close(self) -> None:
        """Free what the detector holds."""
        ...


class MediaPipeMesh:
    """The face mesh that MediaPipe 0.10.21 bundles (Kartynnik et al. 2019).

    Parameters
    ----------
    max_faces
        Most faces to return. Each costs about as much as the first.
    min_confidence
        Detection and tracking confidence in 0…1. Higher loses more faces at odd angles, lower
        sees more faces in wallpaper.
    """

    def __init__(self, max_faces: int = 1, min_confidence: float = 0.5) -> None:
        self._max_faces = max_faces
        self._min_confidence = min_confidence
        self._graph: Any = None

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Mesh]:
        """Return the faces of an (H, W, 3) RGB picture, largest first."""
        if self._graph is None:
            self._graph = self._open()
        writeable = image_rgb.flags.writeable
        image_rgb.flags.writeable = False  # lets MediaPipe read it without a copy
        found = self._graph.process(image_rgb).multi_face_landmarks or []
        image_rgb.flags.writeable = writeable
        height, width = image_rgb.shape[:2]
        meshes = [_to_mesh(face, width, height) for face in found]
        return sorted(meshes, key=lambda mesh: -mesh.iod_px)

    def reset(self) -> None:
        """Forget where faces were."""
        if self._graph is not None:
            self._graph.reset()

    def close(self) -> None:
        """Free the graph; the next ``detect`` opens a new one."""
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> Any:
        # TensorFlow Lite writes to stderr on its own; these are read when it is imported.
        os.environ.setdefault("GLOG_minloglevel", "2")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from mediapipe.python.solutions import face_mesh

        return face_mesh.FaceMesh(
            static_image_mode=False,
            max_num_faces=self._max_faces,
            refine_landmarks=True,
            min_detection_confidence=self._min_confidence,
            min_tracking_confidence=self._min_confidence,
        )


def _to_mesh(face: Any, width: int, height: int) -> Mesh:
    points = np.array([(p.x * width, p.y * height) for p in face.landmark], np.float64)
    if points.shape != (POINTS, 2):
        raise ValueError(f"expected {POINTS} mesh points, got {points.shape[0]}")
    # MediaPipe counts from the picture's corner, we from the centre of the first pixel.
    return Mesh(points - 0.5)
