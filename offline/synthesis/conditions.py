"""How hard synthetic flow maps are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conditions:
    """How hard the samples are; every number may be raised to make them harder.

    Attributes
    ----------
    peak_iod
        Range of the largest displacement at the apex (log-uniform).
    late
        Range of the share of it that is left when onset and apex are off in time.
    unrelated, blink, gaze
        Chances of an action unit that does not belong, of moving lids, of moving irises.
    scatter
        RMS of smooth noise motion as a share of the peak, at most.
    head
        Standard deviations of leftover shift (IOD), zoom, roll and turn (radians).
    loose_head
        How many times more of it an archive's maps show, whose faces are cut out, not aligned.
    noise
        Range of sensor noise in grey levels (log-uniform).
    muscles
        Share of the faces moved by muscles (``muscles``) instead of bumps (``action_units``);
        a third of both is moved by a blend.
    archive
        Share of the maps that are read as a flow archive's (``flow_readings``) instead of the
        stream's.
    pixels
        Share of the maps that go through pictures and a flow estimator.
    nothing
        Share of the maps without an expression, the class ``none``.
    """

    peak_iod: tuple[float, float] = (0.009, 0.06)
    late: tuple[float, float] = (0.5, 1.0)
    unrelated: float = 0.35
    blink: float = 0.25
    gaze: float = 0.15
    scatter: float = 0.12
    head: tuple[float, float, float, float] = (0.008, 0.004, 0.004, 0.012)
    loose_head: float = 1.5
    noise: tuple[float, float] = (0.3, 4.0)
    muscles: float = 0.5
    archive: float = 0.5
    pixels: float = 0.85
    nothing: float = 0.25
