"""Sequences brought to a fixed length, and the motion between their pictures."""

from __future__ import annotations

from realtime_mer.candidate_frames import Recipe

RECIPES: dict[str, Recipe] = {}
"""Every recipe of this kind by name."""
