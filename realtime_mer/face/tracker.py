"""One face through a video: found by the mesh, then followed by its skin.

The mesh runs a few times a second, to find the face and to check on it; every other picture is
registered to the anchor by patches, which is finer (a mesh point trembles by a good part of what
a micro-expression moves) and cheaper.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.events import Frame
from realtime_mer.face import registration, similarity
from realtime_mer.face.checks import Checked, Checks, ChecksAtOnce, first_face
from realtime_mer.face.cuts import CutDetector
from realtime_mer.face.measures import average_channels, eye_pictures, quality_of
from realtime_mer.face.mesh import Mesh, MeshDetector
from realtime_mer.face.points import Layout, layout
from realtime_mer.face.regions import region_labels
from realtime_mer.face.registration import Anchor
from realtime_mer.face.rigid import SOFT_SAY, HeadFit, design, fit_head
from realtime_mer.face.topology import (
    CROP,
    CROP_EYES_XY,
    CROP_IOD,
    RIGID,
    canonical_crop_xy,
    eye_centres,
)
from realtime_mer.face.view import FaceView, Loss, Picture
from realtime_mer.motion.sliding import SlidingResidual

RESIDUAL_KEYS = 2
"""Frames in the sliding residual sum: two are steadier than one and hardly later."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How a face is followed.

    Attributes
    ----------
    mesh_every_s
        Seconds between mesh runs on a face that is being followed. Lower notices a lost face
        sooner and costs more.
    search_every_s
        Seconds between mesh runs while no face is known.
    lost_correlation
        Median correlation of the rigid patches below which the face counts as lost. Higher
        gives up on blurred or half-covered faces sooner.
    drift_iod
        Disagreement between mesh and patches, in inter-ocular distances, above which the
        anchor is thrown away.
    renew_correlation
        Mean patch correlation below which a still face gets fresh templates.
    """

    mesh_every_s: float = 0.2
    search_every_s: float = 0.1
    lost_correlation: float = 0.55
    drift_iod: float = 0.2
    renew_correlation: float = 0.93


@dataclass(slots=True)
class _Track:
    """What is remembered of the face being followed."""

    to_crop: similarity.Matrix
    anchor: Anchor
    moved: NDArray[np.float32]
    eyes_xy: NDArray[np.float64]
    iod_px: float
    checked_s: float
    restarted: bool = True
    lost_since_s: float | None = None
    misses: int = 0
    stillness: list[NDArray[np.float64]] = field(default_factory=list)


class FaceTracker:
    """Follow the largest face of a stream, one ``step`` a picture, no threads.

    ``loss`` says why the newest picture showed no usable face, ``mesh`` is what the detector
    last found, and ``mesh_runs`` how often it was asked.

    Parameters
    ----------
    detector
        The mesh. The tracker does not close it.
    settings
        See ``TrackerSettings``.
    face_id
        Written into every view.
    checks
        Compares the followed face with the mesh; None does so at once, with ``detector``.
    painter
        Makes the coloured crop while the rest is measured; None makes it before.
    """

    def __init__(
        self,
        detector: MeshDetector,
        settings: TrackerSettings | None = None,
        face_id: int = 0,
        checks: Checks | None = None,
        painter: Executor | None = None,
    ) -> None:
        self.face_id = face_id
        self.settings = settings or TrackerSettings()
        self.loss: Loss | None = Loss.NO_FACE
        self.mesh_runs = 0
        self.mesh: Mesh | None = None
        self._detector = detector
        self._checks = checks or ChecksAtOnce(detector)
        self._painter = painter
        self._layout: Layout = layout()
        self._track: _Track | None = None
        self._residual = SlidingResidual(region_labels(), n_key=RESIDUAL_KEYS)
        self._cuts = CutDetector()
        self._out: NDArray[np.uint8] | None = None
        self._searched_s = -np.inf
        self._segment = -1
        self._source_segment = -1
        home = canonical_crop_xy()[list(self._layout.mesh_points)]
        self._places = (home - np.array(CROP_EYES_XY)) / CROP_IOD
        self._design = design(self._places, self._layout.depth)
        self._membership = self._layout.membership()
        self._say = np.full(len(self._design), SOFT_SAY)
        self._say[list(self._layout.rigid)] = 1.0

    def reset(self) -> None:
        """Forget the face: what comes next is another place or time."""
        self._track = None
        self._searched_s = -np.inf
        self._checks.forget()
        self._detector.reset()

    @property
    def checked_s(self) -> float | None:
        """When the followed face was last compared with the mesh; None if none is followed."""
        return None if self._track is None else self._track.checked_s

    @property
    def to_crop(self) -> similarity.Matrix | None:
        """Where the face was last registered, (2, 3) to crop pixels; None if none is followed."""
        return None if self._track is None else self._track.to_crop

    @property
    def hidden(self) -> bool:
        """True while a face that was followed a moment ago cannot be found again."""
        return self._track is not None and self._track.lost_since_s is not None

    def step(
        self,
        frame: Frame,
        out: NDArray[np.uint8] | None = None,
        picture: Picture | None = None,
    ) -> FaceView | None:
        """Take the next picture; return what it shows of the face, None if nothing usable.

        ``loss`` says why after None. The aligned crop is written into ``out`` ((320, 320, 3)
        uint8, C-contiguous) if given. ``picture`` saves the work that trackers of the same
        picture share.
        """
        if frame.segment != self._source_segment:
            self._source_segment = frame.segment
            self.reset()
            self._cuts.reset()
        if picture is None:
            gray = cv2.cvtColor(frame.image_rgb, cv2.COLOR_RGB2GRAY)
            picture = Picture(gray, self._cuts.step(gray))
        gray, cut = picture.gray, picture.cut
        self._out = out
        if cut:
            self.reset()
        if self._track is None and not self._search(frame, gray):
            self.loss = Loss.CUT if cut else Loss.NO_FACE
            return None
        track = self._track
        assert track is not None
        found = registration.register(gray, track.to_crop, track.anchor, self._layout)
        if found.similarity < self.settings.lost_correlation:
            return self._lost(frame, gray, track)
        track.to_crop = found.to_crop
        if picture.check or frame.time_s - track.checked_s >= self.settings.mesh_every_s:
            self._ask(frame, track)
        if (told := self._checks.answer()) is not None:
            self._check(frame, gray, track, told)
            if self._track is None:
                self.loss = Loss.NO_FACE
                return None
            track = self._track
        track.lost_since_s = None
        self.loss = None
        return self._view(frame, gray, track, found.similarity)

    def _mesh(self, frame: Frame) -> Mesh | None:
        self.mesh_runs += 1
        self.mesh = first_face(self._detector, frame.image_rgb)
        return self.mesh

    def _search(self, frame: Frame, gray: NDArray[np.uint8]) -> bool:
        if frame.time_s - self._searched_s < self.settings.search_every_s:
            return False
        self._searched_s = frame.time_s
        mesh = self._mesh(frame)
        if mesh is None:
            return False
        self._start(frame, gray, mesh)
        return True

    def _start(self, frame: Frame, gray: NDArray[np.uint8], mesh: Mesh) -> None:
        to_crop = align(mesh)
        crop = registration.warp(gray, to_crop)
        points = similarity.apply(to_crop, mesh.points_xy[list(self._layout.mesh_points)])
        anchor = registration.make_anchor(crop, points, None)
        self._residual.rebase(crop)
        self._segment += 1
        eyes = similarity.apply(to_crop, np.array(eye_centres(mesh.points_xy)))
        still = np.zeros((len(points), 2), np.float32)
        self._checks.forget()
        self._track = _Track(to_crop, anchor, still, eyes, mesh.iod_px, frame.time_s)

    def _lost(self, frame: Frame, gray: NDArray[np.uint8], track: _Track) -> FaceView | None:
        """Ask the mesh; a covered face is waited for, a moved one is taken up anew."""
        if track.lost_since_s is None:
            track.lost_since_s = frame.time_s
            self._searched_s = -np.inf
        if frame.time_s - self._searched_s < self.settings.search_every_s:
            return None
        self._searched_s = frame.time_s
        mesh = self._mesh(frame)
        if mesh is None:
            self.loss = Loss.NO_FACE
            if frame.time_s - track.lost_since_s > 0.5:
                self._track = None
            return None
        again = registration.register(gray, align(mesh), track.anchor, self._layout)
        if again.similarity >= self.settings.lost_correlation:
            track.to_crop, track.lost_since_s, self.loss = again.to_crop, None, None
            track.moved[:] = 0
            return self._view(frame, gray, track, again.similarity)
        self.loss = Loss.OCCLUDED
        elsewhere = _disagreement(align(mesh), track.to_crop) > 3 * self.settings.drift_iod
        if elsewhere or frame.time_s - track.lost_since_s > 0.4:
            self._start(frame, gray, mesh)
            self.loss = None
            return self._view(frame, gray, self._track, 1.0)  # type: ignore[arg-type]
        return None

    def _ask(self, frame: Frame, track: _Track) -> None:
        """Have the mesh look at this picture; where it is still busy, at the next."""
        if self._checks.ask(frame.image_rgb, track.to_crop):
            track.checked_s = frame.time_s
            self.mesh_runs += 1

    def _check(self, frame: Frame, gray: NDArray[np.uint8], track: _Track, told: Checked) -> None:
        """Compare with the mesh; drop a track that the mesh does not bear out."""
        self.mesh = told.mesh
        if told.mesh is None:
            track.misses += 1
            if track.misses >= 3:
                self.reset()
            return
        track.misses = 0
        if _disagreement(align(told.mesh), told.to_crop) <= self.settings.drift_iod:
            return
        mesh = told.mesh if told.to_crop is track.to_crop else self._mesh(frame)
        if mesh is None:
            self.reset()
        else:
            self._start(frame, gray, mesh)

    def _paint(
        self, image_rgb: NDArray[np.uint8], to_crop: similarity.Matrix
    ) -> Callable[[], NDArray[np.uint8]]:
        """Have the coloured crop made; return what waits for it."""
        if self._painter is not None:
            return self._painter.submit(paint, image_rgb, to_crop, self._out).result
        crop_rgb = paint(image_rgb, to_crop, self._out)
        return lambda: crop_rgb

    def _view(
        self, frame: Frame, gray: NDArray[np.uint8], track: _Track, correlation: float
    ) -> FaceView:
        painted = self._paint(frame.image_rgb, track.to_crop)
        crop_gray = registration.warp(gray, track.to_crop)
        moved, ncc = registration.displacements(crop_gray, track.anchor, track.moved)
        track.moved = np.where((ncc > 0.3)[:, None], moved, track.moved).astype(np.float32)
        seen = np.clip(2 * ncc - 0.8, 0, 1) ** 2
        known = track.anchor.trust * seen[:, None, None]
        iod = moved.astype(np.float64) / CROP_IOD
        head = fit_head(self._design, iod, known, self._say)
        own = iod - self._design @ head.parameters
        channels = average_channels(own, known, ncc, self._membership)
        placement = _placement(similarity.compose(_undo(head), track.to_crop), track.iod_px)
        residual = self._residual.push(crop_gray)
        restarted, track.restarted = track.restarted, False
        self._renew(track, crop_gray, own, ncc)
        return FaceView(
            time_s=frame.time_s,
            index=frame.index,
            segment=self._segment,
            face_id=self.face_id,
            crop_rgb=painted(),
            crop_gray=crop_gray,
            to_crop=track.to_crop,
            channels_iod=channels,
            head=np.concatenate([placement, head.turn]),
            eyes=eye_pictures(crop_gray, track.eyes_xy),
            correlation=correlation,
            covered=float((ncc < COVERED_CORRELATION).mean()),
            residual=residual.running / residual.filled,
            quality=quality_of(track.to_crop, correlation, crop_gray),
            restarted=restarted,
        )

    def _renew(
        self,
        track: _Track,
        crop_gray: NDArray[np.uint8],
        own: NDArray[np.float64],
        ncc: NDArray[np.float32],
    ) -> None:
        """Take fresh templates when the old ones no longer fit and nothing is moving."""
        track.stillness.append(own)
        if len(track.stillness) < 6:
            return
        oldest = track.stillness.pop(0)
        still = similarity.middle(np.abs(own - oldest).ravel()) < 0.002
        if still and float(ncc.mean()) < self.settings.renew_correlation:
            points = track.anchor.home_xy + track.moved
            track.anchor = registration.make_anchor(crop_gray, points, track.anchor.home_xy)
            track.stillness.clear()
            self._residual.rebase(crop_gray)


def paint(
    image_rgb: NDArray[np.uint8], to_crop: similarity.Matrix, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Return the aligned (320, 320, 3) crop of a picture, written into ``out`` if given."""
    crop_rgb = cv2.warpAffine(
        image_rgb,
        to_crop,
        (CROP, CROP),
        dst=out,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(crop_rgb, np.uint8)


COVERED_CORRELATION = 0.6
"""A patch that correlates less than this with its template is covered or has changed its look."""
FACE_MIDDLE_XY = (CROP_EYES_XY[0], CROP_EYES_XY[1] + 0.4 * CROP_IOD)


def align(mesh: Mesh) -> similarity.Matrix:
    """Return the (2, 3) similarity from picture to crop, fitted to rigid points only."""
    rigid = list(RIGID)
    return similarity.fit(mesh.points_xy[rigid], canonical_crop_xy()[rigid])


def _placement(to_crop: similarity.Matrix, iod_px: float) -> NDArray[np.float64]:
    """Return where the face is: middle in units of ``iod_px``, log scale, roll.

    ``iod_px`` is the distance when the face was found: the one of now trembles, and the middle
    lies several of them from the picture's corner.
    """
    back = similarity.invert(to_crop)
    middle = similarity.apply(back, np.array([FACE_MIDDLE_XY]))[0] / iod_px
    scale = similarity.scale_of(back) * CROP_IOD
    return np.array([middle[0], middle[1], np.log(scale), similarity.roll_of(back)])


def _undo(head: HeadFit) -> similarity.Matrix:
    """Return the similarity of crop pixels that takes the head's shift, zoom and roll back."""
    x, y, zoom, roll = head.parameters[:4]
    eyes = np.array(CROP_EYES_XY)
    linear = np.array([[1 + zoom, -roll], [roll, 1 + zoom]])
    shift = eyes + np.array([x, y]) * CROP_IOD - linear @ eyes
    return similarity.invert(np.column_stack([linear, shift]))


def _disagreement(one: similarity.Matrix, other: similarity.Matrix) -> float:
    """Return how far two alignments put the same face apart, in inter-ocular distances."""
    corners = np.array([CROP_EYES_XY, (CROP_EYES_XY[0], CROP_EYES_XY[1] + CROP_IOD)])
    there = similarity.apply(one, similarity.apply(similarity.invert(other), corners))
    return float(np.hypot(*(there - corners).T).max()) / CROP_IOD
