"""Which optical flow tells small face motions best: ours, DIS or Farneback, on planted fields.

``python -m offline.models.flow_eval --pairs 60 --seed 0`` prints, as JSON, how near each map is
to the planted one (mean cosine after the same head-motion removal and scaling) and its cost;
``--portrait FILE`` (picture or video, repeatable) uses other faces.
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

from offline.models.rendered_eval import read_portrait
from offline.synthesis.flow_maps import (
    Conditions,
    align_face,
    draw_faces,
    photograph_pair,
    skin_motion,
)
from offline.synthesis.portrait import Portrait
from realtime_mer.events import EMOTIONS
from realtime_mer.face.topology import CROP
from realtime_mer.motion.flow import HALF, Flow, face_mask, windowed_flow, without_head
from realtime_mer.recipes import flow_map

Float = NDArray[np.float32]
Estimator = Callable[[Float, Float], Float]


def estimators() -> Mapping[str, Estimator]:
    """Return estimators by name: two (160, 160) float32 grey pictures to (160, 160, 2) pixels."""
    presets = {
        "DIS fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
        "DIS medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    }
    return {
        "windowed": lambda rest, peak: windowed_flow(rest, peak).motion_px,
        "Farneback": _farneback,
        **{name: _dis(preset) for name, preset in presets.items()},
    }


def compare(pairs: int, seed: int, portraits: Sequence[Portrait] = ()) -> dict[str, Any]:
    """Return mean cosine, its 10th percentile and milliseconds of every estimator.

    All see the same pairs at the stream's working size, with noise and compression, amplitudes
    of 1.5–5 % of the inter-ocular distance, on ``portraits`` and bent copies of them or, without
    any, on faces like those of the training data.
    """
    rng = np.random.default_rng(seed)
    conditions = Conditions(peak_iod=(0.015, 0.05), scatter=0.03, pixels=1.0)
    if portraits:
        bent = [p.varied(rng) for p in portraits for _ in range(2)]
        faces = [align_face(portrait) for portrait in (*portraits, *bent)]
    else:
        faces = draw_faces(24, rng, [Portrait.astronaut()])
    found: dict[str, list[float]] = {name: [] for name in estimators()}
    spent = dict.fromkeys(found, 0.0)
    for number in range(pairs):
        face = faces[int(rng.integers(len(faces)))]
        skin = skin_motion(EMOTIONS[number % 3], face, rng, conditions)
        rest, peak = photograph_pair(face.gray, skin, rng, conditions)
        information = windowed_flow(rest, peak).information
        truth = _map(skin)
        for name, estimate in estimators().items():
            started = time.perf_counter()
            motion = estimate(rest, peak)
            spent[name] += time.perf_counter() - started
            found[name].append(_cosine(_map(without_head(Flow(motion, information))), truth))
    return {
        name: {
            "cosine": round(float(np.mean(values)), 3),
            "cosine, 10th percentile": round(float(np.percentile(values, 10)), 3),
            "ms": round(1e3 * spent[name] / pairs, 1),
        }
        for name, values in found.items()
    }


def _map(motion: Float) -> Float:
    full = cv2.resize(motion, (CROP, CROP), interpolation=cv2.INTER_LINEAR)
    return flow_map(np.asarray(full * face_mask()[..., None], np.float32))


def _cosine(one: Float, other: Float) -> float:
    return float((one * other).sum() / max(np.sqrt((one**2).sum() * (other**2).sum()), 1e-9))


def _dis(preset: int) -> Estimator:
    """DIS at twice the size, where its coarse grid does best; motion back in pixels of half."""

    def estimate(rest: Float, peak: Float) -> Float:
        first, second = (_bytes(cv2.resize(p, (CROP, CROP))) for p in (rest, peak))
        flow: Any = cv2.DISOpticalFlow.create(preset)
        flow = flow.calc(first, second, None)
        return np.asarray(cv2.resize(flow, (HALF, HALF), interpolation=cv2.INTER_AREA) / 2)

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
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--portrait", type=Path, action="append", help="picture or video")
    options = parser.parse_args(arguments)
    portraits = [read_portrait(path) for path in options.portrait or ()]
    print(json.dumps(compare(options.pairs, options.seed, portraits), indent=2))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
