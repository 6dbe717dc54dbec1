"""What the spotter is told, in seconds and inter-ocular distances."""

from __future__ import annotations

from dataclasses import dataclass

from realtime_mer.events import MAX_DURATION_S, MIN_DURATION_S
from realtime_mer.spotting.alarm_budget import AlarmBudget


@dataclass(frozen=True, slots=True)
class SpotterSettings:
    """Thresholds of the spotter.

    Attributes
    ----------
    least_score
        A pattern that stands out by this many standard deviations of what is usual is looked
        at. Lower looks at more, which costs time, and leaves more to the verdict.
    least_probability
        How likely the verdict must hold a micro-expression for a claim. Higher: fewer alarms,
        faint expressions missed.
    floor_iod
        Standard deviation that every channel is taken to have at least, however quiet the
        picture. Higher: faint expressions are not looked at.
    alert_factor, alert_iod
        A region must leave its rest by this many times its noise, and by at least this much,
        for a provisional alert.
    least_amplitude_iod
        A movement smaller than this is too faint. Higher: fewer alarms, faint expressions missed.
    max_amplitude_iod
        A movement larger than this is no micro-expression, or no face any more.
    min_duration_s, max_duration_s
        Shortest and longest micro-expression, onset to offset.
    duration_slack
        Relative error granted to a measured duration.
    return_share
        How much of the peak may remain for a movement to count as over. Higher measures offsets
        too early.
    late_share
        The same for one that has had all the time there is; beyond this it is a slow expression,
        below it the verdict decides.
    baseline_s
        Span of the running median that is a region's rest, for the provisional alert. Shorter
        follows slow drift better and eats into long micro-expressions.
    smooth_s
        Span of the moving mean over displacements; frames farther apart stay as they are.
    noise_s
        How long the filter remembers what is usual.
    warm_up_s
        Time after a (re)start in which nothing is claimed.
    still_s
        How long a region must stand still before its movement counts as over. Longer measures
        the offset better and confirms later.
    confirm_s
        Longest wait after the first region's end for others to end as well.
    budget
        Takes the place of ``least_probability``: so many alarms a minute are accepted. One object
        is shared by all spotters with these settings. None: ``least_probability`` holds.
    """

    least_score: float = 3.0
    least_probability: float = 0.6
    floor_iod: float = 0.0011
    alert_factor: float = 4.0
    alert_iod: float = 0.0055
    least_amplitude_iod: float = 0.0
    max_amplitude_iod: float = 0.07
    min_duration_s: float = MIN_DURATION_S
    max_duration_s: float = MAX_DURATION_S
    duration_slack: float = 0.2
    return_share: float = 0.3
    late_share: float = 0.6
    baseline_s: float = 0.9
    smooth_s: float = 0.022
    noise_s: float = 4.0
    warm_up_s: float = 0.6
    still_s: float = 0.035
    confirm_s: float = 0.03
    budget: AlarmBudget | None = None
