"""A long video, what was found in it, and how both compare."""

from __future__ import annotations

import math
from dataclasses import dataclass

from offline.datasets.long_videos import MACRO, MICRO, Expression, LongVideo
from offline.spotting.megc_spotting import Counts
from offline.spotting.spot_rows import Detection, VideoRow
from offline.spotting.spotting_metrics import ClipScore, Interval, score_clip


@dataclass(frozen=True, slots=True)
class Watched:
    """A video with what was found in it; ``row`` is None where it could not be watched."""

    video: LongVideo
    row: VideoRow | None
    reason: str = ""

    @property
    def found(self) -> tuple[Detection, ...]:
        """All of it is micro; nothing where the video could not be watched."""
        return self.row.found if self.row else ()


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A video, found and true intervals compared, micro with micro and macro with macro."""

    watched: Watched
    micro: ClipScore
    macro: ClipScore
    found: tuple[Interval, ...]
    truth: tuple[Interval, ...]

    @property
    def video(self) -> LongVideo:
        """The video."""
        return self.watched.video

    def counts(self, kind: str) -> Counts:
        """Return the counts of one kind."""
        score = self.micro if kind == MICRO else self.macro
        return Counts(len(score.pairs), score.false_positives, score.false_negatives)


def judge(watched: Watched) -> Judged:
    """Compare what was found in a video with its annotation."""
    video = watched.video
    found = tuple(Interval(each.onset, each.offset, each.apex) for each in watched.found)
    truth = tuple(_interval(each) for each in video.of_kind(MICRO))
    macro = tuple(_interval(each) for each in video.of_kind(MACRO))
    seconds, unit = (video.duration_s if watched.row else 0.0), 1 / video.fps
    return Judged(
        watched,
        score_clip(found, truth, seconds, unit_s=unit, inclusive=True),
        score_clip((), macro, seconds, unit_s=unit, inclusive=True),
        found,
        truth,
    )


def _interval(one: Expression) -> Interval:
    return Interval(one.onset, one.offset, math.nan if one.apex is None else one.apex)
