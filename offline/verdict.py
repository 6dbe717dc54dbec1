"""Train the model by which the spotter weighs its evidence, from rendered clips.

``mer synth suite`` renders the clips; ``python -m offline.verdict --out DIR CLIPS…`` lets the
tracker and the spotter watch them, takes the row of evidence of every finished movement, and
fits boosted trees that tell planted micro-expressions from everything else. How well
that carries over is measured by leaving one person (portrait) out at a time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from engines import Card, Package, open_backend, write_package
from offline.spotting.spotting_metrics import MIN_IOU, interval_of, overlap
from offline.synthesis.truth import Truth
from realtime_mer.errors import ConfigError
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.face.quiet import quiet_stderr
from realtime_mer.face.tracker import FaceTracker
from realtime_mer.sources import open_source
from realtime_mer.spotting import Spotter, SpotterSettings
from realtime_mer.spotting.verdict import RECIPE
from realtime_mer.spotting.witnesses import OBJECTIONS

Float = NDArray[np.float32]

VERSION = "1"
UNCLEAR_IOU = 0.2
"""A movement that overlaps a planted one by less than found and more than this teaches nothing."""
DOUBT_WEIGHT = 0.2
FOR = {"score", "likeness", "coherence", "pixels"}
AGAINST = {
    *("unreturned", "astray", "astray_own", "restless", "stir", "beside", "beside_own", "shape"),
    *("babble", "chin", "lids", "lid", "lids_brow", "shift", "turn", "covered"),
}
"""Witnesses that can only speak for, or only against, whatever a sample of clips suggests."""
DATA = (
    "Rendered clips only: still portraits set in motion by action-unit displacement fields, with "
    "blinks, glances, slow expressions, nods, turns, speech, hands, cuts, flicker, camera noise "
    "and compression, seen through the product's own tracker. No recording of a real expression."
)
LIMITS = (
    "Tells movements planted in rendered clips from everything else that moves there. It never "
    "saw a real micro-expression; on real faces its probabilities are a ranking, no calibrated "
    "odds, and a claim means 'look here'."
)


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What the spotter heard in one clip.

    Attributes
    ----------
    person
        Name of the portrait; the fold of leave-one-person-out.
    evidence
        (N, witnesses) float32, one row a finished movement, in the order of time.
    course
        (N, 2) apex and offset, s.
    planted, overlap
        (N,) number of the planted micro-expression that each movement overlaps most, and by what
        intersection over union.
    expressions, minutes
        How many were planted, and how long the clip is.
    """

    person: str
    evidence: Float
    course: NDArray[np.float64]
    planted: NDArray[np.int64]
    overlap: NDArray[np.float64]
    expressions: int
    minutes: float


class Listening:
    """Stands in for a verdict: claims nothing, so that nothing hides what comes after."""

    def probability(self, evidence: NDArray[np.floating[Any]]) -> float:
        """Return 0."""
        return 0.0

    def objection(self, evidence: NDArray[np.floating[Any]]) -> str:
        """Return the mark by which the evidence is found again."""
        return HEARD


HEARD = "heard"


def watch(video: Path) -> Watched:
    """Let the spotter watch a rendered clip whose truth lies beside it."""
    truth = Truth.load(video.with_suffix(".truth.json"))
    spotter = Spotter(SpotterSettings(least_probability=1.0), Listening())
    decisions = []
    with quiet_stderr(), open_source(video) as source, MediaPipeMesh() as mesh:
        tracker = FaceTracker(mesh)
        for frame in source:
            view = tracker.step(frame)
            if view is not None:
                decisions += spotter.step(view)
            elif tracker.loss is not None:
                decisions += spotter.lost(tracker.loss.value)
    heard = [d for d in decisions if d.reason == HEARD]
    found = [d.candidate for d in heard if d.candidate is not None]
    pairs = overlap(
        [interval_of(one) for one in found], [interval_of(t) for t in truth.micro_expressions]
    )
    if not truth.micro_expressions:
        pairs = np.zeros((len(found), 1))
    rows = [d.evidence for d in heard if d.evidence is not None]
    return Watched(
        person=truth.portrait,
        evidence=np.array(rows, np.float32).reshape(len(found), len(OBJECTIONS)),
        course=np.array([(c.apex_s, c.offset_s) for c in found]).reshape(-1, 2),
        planted=pairs.argmax(axis=1),
        overlap=pairs.max(axis=1),
        expressions=len(truth.micro_expressions),
        minutes=truth.duration_s / 60,
    )


def watch_all(videos: Sequence[Path], processes: int) -> list[Watched]:
    """Watch clips in several processes, with a progress bar."""
    context = multiprocessing.get_context("spawn")
    # OpenCV's own pool in each process would fight the others for the cores.
    with (
        context.Pool(processes, cv2.setNumThreads, (1,)) as pool,
        Progress(console=Console(stderr=True)) as bar,
    ):
        heard = pool.imap(watch, videos)
        return list(bar.track(heard, total=len(videos), description="watching"))


def keep(clips: Sequence[Watched], file: Path) -> None:
    """Write what was heard, so that another model need not watch again."""
    np.savez_compressed(
        file,
        witnesses=np.array(list(OBJECTIONS)),
        person=np.array([clip.person for clip in clips]),
        rows=np.array([len(clip.evidence) for clip in clips]),
        evidence=np.concatenate([clip.evidence for clip in clips]),
        course=np.concatenate([clip.course for clip in clips]),
        planted=np.concatenate([clip.planted for clip in clips]),
        overlap=np.concatenate([clip.overlap for clip in clips]),
        expressions=np.array([clip.expressions for clip in clips]),
        minutes=np.array([clip.minutes for clip in clips]),
    )


def recall(file: Path) -> list[Watched]:
    """Read what ``keep`` wrote.

    Raises
    ------
    ConfigError
        If other witnesses were heard.
    """
    with np.load(file, allow_pickle=False) as kept:
        if list(kept["witnesses"]) != list(OBJECTIONS):
            raise ConfigError(f"{file} holds other witnesses than today's: watch the clips again")
        ends = np.cumsum(kept["rows"])
        begins = ends - kept["rows"]
        heard = {name: kept[name] for name in ("evidence", "course", "planted", "overlap")}
        return [
            Watched(
                person=str(kept["person"][number]),
                expressions=int(kept["expressions"][number]),
                minutes=float(kept["minutes"][number]),
                **{name: rows[begin:end] for name, rows in heard.items()},
            )
            for number, (begin, end) in enumerate(zip(begins, ends, strict=True))
        ]


def fit(clips: Sequence[Watched], seed: int) -> Any:
    """Fit boosted trees that may only bend the way each witness points.

    Movements that overlap a planted one unclearly are left out; ``doubts`` are put in.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows, overlaps = stacked(clips)
    clear = (overlaps >= MIN_IOU) | (overlaps <= UNCLEAR_IOU)
    doubted = doubts(rows[overlaps >= MIN_IOU], np.random.default_rng(seed))
    found = np.concatenate([overlaps[clear] >= MIN_IOU, np.zeros(len(doubted), bool)])
    weight = np.concatenate([np.ones(clear.sum()), np.full(len(doubted), DOUBT_WEIGHT)])
    model = HistGradientBoostingClassifier(
        max_depth=4,
        max_iter=500,
        learning_rate=0.04,
        min_samples_leaf=10,
        l2_regularization=10.0,
        max_features=0.4,
        monotonic_cst=[(name in FOR) - (name in AGAINST) for name in OBJECTIONS],
        random_state=seed,
    )
    return model.fit(np.concatenate([rows[clear], doubted]), found, sample_weight=weight)


def doubts(found: Float, rng: np.random.Generator) -> Float:
    """Return micro-expressions that must not be believed, made from ones that were.

    Rendered lids drag little skin, rendered hands are few and rendered nods are gentle, so clips
    alone teach little of them. Here the same movements happen in the upper face while the eyes
    shut (lids 0.15…1 changed), on a face of which a tenth to a half is newly covered, and while
    the head goes eight to forty times as far and comes back.
    """
    at = {name: number for number, name in enumerate(OBJECTIONS)}
    blinks = found[found[:, at["upper"]] > 0.3].copy()
    shut = rng.uniform(0.15, 1.0, len(blinks))
    blinks[:, at["lids"]] = shut
    blinks[:, at["lid"]] = np.minimum(1.0, shut * rng.uniform(1.0, 2.5, len(blinks)))
    blinks[:, at["lids_brow"]] = shut * blinks[:, at["upper"]]
    hidden = found.copy()
    hidden[:, at["covered"]] = rng.uniform(0.1, 0.5, len(hidden))
    nods = found.copy()
    nods[:, at["shift"]] = np.log2(rng.uniform(8.0, 40.0, len(nods)))
    return np.concatenate([blinks, hidden, nods])


def stacked(clips: Sequence[Watched]) -> tuple[Float, NDArray[np.float64]]:
    """Return all evidence (N, witnesses) and all overlaps (N,)."""
    return (
        np.concatenate([clip.evidence for clip in clips]),
        np.concatenate([clip.overlap for clip in clips]),
    )


def leave_one_person_out(clips: Sequence[Watched], seed: int) -> list[NDArray[np.float64]]:
    """Return, for each clip, the probabilities that models give which never saw its person."""
    people = sorted({clip.person for clip in clips})
    if len(people) < 2:
        raise ConfigError(
            f"leave-one-person-out needs clips of two people or more, got {people}: give "
            "folders that mer synth suite rendered from other --portrait pictures"
        )
    answers: dict[int, NDArray[np.float64]] = {}
    for person in people:
        model = fit([clip for clip in clips if clip.person != person], seed)
        for number, clip in enumerate(clips):
            if clip.person == person and len(clip.evidence):
                answers[number] = model.predict_proba(clip.evidence)[:, 1]
    return [answers.get(number, np.zeros(0)) for number in range(len(clips))]


def figures(
    clips: Sequence[Watched], probabilities: Sequence[NDArray[np.float64]], least: float
) -> dict[str, float]:
    """Claim what reaches ``least``, never two in one movement, and count as the field does."""
    hits = claims = 0
    for clip, likely in zip(clips, probabilities, strict=True):
        until_s, found = -np.inf, set()
        for (apex_s, offset_s), p, planted, shared in zip(
            clip.course, likely, clip.planted, clip.overlap, strict=True
        ):
            if p < least or apex_s < until_s:
                continue
            until_s = offset_s
            claims += 1
            if shared >= MIN_IOU and planted not in found:
                found.add(planted)
        hits += len(found)
    planted_all = sum(clip.expressions for clip in clips)
    minutes = sum(clip.minutes for clip in clips)
    return {
        "F1": round(2 * hits / max(claims + planted_all, 1), 3),
        "precision": round(hits / claims, 3) if claims else float("nan"),
        "recall": round(hits / planted_all, 3) if planted_all else float("nan"),
        "false alarms a minute": round((claims - hits) / minutes, 2),
    }


def export(model: Any) -> bytes:
    """Return the trees as ONNX: ``evidence`` (N, witnesses) → ``probabilities`` (N, 2)."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    network = to_onnx(
        model,
        initial_types=[("evidence", FloatTensorType([None, len(OBJECTIONS)]))],
        options={id(model): {"zipmap": False}},
        target_opset=17,
    )
    return bytes(select_model_inputs_outputs(network, "probabilities").SerializeToString())


def train(clips: Sequence[Watched], out_dir: Path, seed: int = 0) -> Package:
    """Fit, measure, export, and write the model package."""
    left_out = leave_one_person_out(clips, seed)
    model = fit(clips, seed)
    rows, overlaps = stacked(clips)
    least = SpotterSettings().least_probability
    people = {clip.person for clip in clips}
    training = {
        "data": DATA,
        "command": f"python -m offline.verdict --out DIR --seed {seed} CLIPS…",
        "witnesses": list(OBJECTIONS),
        "typical": np.median(rows[overlaps >= MIN_IOU], axis=0).astype(float).round(4).tolist(),
        "clips": len(clips),
        "minutes": round(sum(clip.minutes for clip in clips), 1),
        "people": len(people),
        "planted": sum(clip.expressions for clip in clips),
        "movements": len(rows),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    card = Card(
        name="spotter-verdict",
        version=VERSION,
        labels=("other", "micro-expression"),
        recipe=RECIPE,
        input_name="evidence",
        input_shape=(len(OBJECTIONS),),
        input_dtype="float32",
        output_name="probabilities",
        licence="Apache-2.0",
        limits=LIMITS,
        training=training,
        metrics={
            f"leave one person out, {len(people)} people, claims from {least:g}": figures(
                clips, left_out, least
            )
        },
    )
    samples = np.concatenate([rows[overlaps >= MIN_IOU][:6], rows[overlaps < MIN_IOU][:6]])
    expected = model.predict_proba(samples).astype(np.float32)
    network = export(model)
    package = write_package(out_dir, card, network, samples, expected)
    with open_backend(package, "onnx") as backend:
        difference = float(np.abs(backend.infer(samples) - expected).max())
    if difference > 1e-4:
        raise RuntimeError(f"scikit-learn and ONNX Runtime differ by {difference:.1e}")
    return package


def main(arguments: Sequence[str] | None = None) -> int:
    """Train from the command line; see ``--help``."""
    parser = argparse.ArgumentParser(prog="python -m offline.verdict", description=__doc__)
    parser.add_argument("clips", type=Path, nargs="*", help="folders of clips with their truth")
    parser.add_argument(
        "--evidence", type=Path, help="keep what was heard in this .npz; without clips, read it"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the model package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    if not given.clips and given.evidence is None:
        parser.error("give folders of clips, or --evidence")
    if given.clips:
        videos = [video for folder in given.clips for video in rendered(folder)]
        heard = watch_all(videos, given.processes)
        if given.evidence is not None:
            keep(heard, given.evidence)
    else:
        heard = recall(given.evidence)
    package = train(heard, given.out, given.seed)
    Console().print_json(data={"model": package.model_id, **package.card.metrics})
    return 0


def rendered(folder: Path) -> list[Path]:
    """Return the clips of a folder that have their truth beside them."""
    videos = [
        path.with_name(path.name[: -len(".truth.json")] + ".mp4")
        for path in sorted(folder.glob("*.truth.json"))
    ]
    if not videos:
        raise ConfigError(f"{folder} holds no rendered clips: make some with mer synth suite")
    return videos


if __name__ == "__main__":
    raise SystemExit(main())
