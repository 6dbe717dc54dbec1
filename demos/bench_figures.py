"""Confusion matrices, bars and strips as inline SVG and HTML, in the page's own colours.

Nothing but numbers and escaped names goes in; colours are CSS variables, so that the same drawing
is right in light and in dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

CELL, GAP = 74, 3
_LABEL, _FOOT = 96, 40
_BAR, _BAR_GAP, _TOP, _TALL = 22, 6, 14, 130
SHORT = 12
"""Letters of a class's name that fit beside a matrix."""


def confusion_svg(counts: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> str:
    """Return a confusion matrix: rows are the truth; shade is the share of the true class.

    Parameters
    ----------
    counts
        (C, C) samples.
    classes
        C names.
    title
        For screen readers.
    """
    size = len(classes)
    cell = max(34, min(CELL, 300 // size))
    step = cell + GAP
    width, height = _LABEL + size * step, size * step + _FOOT
    parts = [_opened(width, height, title)]
    for row, (name, numbers) in enumerate(zip(classes, counts, strict=True)):
        total = sum(numbers)
        middle = row * step + cell / 2
        parts.append(
            f'<text x="{_LABEL - 10}" y="{middle + 4:.0f}" class="b-name" text-anchor="end">'
            f"{_short(name)}</text>"
        )
        for column, number in enumerate(numbers):
            share = number / total if total else 0.0
            told = f"{name} taken for {classes[column]}: {number} of {total}"
            parts.append(
                f"<g><title>{escape(told)}</title>"
                f'<rect x="{_LABEL + column * step}" y="{row * step}" width="{cell}" '
                f'height="{cell}" rx="8" class="b-ground"/>'
                f'<rect x="{_LABEL + column * step}" y="{row * step}" width="{cell}" '
                f'height="{cell}" rx="8" class="{"b-hit" if row == column else "b-miss"}" '
                f'opacity="{share:.3f}"/>'
                f"{_cell_text(number, share, column, middle, step, cell)}</g>"
            )
    for column, name in enumerate(classes):
        x = _LABEL + column * step + cell / 2
        parts.append(
            f'<text x="{x:.0f}" y="{size * step + 16}" class="b-name" text-anchor="middle">'
            f"{_short(name, 12 if cell > 60 else 7)}</text>"
        )
    parts.append(
        f'<text x="{_LABEL + (size * step - GAP) / 2:.0f}" y="{size * step + 34}" class="b-soft" '
        'text-anchor="middle">predicted</text></svg>'
    )
    return "".join(parts)


def _cell_text(number: int, share: float, column: int, middle: float, step: int, cell: int) -> str:
    x = _LABEL + column * step + cell / 2
    kind = "b-strong" if share > 0.68 else "b-plain"
    if cell < 50:
        return f'<text x="{x:.0f}" y="{middle + 5:.0f}" class="{kind}">{number}</text>'
    return (
        f'<text x="{x:.0f}" y="{middle + 1:.0f}" class="{kind}">{number}</text>'
        f'<text x="{x:.0f}" y="{middle + 17:.0f}" class="{kind} b-small">{100 * share:.0f} %</text>'
    )


def subjects_svg(per_subject: Mapping[str, Mapping[str, Any]], title: str) -> str:
    """Return one bar a person: their samples, and filled the share that was recognised.

    Parameters
    ----------
    per_subject
        Data set → subject → ``samples`` and ``accuracy``, as in ``metrics.json``.
    title
        For screen readers.
    """
    most = max(
        (part["samples"] for people in per_subject.values() for part in people.values()), default=1
    )
    parts, x = [], 34.0
    height = _TOP + _TALL + 34
    for dataset, people in per_subject.items():
        start = x
        for subject, part in people.items():
            parts.append(_person(dataset, subject, part, x, most))
            x += _BAR + _BAR_GAP
        middle = (start + x - _BAR_GAP) / 2
        parts.append(
            f'<text x="{middle:.1f}" y="{_TOP + _TALL + 30}" class="b-soft" '
            f'text-anchor="middle">{escape(dataset)}</text>'
        )
        x += 16
    grid = "".join(
        f'<line x1="30" x2="{x:.0f}" y1="{_y(value, most):.1f}" y2="{_y(value, most):.1f}" '
        f'class="b-grid"/><text x="26" y="{_y(value, most) + 4:.1f}" class="b-soft" '
        f'text-anchor="end">{value}</text>'
        for value in _ticks(most)
    )
    return _opened(max(x, 120), height, title) + grid + "".join(parts) + "</svg>"


def _person(dataset: str, subject: str, part: Mapping[str, Any], x: float, most: int) -> str:
    samples = int(part["samples"])
    hits = round(samples * float(part["accuracy"] or 0))
    base, all_y, hit_y = _TOP + _TALL, _y(samples, most), _y(hits, most)
    return (
        f"<g><title>{escape(f'{dataset} {subject}: {hits} of {samples} recognised')}</title>"
        f'<rect x="{x:.1f}" y="{all_y:.1f}" width="{_BAR}" height="{base - all_y:.1f}" rx="3" '
        'class="b-all"/>'
        f'<rect x="{x:.1f}" y="{hit_y:.1f}" width="{_BAR}" height="{base - hit_y:.1f}" rx="3" '
        'class="b-got"/>'
        f'<text x="{x + _BAR / 2:.1f}" y="{base + 14}" class="b-soft b-tiny" '
        f'text-anchor="middle">{escape(subject[-3:])}</text></g>'
    )


def _y(value: float, most: int) -> float:
    return _TOP + _TALL * (1 - value / max(most, 1))


def _ticks(most: int) -> list[int]:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if most / s <= 4)
    return list(range(0, most + 1, step))


def strip_html(value: float, span: tuple[float, float], band: tuple[float, float] | None) -> str:
    """Return a figure as a dot on a line, over the run's own interval as a band."""
    low, high = span

    def place(number: float) -> float:
        return 100 * min(max((number - low) / (high - low), 0), 1)

    inner = f'<i style="left:{place(value):.2f}%"></i>'
    if band is not None:
        left, right = place(band[0]), place(band[1])
        inner = f'<b style="left:{left:.2f}%;width:{right - left:.2f}%"></b>{inner}'
    return f'<span class="b-strip" aria-hidden="true">{inner}</span>'


def _opened(width: float, height: float, title: str) -> str:
    return (
        f'<svg class="b-svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="{escape(title, quote=True)}" style="max-width:{width:.0f}px;'
        f'min-width:{width:.0f}px">'
    )


def _short(name: str, letters: int = SHORT) -> str:
    return escape(name if len(name) <= letters else name[: letters - 1] + "…")
