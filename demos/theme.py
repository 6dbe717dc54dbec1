"""How the pages look: one palette in two lights, the system's own fonts, nothing loaded."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gradio.themes import Base
from gradio.themes.utils import colors, sizes

STYLE = Path(__file__).parent / "static" / "demo.css"
FONTS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Noto Sans",
    "DejaVu Sans",
    "sans-serif",
)
MONO = ("ui-monospace", "Consolas", "DejaVu Sans Mono", "monospace")

# The report's colours, so that a page and the files it offers are one family.
PAPER, CARD, INK, SOFT, LINE = "#f6f5f1", "#ffffff", "#23282d", "#5f676e", "#e3e1da"
ACCENT, ACCENT_DARK = "#2a6b70", "#7cc3c0"
NIGHT, NIGHT_CARD, NIGHT_INK, NIGHT_SOFT, NIGHT_LINE = (
    "#14181b", "#1c2226", "#e6e8e8", "#9ea8ae", "#2d353a",
)  # fmt: skip

_TEAL = colors.Color(
    name="mer",
    c50="#eef5f4", c100="#dcebea", c200="#b9d8d6", c300="#93c5c3", c400="#7cc3c0",
    c500="#3d8a8f", c600="#2a6b70", c700="#23595d", c800="#1c474a", c900="#163738",
    c950="#0f2627",
)  # fmt: skip
_STONE = colors.Color(
    name="mer-stone",
    c50="#f6f5f1", c100="#efede7", c200="#e3e1da", c300="#cfcdc5", c400="#9ea8ae",
    c500="#5f676e", c600="#4a5258", c700="#2d353a", c800="#1c2226", c900="#181d20",
    c950="#14181b",
)  # fmt: skip


@cache
def theme() -> Base:
    """Return the theme. Fonts are plain names, so Gradio writes no address of a font."""
    made = Base(
        primary_hue=_TEAL,
        secondary_hue=_TEAL,
        neutral_hue=_STONE,
        text_size=sizes.text_md,
        spacing_size=sizes.spacing_md,
        radius_size=sizes.radius_lg,
        font=FONTS,
        font_mono=MONO,
    )
    return made.set(
        body_background_fill=PAPER, body_background_fill_dark=NIGHT,
        body_text_color=INK, body_text_color_dark=NIGHT_INK,
        body_text_color_subdued=SOFT, body_text_color_subdued_dark=NIGHT_SOFT,
        background_fill_primary=CARD, background_fill_primary_dark=NIGHT_CARD,
        background_fill_secondary=PAPER, background_fill_secondary_dark=NIGHT,
        block_background_fill=CARD, block_background_fill_dark=NIGHT_CARD,
        block_border_color=LINE, block_border_color_dark=NIGHT_LINE,
        border_color_primary=LINE, border_color_primary_dark=NIGHT_LINE,
        block_label_background_fill=CARD, block_label_background_fill_dark=NIGHT_CARD,
        block_label_text_color=SOFT, block_label_text_color_dark=NIGHT_SOFT,
        block_title_text_color=INK, block_title_text_color_dark=NIGHT_INK,
        block_title_text_weight="550",
        block_shadow="none",
        input_background_fill=CARD, input_background_fill_dark=NIGHT,
        input_border_width="1px", input_shadow="none",
        input_border_color="#c9c6bc", input_border_color_dark="#465056",
        input_border_color_focus=ACCENT, input_border_color_focus_dark=ACCENT_DARK,
        button_primary_background_fill=ACCENT, button_primary_background_fill_dark=ACCENT_DARK,
        button_primary_background_fill_hover="#23595d",
        button_primary_background_fill_hover_dark="#93d3d0",
        button_primary_text_color="#ffffff", button_primary_text_color_dark="#10201f",
        button_secondary_background_fill=CARD, button_secondary_background_fill_dark="#262e33",
        button_secondary_background_fill_hover="#eef3f2",
        button_secondary_background_fill_hover_dark="#2f3a3f",
        button_secondary_border_color="#c9c6bc", button_secondary_border_color_dark="#465056",
        button_secondary_text_color=INK, button_secondary_text_color_dark=NIGHT_INK,
        button_border_width="1px",
        slider_color=ACCENT, slider_color_dark=ACCENT_DARK,
        link_text_color=ACCENT, link_text_color_dark=ACCENT_DARK,
        link_text_color_hover="#1c474a", link_text_color_hover_dark="#a5dcd9",
        link_text_color_visited=ACCENT, link_text_color_visited_dark=ACCENT_DARK,
    )  # fmt: skip


def style() -> str:
    """Return the style sheet that goes with the theme."""
    return STYLE.read_text("utf-8")
