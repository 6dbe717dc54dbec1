"""Judge a recogniser on rendered clips, all the way: video file, face tracker, recipe, engine.

``python -m offline.models.rendered_eval --clips 20 --seed 1`` prints the figures as JSON; give
``--portrait FILE`` (picture or video, repeatable) to render other people than the astronaut, who
is in the training data of the bundled model.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines import load_package, write_package
from offline.scores.metrics import confusion_matrix, score
from offline.synthesis.action_units import draw_activation, scaled_to_peak
from offline.synthesis.clip_spec import ClipSpec, Distractor, MicroExpression
from offline.synthesis.portrait import Portrait
from offline.synthesis.profiles import PROFILES
from offline.synthesis.render import write_clip
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import SourceError
from realtime_mer.events import EMOTIONS
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.face.tracker import FaceTracker
from realtime_mer.face.view import FaceView
from realtime_mer.recognizer import open_recognizer
from realtime_mer.sources import open_source

log = logging.getLogger(__name__)

RATES = (30.0, 60.0, 100.0, 200.0)
EVENTS = 6
SPACING_S = 0.9
LEAD_S = 0.4
TIMING_S = 0.012
PROTOCOL = (
    "Clips by offline.models.rendered_eval: H.264 at 30-200 frames/s, six events each, 1.5-5 % of "
    "the inter-ocular distance, read back through the face tracker; onset and apex as rendered "
    "plus a normal error of 12 ms. The action units are those of the training data's generator, "
    "so this says nothing about real micro-expressions."
)


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """One micro-expression as the stream sees it; ``fps`` and ``peak_iod`` as rendered."""

    frames: CandidateFrames
    emotion: str
    fps: float
    peak_iod: float


def draw_spec(rng: np.random.Generator) -> ClipSpec:
    """Draw a clip of six micro-expressions, two of each emotion, 1.5–5 % of the IOD each."""
    fps = float(rng.choice(RATES, p=(0.4, 0.3, 0.2, 0.1)))
    emotions = rng.permutation(EMOTIONS * (EVENTS // len(EMOTIONS)))
    events = []
    for number, emotion in enumerate(emotions):
        onset = LEAD_S + number * SPACING_S + rng.uniform(0, 0.2)
        rise = rng.uniform(max(0.08, 2 / fps), 0.22)
        fall = rng.uniform(max(0.08, 2 / fps), 0.25)
        peak = float(np.exp(rng.uniform(np.log(0.015), np.log(0.05))))
        activation = scaled_to_peak(draw_activation(str(emotion), rng), peak)
        units = tuple((unit, right, left) for unit, (right, left) in activation.items())
        times = onset, onset + rise, onset + rise + fall
        profile = str(rng.choice(list(PROFILES)))
        events.append(MicroExpression(*times, str(emotion), units, peak, profile))
    blinks = tuple(
        Distractor("blink", event.apex_s, event.apex_s + 0.25, 1.0, seed=number)
        for number, event in enumerate(events)
        if rng.random() < 0.1
    )
    return ClipSpec(
        seed=int(rng.integers(2**31)),
        fps=fps,
        duration_s=LEAD_S + EVENTS * SPACING_S + 0.2,
        width=480,
        height=360,
        face_iod_px=float(rng.uniform(50, 85)),
        identity_seed=int(rng.integers(2**31)),
        micro_expressions=tuple(events),
        distractors=blinks,
        noise_gaussian=float(rng.uniform(0.3, 2.5)),
        blur_px=float(rng.uniform(0.3, 1.2)),
        contrast=float(rng.uniform(0.7, 1.1)),
        drift_deg=float(rng.uniform(0.3, 1.5)),
        crf=int(rng.integers(16, 28)),
    )


def render_events(spec: ClipSpec, portrait: Portrait, rng: np.random.Generator) -> list[Rendered]:
    """Write a clip, read it back through the tracker, cut out its micro-expressions.

    Onset and apex are off by a normal error of 12 ms, as a spotter's would be.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_clip(spec, portrait, path)
        views = list(_views(path))
    times = np.array([view.time_s for view in views])
    found = []
    for event in spec.micro_expressions:
        inside = np.flatnonzero((times >= event.onset_s - 0.05) & (times <= event.offset_s))
        if len(inside) < 4 or np.diff(times[inside]).max() > 2.5 / spec.fps:
            log.info("the tracker lost an event at %.2f s", event.onset_s)
            continue
        here = times[inside]
        errors = rng.normal(0, TIMING_S, 2)
        onset = int(np.abs(here - event.onset_s - errors[0]).argmin())
        apex = int(np.abs(here - event.apex_s - errors[1]).argmin())
        onset = min(onset, len(here) - 2)
        crops = np.stack([views[k].crop_rgb for k in inside])
        frames = CandidateFrames(crops, here, onset, max(apex, onset + 1), len(here) - 1)
        found.append(Rendered(frames, event.emotion, spec.fps, event.peak_iod))
    return found


def draw_rendered(
    portraits: Sequence[Portrait], clips: int, seed: int
) -> Iterator[tuple[str, Rendered]]:
    """Yield (portrait name, event) of ``clips`` clips, the portraits in turn."""
    rng = np.random.default_rng(seed)
    for number in range(clips):
        portrait = portraits[number % len(portraits)]
        for event in render_events(draw_spec(rng), portrait, rng):
            yield portrait.name, event
        log.info("clip %d of %d", number + 1, clips)


def figures(rows: Sequence[tuple[str, Rendered, tuple[float, ...]]]) -> dict[str, Any]:
    """Return UF1, the confusion matrix and calibration of (name, event, probabilities) rows."""
    labels = np.array([EMOTIONS.index(event.emotion) for _, event, _ in rows])
    probabilities = np.array([row[2] for row in rows])
    predicted = probabilities.argmax(1)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (labels, predicted), 1)
    names = sorted({name for name, _, _ in rows})
    of_name = {n: np.array([row[0] == n for row in rows]) for n in names}
    peaks = np.array([event.peak_iod for _, event, _ in rows])
    return {
        "events": len(rows),
        "UF1": _uf1(labels, predicted),
        "UF1 by portrait": {n: _uf1(labels[m], predicted[m]) for n, m in of_name.items()},
        "UF1 below 2.5 % IOD": _uf1(labels[peaks < 0.025], predicted[peaks < 0.025]),
        "confusion (rows: truth)": {e: confusion[i].tolist() for i, e in enumerate(EMOTIONS)},
        "mean confidence": round(float(probabilities.max(1).mean()), 3),
        "accuracy": round(float((labels == predicted).mean()), 3),
        "log loss": round(
            float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-9)).mean()),
            3,
        ),
    }


def _uf1(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    return round(score(confusion_matrix(labels, predicted, len(EMOTIONS))).uf1, 3)


def _views(path: Path) -> Iterator[FaceView]:
    with open_source(path) as source, MediaPipeMesh() as mesh:
        tracker = FaceTracker(mesh)
        for frame in source:
            view = tracker.step(frame)
            if view is not None:
                yield view


def read_portrait(path: Path) -> Portrait:
    """Read a picture, or the first picture of a video that shows a face.

    Raises
    ------
    SourceError
        If there is no readable picture or no face.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.suffix not in (".mp4", ".mov") else None
    if image is not None:
        return Portrait.from_image(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), path.stem)
    with open_source(path) as source:
        for number, frame in enumerate(source):
            if number % 15:
                continue
            try:
                return Portrait.from_image(frame.image_rgb, path.stem)
            except SourceError:
                continue
    raise SourceError(f"no face found in {path}: give a picture or a video of one face")


def record(folder: Path, protocol: str, found: dict[str, Any]) -> None:
    """Write figures and how they were measured into the card of the package in ``folder``."""
    package = load_package(folder)
    entry = {"protocol": protocol, **found}
    card = replace(package.card, metrics=package.card.metrics | {"rendered clips": entry})
    write_package(folder, card, package.model, *package.samples())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures of a model package as JSON."""
    parser = argparse.ArgumentParser(prog="python -m offline.models.rendered_eval")
    parser.add_argument("--portrait", type=Path, action="append", help="picture or video")
    parser.add_argument("--model", type=Path, help="folder of a model package; default: bundled")
    parser.add_argument("--clips", type=int, default=20, help="six events each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--record", metavar="WHO", help="write the figures into the card of --model"
    )
    options = parser.parse_args(arguments)
    if options.record and options.model is None:
        parser.error("--record needs --model: say which card to write into")
    portraits = [read_portrait(path) for path in options.portrait or ()]
    rows = []
    with open_recognizer(options.model) as recognizer:
        for name, event in draw_rendered(
            portraits or [Portrait.astronaut()], options.clips, options.seed
        ):
            rows.append((name, event, recognizer.recognize(event.frames).probabilities))
    answer = {"model": recognizer.model, "clips": options.clips, "seed": options.seed}
    answer |= figures(rows)
    if options.record:
        record(options.model, f"{PROTOCOL} Portraits: {options.record}.", answer)
    print(json.dumps(answer, indent=2))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
