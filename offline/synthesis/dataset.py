"""Whole sets of clips: a varied suite to judge a spotter by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from offline.synthesis.clip_spec import ClipSpec
from offline.synthesis.portrait import Portrait
from offline.synthesis.sampling import draw_fps, draw_kinds, sample_spec
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS

_FRAMES_AT_MOST = 1600
_DISTRACTORS_ONLY = 0.2


def spotting_suite(
    seed: int, clips: int, portraits: Sequence[Portrait]
) -> Iterator[tuple[ClipSpec, Portrait]]:
    """Yield clips of 8 to 20 s with 1 to 4 micro-expressions among everyday motion.

    Every fifth clip or so holds distractors only. Portraits take turns; faces, cameras, frame
    rates and events vary from clip to clip. Clip ``i`` depends on ``seed`` and ``i`` alone.

    Raises
    ------
    ConfigError
        Without a portrait.
    """
    if not portraits:
        raise ConfigError("a suite needs at least one portrait, got none")
    for index in range(clips):
        rng = np.random.default_rng([seed, index])
        fps = draw_fps(rng)
        duration = float(min(rng.uniform(10.0, 20.0), max(_FRAMES_AT_MOST / fps, 8.0)))
        quiet = rng.random() < _DISTRACTORS_ONLY
        count = 0 if quiet else int(rng.integers(1, 5))
        emotions = [str(emotion) for emotion in rng.choice(EMOTIONS, count)]
        kinds = draw_kinds(rng, busy=0.4 if quiet else 0.25)
        spec = sample_spec(rng, duration_s=duration, fps=fps, emotions=emotions, kinds=kinds)
        yield spec, portraits[index % len(portraits)]
