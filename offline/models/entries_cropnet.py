"""ARS, RRS and CropNet (Zhao, Chen & Luo 2021): entries of the registry."""

from __future__ import annotations

from offline.models.entry import ModelEntry

ENTRIES: tuple[ModelEntry, ...] = ()
"""Every model of this family."""
