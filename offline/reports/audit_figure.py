"""The figure of a leak audit: how high UF1 stands under each way of choosing, and in print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from offline.bench.learning import HONEST
from offline.reports.drawing import LIGHT, Theme, dress, new_figure, png_of
from offline.reports.pages import points
from offline.scores.published import LEAKS
from offline.scores.result_metrics import STAMP

if TYPE_CHECKING:
    from offline.reports.audit_report import AuditRow, Difference


def audit_figure(
    rows: Sequence[AuditRow], differences: Sequence[Difference] = (), theme: Theme = LIGHT
) -> bytes:
    """Draw UF1 with its interval for each selection, what the leak is worth, and published leaks.

    Parameters
    ----------
    rows
        The runs, the honest ones first.
    differences
        Of them, the first of a dishonest selection is written beside its bracket.
    theme
        The colours.
    """
    leaky = [row.selection for row in rows if row.selection not in HONEST]
    figure = new_figure(8.6, 4.6, theme, f"{leaky[0]}: {STAMP}" if leaky else "")
    own, printed = figure.subplots(1, 2, sharey=True, width_ratios=(len(rows) + 1.2, 2.4))
    _runs(own, rows, theme)
    worth = next((each for each in differences if each.selection in leaky), None)
    if worth is not None:
        _bracket(own, rows, worth, theme)
    _published(printed, theme)
    for axes, title in ((own, "this model, the same folds"), (printed, "in print (MEB, table 3)")):
        axes.set_title(title, fontsize=10.5, color=theme.ink)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=theme.line, linewidth=0.6)
        axes.set_axisbelow(True)
    return png_of(figure)


def _runs(axes: Any, rows: Sequence[AuditRow], theme: Theme) -> None:
    for place, row in enumerate(rows):
        uf1, (low, high) = row.metrics["UF1"], row.metrics["interval"]["UF1"]
        if uf1 is None:
            continue
        colour = theme.high if row.selection in HONEST else theme.warn
        if low is not None:
            axes.vlines(place, low, high, color=colour, linewidth=2.4, alpha=0.55)
        axes.plot(place, uf1, "o", color=colour, markersize=9)
        axes.annotate(
            f"{uf1:.3f}", (place, uf1), (-9, 0), textcoords="offset points", ha="right",
            va="center", fontsize=10, color=theme.ink,
        )  # fmt: skip
    dress(axes, theme, "selection", "UF1; the lines are 95 % intervals over subjects")
    axes.set_xticks(range(len(rows)), [row.selection for row in rows], parse_math=False)
    axes.set_xlim(-0.6, len(rows) + 0.5)


def _bracket(axes: Any, rows: Sequence[AuditRow], worth: Difference, theme: Theme) -> None:
    """Mark how far a selection stands above the one it is compared with."""
    place = {row.selection: number for number, row in enumerate(rows)}
    height = {row.selection: row.metrics["UF1"] for row in rows}
    start, end = height[worth.against], height[worth.selection]
    if start is None or end is None or worth.uf1 is None:
        return
    side = place[worth.selection] + 0.28
    line = {"color": theme.ink, "linewidth": 1.1}
    axes.hlines(start, place[worth.against] + 0.1, side, linestyle=(0, (3, 3)), **line)
    axes.hlines([start, end], side - 0.08, side, **line)
    axes.vlines(side, start, end, **line)
    told = [f"{points(worth.uf1)} points", f"over {worth.against}"]
    if worth.low is not None and worth.high is not None:
        told.append(f"{points(worth.low)} to {points(worth.high)}")
    axes.text(
        side + 0.08, (start + end) / 2, "\n".join(told), va="center", fontsize=9, color=theme.ink,
        linespacing=1.4, parse_math=False,
    )  # fmt: skip


def _published(axes: Any, theme: Theme) -> None:
    """Draw the leaks that others measured, from clean to leaky."""
    for place, leak in enumerate(LEAKS):
        clean, leaky = leak.clean[0], leak.leaky[0]
        axes.annotate(
            "", (place, leaky - 0.006), (place, clean + 0.006),
            arrowprops={"arrowstyle": "->", "color": theme.soft, "linewidth": 1.2},
        )  # fmt: skip
        axes.plot(place, clean, "o", color=theme.high, markersize=7)
        axes.plot(place, leaky, "o", color=theme.warn, markersize=7)
        axes.annotate(
            points(leak.gain), (place, (clean + leaky) / 2), (7, 0), textcoords="offset points",
            va="center", fontsize=9, color=theme.ink,
        )  # fmt: skip
    dress(axes, theme, "clean → test-fold", "")
    axes.set_xticks(range(len(LEAKS)), [leak.method for leak in LEAKS], parse_math=False)
    axes.set_xlim(-0.5, len(LEAKS) - 0.2)
