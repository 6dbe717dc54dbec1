"""Which optical flow serves recognition best: ours, TV-L1, DIS or Farneback.

``python -m offline.models.flow_eval --pairs 600 --seed 0`` prints, as JSON, for each estimator:
UF1 of a linear model (shrinkage LDA) trained and tested on its maps of different faces; how near
its maps are to the planted ones (mean cosine after the same head-motion removal and scaling); and
milliseconds a pair. ``--portrait FILE`` (picture or video, repeatable) tests on these faces.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.mirroring import mirrored
from offline.models.rendered_eval import read_portrait
from offline.scores.metrics import confusion_matrix, score
from offline.synthesis.aligned_faces import Face, align_face, draw_faces
from offline.synthesis.conditions import Conditions
from offline.synthesis.portrait import Portrait
from offline.synthesis.skin_motion import draw_expression
from offline.synthesis.snapshots import draw_head, photograph_pair
from realtime_mer.events import EMOTIONS
from realtime_mer.face.topology import CROP
from realtime_mer.motion.flow import HALF, Flow, face_mask, windowed_flow, without_head
from realtime_mer.recipes import flow_map

Float = NDArray[np.float32]
Estimator = Callable[[Float, Float], Float]


def estimators() -> Mapping[str, Estimator]:
    """Return estimators by name: two (160, 160) float32 grey pictures to (160, 160, 2) pixels."""
    optflow: Any = cv2.optflow
    return {
        "windowed": lambda rest, peak: windowed_flow(rest, peak).motion_px,
        "TV-L1": _dense(optflow.DualTVL1OpticalFlow_create()),
        "DIS fast": _doubled(cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)),
        "DIS medium": _doubled(cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)),
        "Farneback": _farneback,
    }


def compare(pairs: int, seed: int, portraits: Sequence[Portrait] = ()) -> dict[str, Any]:
    """Return UF1, cosine and milliseconds of every estimator on the same ``pairs``.

    All see the pictures at the stream's working size, with noise and compression. Two thirds of
    the pairs, on drawn faces, train the linear model; a third tests it, on ``portraits`` and bent
    copies of them or, without any, on other drawn faces.
    """
    rng = np.random.default_rng(seed)
    conditions = Conditions(peak_iod=(0.01, 0.05))
    trained = draw_faces(24, rng, [Portrait.astronaut()])
    bent = [each.varied(rng) for each in portraits for _ in range(2)]
    tested = [align_face(portrait) for portrait in (*portraits, *bent)]
    tested = tested or draw_faces(24, rng, [Portrait.astronaut()])
    known = 2 * pairs // 3
    labels = np.arange(pairs) % len(EMOTIONS)
    maps: dict[str, list[Float]] = {name: [] for name in estimators()}
    spent = dict.fromkeys(maps, 0.0)
    truth = []
    for number, label in enumerate(labels):
        face = _any(trained if number < known else tested, rng)
        skin = draw_expression(EMOTIONS[label], face, rng, conditions).field
        rest, peak = photograph_pair(face.gray, skin, draw_head(rng, conditions), rng, conditions)
        information = windowed_flow(rest, peak).information
        truth.append(_map(skin))
        for name, estimate in estimators().items():
            started = time.perf_counter()
            motion = estimate(rest, peak)
            spent[name] += time.perf_counter() - started
            maps[name].append(_map(without_head(Flow(motion, information))))
    return {
        name: {
            "UF1": _linear_uf1(np.stack(found), labels, known),
            "cosine": round(_cosine(np.stack(found), np.stack(truth)), 3),
            "ms": round(1e3 * spent[name] / pairs, 1),
        }
        for name, found in maps.items()
    }


def _any(faces: Sequence[Face], rng: np.random.Generator) -> Face:
    return faces[int(rng.integers(len(faces)))]


def _linear_uf1(maps: Float, labels: NDArray[np.int64], known: int) -> float:
    """Train on the first ``known`` maps and their mirror images, test on the rest."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    inputs = np.concatenate([maps[:known], mirrored(maps[:known])]).reshape(2 * known, -1)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    model.fit(inputs, np.tile(labels[:known], 2))
    found = model.predict(maps[known:].reshape(len(maps) - known, -1))
    return round(score(confusion_matrix(labels[known:], found, len(EMOTIONS))).uf1, 3)


def _map(motion: Float) -> Float:
    full = cv2.resize(motion, (CROP, CROP), interpolation=cv2.INTER_LINEAR)
    return flow_map(np.asarray(full * face_mask()[..., None], np.float32))


def _cosine(some: Float, others: Float) -> float:
    one, two = some.reshape(len(some), -1), others.reshape(len(others), -1)
    sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    return float(((one * two).sum(1) / np.maximum(sizes, 1e-9)).mean())


def _dense(flow: Any) -> Estimator:
    return lambda rest, peak: np.asarray(flow.calc(_bytes(rest), _bytes(peak), None), np.float32)


def _doubled(flow: Any) -> Estimator:
    """DIS at twice the size, where its coarse grid does best; motion back in pixels of half."""

    def estimate(rest: Float, peak: Float) -> Float:
        first, second = (_bytes(cv2.resize(p, (CROP, CROP))) for p in (rest, peak))
        found = flow.calc(first, second, None)
        return np.asarray(cv2.resize(found, (HALF, HALF), interpolation=cv2.INTER_AREA) / 2)

    return estimate


def _farneback(rest: Float, peak: Float) -> Float:
    flow = cv2.calcOpticalFlowFarneback(
        _bytes(rest), _bytes(peak), None, 0.5, 3, 21, 3, 7, 1.5, 0
    )  # fmt: skip
    return np.asarray(flow, np.float32)


def _bytes(image: Float) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison as JSON."""
    parser = argparse.ArgumentParser(prog="python -m offline.models.flow_eval")
    parser.add_argument("--pairs", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--portrait", type=Path, action="append", help="picture or video")
    options = parser.parse_args(arguments)
    portraits = [read_portrait(path) for path in options.portrait or ()]
    print(json.dumps(compare(options.pairs, options.seed, portraits), indent=2))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
