"""What the spotter is told, in seconds and inter-ocular distances."""

from __future__ import annotations

from dataclasses import dataclass

from realtime_mer.events import MAX_DURATION_S, MIN_DURATION_S


@dataclass(frozen=True, slots=True)
class SpotterSettings:
    """Thresholds of the spotter.

    Attributes
    ----------
    noise_factor
        A region must leave its rest by this many times its measured noise. Higher: fewer
        alarms, faint expressions missed.
    floor_iod
        … and by at least this fraction of the inter-ocular distance, however quiet the picture.
    max_amplitude_iod
        A movement larger than this is no micro-expression, or no face any more.
    min_duration_s, max_duration_s
        Shortest and longest micro-expression, onset to offset.
    duration_slack
        Relative error granted to a measured duration.
    return_share
        How much of the peak may remain at the offset. Higher accepts movements that do not
        come back fully.
    baseline_s
        Span of the running median that is a region's rest. Shorter follows slow drift better
        and eats into long micro-expressions.
    smooth_s
        Span of the moving mean over displacements; frames farther apart stay as they are.
    noise_s
        Span over which noise is measured.
    warm_up_s
        Time after a (re)start in which nothing is claimed.
    restless
        Share of the amplitude by which a region may move along the same way just before the
        onset. Higher takes up movements out of movement: speech, tremor.
    still_s
        How long a region must stand still before its movement counts as over. Longer measures
        the offset better and confirms later.
    confirm_s
        Longest wait after the first region's end for others to end as well.
    """

    noise_factor: float = 4.0
    floor_iod: float = 0.0055
    max_amplitude_iod: float = 0.07
    min_duration_s: float = MIN_DURATION_S
    max_duration_s: float = MAX_DURATION_S
    duration_slack: float = 0.2
    return_share: float = 0.4
    baseline_s: float = 0.9
    smooth_s: float = 0.022
    noise_s: float = 4.0
    warm_up_s: float = 0.6
    restless: float = 0.5
    still_s: float = 0.035
    confirm_s: float = 0.05
