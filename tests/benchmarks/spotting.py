"""How well the stream spots on clips whose truth is known, through the real pipeline.

Every clip is rendered to a compressed file, analysed from that file as `mer analyze` does, and
scored as the field does: one-to-one at an intersection over union of 0.5, counts pooled over all
clips. Without --portrait the faces are copies of one public-domain portrait, bent and toned
differently; give portraits of other people for a harder and truer figure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from offline.commands.synth_command import folder, read_portraits
from offline.scores.metrics import mean_defined, score
from offline.spotting.spotting_metrics import ClipScore, interval_of, pool, score_clip
from offline.synthesis.clip_spec import ClipSpec
from offline.synthesis.dataset import spotting_suite
from offline.synthesis.portrait import Portrait
from offline.synthesis.render import write_clip
from offline.synthesis.truth import Truth
from realtime_mer.analysis import Options, analyze_source
from realtime_mer.errors import SourceError
from realtime_mer.events import EMOTIONS, NONE, Analysis, Candidate, Frame
from realtime_mer.face.quiet import quiet_stderr
from realtime_mer.sources import open_source
from tests.benchmarks.sketch import sketch

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
VARIANTS = 5
"""Bent copies of the default portrait that take turns."""
NEARBY_S = 0.1
"""A false alarm this close to a distractor is put down to it."""
EVERYWHERE = ("drift", "flicker")
LOOK_S = 10.0


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip, what was found in it, what it was called and when it was said."""

    name: str
    truth: Truth
    found: tuple[Candidate, ...]
    called: tuple[str, ...]
    latency_s: tuple[float, ...]
    score: ClipScore
    plain: ClipScore | None = None


def analyse(path: Path) -> tuple[Analysis, list[float]]:
    """Analyse a file; return also, per event, media seconds from its offset to its confirmation."""
    said_s: list[float] = []

    def note(frame: Frame, found: int) -> None:
        said_s.extend([frame.time_s] * (found - len(said_s)))

    with open_source(path) as source:
        analysis = analyze_source(source, options=Options(), on_frame=note)
    late = [
        said - event.candidate.offset_s
        for said, event in zip(said_s, analysis.events, strict=False)
    ]
    return analysis, late


def judge(spec: ClipSpec, portrait: Portrait, path: Path, beside: bool = False) -> Clip:
    """Render a clip to ``path``, analyse that file and compare; also ``beside`` the sketch."""
    truth = write_clip(spec, portrait, path)
    analysis, late = analyse(path)
    found = tuple(event.candidate for event in analysis.events)
    planted = [interval_of(true) for true in truth.micro_expressions]
    scored = score_clip([interval_of(one) for one in found], planted, truth.duration_s)
    plain = score_clip(sketch(path), planted, truth.duration_s) if beside else None
    called = tuple(event.emotion for event in analysis.events)
    return Clip(path.name, truth, found, called, tuple(late), scored, plain)


def blame(clip: Clip) -> Iterator[str]:
    """Yield, for each false alarm, the kinds of motion it coincides with."""
    matched = {found for found, _ in clip.score.pairs}
    for number, candidate in enumerate(clip.found):
        if number in matched:
            continue
        near = {
            d.kind
            for d in clip.truth.distractors
            if d.kind not in EVERYWHERE
            and d.start_s - NEARBY_S < candidate.offset_s
            and d.end_s + NEARBY_S > candidate.onset_s
        }
        if any(
            planted.onset_s < candidate.offset_s and planted.offset_s > candidate.onset_s
            for planted in clip.truth.micro_expressions
        ):
            near.add("planted, overlap below 0.5")
        yield "+".join(sorted(near)) or "nothing planted"


def recall_by(clips: Iterable[Clip], key: str) -> dict[str, str]:
    """Return ``found/planted`` by frame rate (``fps``), ``emotion`` or ``peak`` size."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for clip in clips:
        hit = {true for _, true in clip.score.pairs}
        for number, planted in enumerate(clip.truth.micro_expressions):
            row = counts[
                {
                    "fps": f"{clip.truth.fps:g}",
                    "emotion": planted.emotion,
                    "peak": f"{int(100 * planted.peak_iod)} % of IOD and more",
                }[key]
            ]
            row[0] += number in hit
            row[1] += 1
    order = sorted(counts, key=float) if key == "fps" else sorted(counts)
    return {name: f"{counts[name][0]}/{counts[name][1]}" for name in order}


def recognised(clips: Iterable[Clip]) -> dict[str, object]:
    """Return how the spotted events were named.

    ``class_f1`` is the harmonic mean of class-averaged precision and recall over the spotted
    events, as in the challenges' spot-then-recognise score (MEGC 2023-25), which is that times
    the spotting F1; ``UF1`` beside it. An event that was called none is a miss of its class.
    """
    classes = (*EMOTIONS, NONE)
    counts = np.zeros((len(classes), len(classes)), int)
    for clip in clips:
        for found, true in clip.score.pairs:
            row = classes.index(clip.truth.micro_expressions[true].emotion)
            counts[row, classes.index(clip.called[found])] += 1
    told = score(counts)
    precision, recall, uf1 = (
        float(mean_defined(values[: len(EMOTIONS)]))
        for values in (told.precision, told.recall, told.f1)
    )
    return {
        "class_f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "UF1": uf1,
        "confusion": {
            emotion: dict(zip(classes, row.tolist(), strict=True))
            for emotion, row in zip(EMOTIONS, counts, strict=False)
        },
    }


def figures(clips: Sequence[Clip]) -> dict[str, object]:
    """Return everything measured, JSON-ready."""
    late_ms = [1e3 * late for clip in clips for late in clip.latency_s]
    blamed = Counter(kind for clip in clips for kind in blame(clip))
    planted = Counter(d.kind for clip in clips for d in clip.truth.distractors)
    plain = [clip.plain for clip in clips if clip.plain is not None]
    spotted, named = asdict(pool(clip.score for clip in clips)), recognised(clips)
    return {
        "clips": len(clips),
        "planted": sum(len(clip.truth.micro_expressions) for clip in clips),
        **spotted,
        "spot_then_recognise": spotted["f1"] * named["class_f1"],
        "recognised": named,
        "confirmed_after_p50_ms": float(np.percentile(late_ms, 50)) if late_ms else float("nan"),
        "confirmed_after_p95_ms": float(np.percentile(late_ms, 95)) if late_ms else float("nan"),
        "recall_per_fps": recall_by(clips, "fps"),
        "recall_per_emotion": recall_by(clips, "emotion"),
        "recall_per_peak": recall_by(clips, "peak"),
        "false_alarms_during": dict(blamed.most_common()),
        "distractors_planted": dict(planted.most_common()),
        **({"plain_spotter": asdict(pool(plain))} if plain else {}),
    }


def faces(pictures: Sequence[Path], at_s: float, seed: int) -> list[Portrait]:
    """Return the portraits to animate; bent copies of the default one without ``pictures``."""
    if not pictures:
        rng = np.random.default_rng(seed)
        base = read_portraits(())[0]
        return [base, *(base.varied(rng) for _ in range(VARIANTS))]
    return [
        read_portraits([path])[0] if path.suffix.lower() in PICTURES else from_video(path, at_s)
        for path in pictures
    ]


def from_video(path: Path, at_s: float) -> Portrait:
    """Return the first face of a video at or after ``at_s`` seconds; a little way on, at most."""
    with open_source(path) as source, quiet_stderr():
        begin = None
        for frame in source:
            begin = frame.time_s if begin is None else begin
            if frame.time_s - begin < at_s:
                continue
            if frame.time_s - begin > at_s + LOOK_S:
                break
            try:
                found = Portrait.from_image(frame.image_rgb, path.name)
            except SourceError:
                continue
            return replace(found, image_rgb=frame.image_rgb.copy())
    raise SourceError(
        f"no face in {path} within {LOOK_S:g} s from {at_s:g} s: give another --portrait-at"
    )


@contextmanager
def _place(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield folder(keep)
        return
    with tempfile.TemporaryDirectory(prefix="mer-spotting-") as name:
        yield Path(name)


def main(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Measure; see ``--help``."""
    parser = argparse.ArgumentParser(prog="mer bench spotting", description=__doc__)
    parser.add_argument("--clips", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--seed", type=int, default=7, help="equal seeds give equal clips")
    parser.add_argument(
        "--portrait", type=Path, action="append", default=[], help="picture or video of a face"
    )
    parser.add_argument(
        "--portrait-at", type=float, default=0.0, help="seconds into a portrait video"
    )
    parser.add_argument(
        "--plain", action="store_true", help="also a plain non-causal spotter on the same clips"
    )
    parser.add_argument("--keep", type=Path, help="folder for the clips and their truth")
    parser.add_argument("--verbose", action="store_true", help="one line a clip on stderr")
    given = parser.parse_args(list(arguments))
    if given.clips < 1 or given.seed < 0:
        parser.error("--clips must be at least 1 and --seed at least 0")
    portraits = faces(given.portrait, given.portrait_at, given.seed)
    clips = []
    with _place(given.keep) as place:
        for number, (spec, face) in enumerate(spotting_suite(given.seed, given.clips, portraits)):
            path = place / f"clip-{number:03d}.mp4"
            clips.append(judge(spec, face, path, given.plain))
            if given.keep is None:
                path.unlink()
            if given.verbose:
                sys.stderr.write(_line(clips[-1]) + "\n")
    return {"seed": given.seed, "portraits": len(portraits), **figures(clips)}


def _line(clip: Clip) -> str:
    found, missed = len(clip.score.pairs), clip.score.false_negatives
    alarms = ", ".join(blame(clip)) or "no false alarm"
    return f"{clip.name} {clip.truth.fps:g}/s: found {found}, missed {missed}, {alarms}"
