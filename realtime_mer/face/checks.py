"""Comparing a followed face with the mesh now and then: at once, or beside the stream.

The mesh takes as long as several pictures of a fast camera last. Whoever must not wait for it has
it look at a picture in a thread of its own and takes the answer a few pictures later, together with
where the face was thought to be in *that* picture. A recording is checked at once, so that its
results do not depend on how busy the machine was.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face import similarity
from realtime_mer.face.mesh import Mesh, MeshDetector

JOIN_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What the mesh says of a picture.

    Attributes
    ----------
    mesh
        The face; None if it finds none.
    to_crop
        (2, 3) where the face was thought to be in that picture.
    """

    mesh: Mesh | None
    to_crop: similarity.Matrix


class Checks(Protocol):
    """Somebody to ask about a followed face."""

    def ask(self, image_rgb: NDArray[np.uint8], to_crop: similarity.Matrix) -> bool:
        """Have the mesh look at an (H, W, 3) RGB picture; False if it is still busy."""
        ...

    def answer(self) -> Checked | None:
        """Return each answer once; None while there is none."""
        ...

    def forget(self) -> None:
        """Want no answer any more to what was asked: the face is followed no longer."""
        ...

    def close(self) -> None:
        """Free what is held; the detector stays open."""
        ...


class ChecksAtOnce:
    """Asks the mesh and waits.

    Parameters
    ----------
    detector
        Its first face counts.
    """

    def __init__(self, detector: MeshDetector) -> None:
        self._detector = detector
        self._answer: Checked | None = None

    def ask(self, image_rgb: NDArray[np.uint8], to_crop: similarity.Matrix) -> bool:
        """Look at a picture."""
        self._answer = Checked(first_face(self._detector, image_rgb), to_crop)
        return True

    def answer(self) -> Checked | None:
        """Return the answer, once."""
        answer, self._answer = self._answer, None
        return answer

    def forget(self) -> None:
        """Drop an answer that was not taken."""
        self._answer = None

    def close(self) -> None:
        """Free nothing."""


class ChecksBeside:
    """Asks the mesh in a thread of its own, which starts with the first question.

    Parameters
    ----------
    detector
        Must bear calls from two threads, see ``OneAtATime``.
    """

    def __init__(self, detector: MeshDetector) -> None:
        self._detector = detector
        self._change = threading.Condition()
        self._question: tuple[NDArray[np.uint8], similarity.Matrix] | None = None
        self._answer: Checked | None = None
        self._error: BaseException | None = None
        self._wanted = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def ask(self, image_rgb: NDArray[np.uint8], to_crop: similarity.Matrix) -> bool:
        """Hand a picture over; it must not be written to any more."""
        with self._change:
            if self._question is not None or self._closed:
                return False
            self._question, self._answer, self._wanted = (image_rgb, to_crop), None, True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="mer-mesh", daemon=True)
                self._thread.start()
            self._change.notify_all()
            return True

    def answer(self) -> Checked | None:
        """Return the answer, once; raises what the mesh raised."""
        with self._change:
            answer, self._answer = self._answer, None
            error, self._error = self._error, None
        if error is not None:
            raise error
        return answer

    def forget(self) -> None:
        """Drop the answer, also one that is still to come."""
        with self._change:
            self._answer, self._wanted = None, False

    def close(self) -> None:
        """End the thread, waiting for the picture that the mesh looks at."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join(JOIN_PATIENCE_S)

    def _work(self) -> None:
        while True:
            with self._change:
                while self._question is None and not self._closed:
                    self._change.wait()
                if self._closed:
                    return
                assert self._question is not None
                image_rgb, to_crop = self._question
            error: BaseException | None = None
            mesh = None
            try:
                mesh = first_face(self._detector, image_rgb)
            except BaseException as raised:
                error = raised
            with self._change:
                self._question = None
                if self._wanted:
                    self._answer = None if error else Checked(mesh, to_crop)
                    self._error = error


class OneAtATime:
    """A detector that several threads may call: one waits for the other."""

    def __init__(self, detector: MeshDetector) -> None:
        self._detector = detector
        self._lock = threading.Lock()

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Mesh]:
        """Return the faces of an (H, W, 3) RGB picture, largest first."""
        with self._lock:
            return self._detector.detect(image_rgb)

    def reset(self) -> None:
        """Forget earlier pictures."""
        with self._lock:
            self._detector.reset()

    def close(self) -> None:
        """Free what the detector holds."""
        with self._lock:
            self._detector.close()


def first_face(detector: MeshDetector, image_rgb: NDArray[np.uint8]) -> Mesh | None:
    """Return the largest face of a picture, None if there is none."""
    faces = detector.detect(image_rgb)
    return faces[0] if faces else None
