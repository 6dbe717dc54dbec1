"""Rendered clips with their truth beside them, as ``mer synth`` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from offline.datasets.base import Dataset, Problem, Sample, VideoClip
from offline.synthesis.truth import Truth
from realtime_mer.errors import SourceError

TRUTH = "*.truth.json"


def read_synthetic(root: Path) -> Dataset:
    """Clips by mer synth: any depth of <clip>.mp4 with <clip>.truth.json beside it.

    The portrait is the subject.

    Raises
    ------
    SourceError
        There is no truth file, or none of the clips plants a micro-expression.
    """
    paths = sorted(root.rglob(TRUTH))
    if not paths:
        raise SourceError(
            f"no {TRUTH} below {root}: give a folder that mer synth clip or suite wrote"
        )
    samples: list[Sample] = []
    problems: list[Problem] = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        try:
            truth = Truth.load(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            problems.append(Problem(name, "dropped", f"no truth of a clip: {error}"))
            continue
        video = path.with_name(truth.video)
        if not video.is_file():
            problems.append(Problem(name, "dropped", f"its clip {truth.video} is missing"))
            continue
        samples += _samples(truth, video, root)
    if not samples:
        why = f"; {problems[0].where}: {problems[0].reason}" if problems else ""
        raise SourceError(f"no micro-expression planted in the {len(paths)} clips of {root}{why}")
    return Dataset("synthetic", root, tuple(samples), tuple(problems))


def _samples(truth: Truth, video: Path, root: Path) -> Iterator[Sample]:
    clip = video.relative_to(root).with_suffix("").as_posix()
    for number, planted in enumerate(truth.micro_expressions, start=1):
        units = "+".join(str(unit) for unit, *_ in planted.action_units)
        yield Sample(
            sample_id=f"{truth.portrait}/{clip}/event{number}",
            dataset="synthetic",
            subject=truth.portrait,
            emotion=planted.emotion,
            source=VideoClip(video, planted.onset_s, planted.apex_s, planted.offset_s),
            action_units=units,
        )
