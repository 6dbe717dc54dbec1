"""CNN and LSTM on local regions (Aouayeb et al. 2019, 2022): entries of the registry."""

from __future__ import annotations

from offline.models.entry import ModelEntry

ENTRIES: tuple[ModelEntry, ...] = ()
"""Every model of this family."""
