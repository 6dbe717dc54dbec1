"""Paper, ink and colours of the figures of a result, in light and in dark."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from offline.scores.result_metrics import STAMP
from realtime_mer.sinks.text import plain

DPI = 144
_LETTERS = 12
"""Letters of the stamp that fit on an inch."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours.

    Attributes
    ----------
    paper, ink, soft, line
        Ground, words, quiet words, lines.
    low, high, on_high
        The ends of the shades of a share from 0 to 1, and words on the upper one.
    warn
        Of the stamp of what is no result.
    kinds
        One for each class, told apart by the colour-blind too (after Okabe & Ito).
    """

    paper: str
    ink: str
    soft: str
    line: str
    low: str
    high: str
    on_high: str
    warn: str
    kinds: tuple[str, ...]


LIGHT = Theme(
    "#ffffff", "#23282d", "#5f676e", "#d9d7d0", "#f1f5f4", "#1f6a70", "#ffffff", "#b3261e",
    ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#6b6b6b"),
)  # fmt: skip
DARK = Theme(
    "#1c2226", "#e6e8e8", "#9ea8ae", "#3a444a", "#232c30", "#7cc3c0", "#101416", "#ff8a80",
    ("#56b4e9", "#e69f00", "#2fc49b", "#d98fb8", "#f0e442", "#e8713c", "#bdbdbd"),
)  # fmt: skip


def stamp_of(metrics: Mapping[str, Any]) -> str:
    """Return what the figures of a run must say of it, empty where there is nothing."""
    return STAMP if metrics["leaky"] else str(metrics["warning"])


def new_figure(width: float, height: float, theme: Theme, warning: str = "") -> Any:
    """Return an empty figure in inches, bound to no global state, stamped with a warning."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=DPI, layout="constrained", facecolor=theme.paper)
    FigureCanvasAgg(figure)
    if warning:
        stamp = textwrap.fill(plain(warning), int(width * _LETTERS))
        figure.suptitle(stamp, fontsize=9.5, fontweight="bold", color=theme.warn, parse_math=False)
    return figure


def dress(axes: Any, theme: Theme, x: str, y: str) -> None:
    """Give axes the theme's colours and their two names."""
    axes.set_facecolor(theme.paper)
    axes.set_xlabel(x, color=theme.soft)
    axes.set_ylabel(y, color=theme.soft)
    axes.tick_params(colors=theme.soft, labelcolor=theme.ink, labelsize=9)
    axes.spines[:].set_color(theme.line)


def png_of(figure: Any) -> bytes:
    """Return the picture, its stamp also among what the file says of itself.

    Equal figures give equal bytes.
    """
    data = io.BytesIO()
    stamp = " ".join(figure.get_suptitle().split())
    told = {"Software": None} | ({"Description": stamp} if stamp else {})
    figure.savefig(data, format="png", metadata=told)
    return data.getvalue()
