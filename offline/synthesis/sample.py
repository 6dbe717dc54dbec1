"""The bundled sample: one short clip with three planted micro-expressions."""

from __future__ import annotations

from pathlib import Path

from offline.synthesis.action_units import Activation, scaled_to_peak
from offline.synthesis.clip_spec import ClipSpec, Distractor, MicroExpression
from offline.synthesis.portrait import Portrait
from offline.synthesis.render import write_clip
from offline.synthesis.truth import Truth
from realtime_mer.errors import OutputError

_BROWS_UP = {1: (1.0, 0.95), 2: (0.9, 1.0)}
_SMILE = {6: (0.5, 0.5), 12: (1.0, 0.9)}
_FROWN = {4: (1.0, 1.0), 7: (0.3, 0.3)}


def _planted(
    onset: float, apex: float, offset: float, emotion: str, units: Activation, peak: float
) -> MicroExpression:
    scaled = scaled_to_peak(units, peak)
    triples = tuple((number, round(r, 5), round(ll, 5)) for number, (r, ll) in scaled.items())
    return MicroExpression(onset, apex, offset, emotion, triples, peak, "min_jerk")


def sample_clip() -> ClipSpec:
    """Return the bundled clip's spec: 10 s, 640×480, 60 frames/s."""
    smile = tuple((number, *sides) for number, sides in _SMILE.items())
    return ClipSpec(
        seed=20,
        fps=60.0,
        duration_s=10.0,
        face_iod_px=104.0,
        face_y=0.5,
        micro_expressions=(
            _planted(1.70, 1.86, 2.12, "surprise", _BROWS_UP, 0.040),
            _planted(3.80, 3.94, 4.20, "positive", _SMILE, 0.040),
            _planted(8.40, 8.58, 8.80, "negative", _FROWN, 0.038),
        ),
        distractors=(
            Distractor("blink", 0.90, 1.18, 1.0, 1),
            Distractor("blink", 2.95, 3.22, 1.0, 2),
            Distractor("slow_expression", 4.90, 7.40, 0.07, 3, smile),
            Distractor("blink", 7.70, 7.96, 1.0, 4),
        ),
        drift_iod=0.015,
        drift_deg=0.8,
        noise_gaussian=0.8,
        crf=17,
        preset="slow",
        gop=120,
    )


def make_sample(out_dir: Path) -> Truth:
    """Render the bundled sample: ``sample.mp4`` and ``sample.truth.json``.

    Parameters
    ----------
    out_dir
        Made if missing.

    Returns
    -------
    The truth that was written.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to.
    """
    folder = Path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error}; give another") from error
    return write_clip(sample_clip(), Portrait.astronaut(), folder / "sample.mp4")
