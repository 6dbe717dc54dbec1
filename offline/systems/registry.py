"""Every system of the papers by name."""

from __future__ import annotations

import difflib

from offline.systems import dstan, local_regions, residual_cropnet, vggface
from offline.systems.system import System
from realtime_mer.errors import ConfigError

FAMILIES = (residual_cropnet, local_regions, dstan, vggface)
"""Modules of this room with ``SYSTEMS`` of their own."""
PUBLISHED = (
    "cropnet", "cnn_lstm", "cnn_lstm_se", "stan", "stmn", "dstan",
    "vggface", "vggface_lstm", "vggface_gru", "vggface_tcn",
)  # fmt: skip
"""The systems that the papers propose; all others are ablations and variants of them."""


SYSTEMS: dict[str, System] = {
    name: system for family in FAMILIES for name, system in family.SYSTEMS.items()
}
"""Every system by name, as on the command line."""


def find_system(name: str) -> System:
    """Return the system called ``name``.

    Raises
    ------
    ConfigError
        If there is none; the nearest names are listed.
    """
    if name in SYSTEMS:
        return SYSTEMS[name]
    near = difflib.get_close_matches(name, SYSTEMS, n=3, cutoff=0.3) or sorted(SYSTEMS)
    raise ConfigError(f"no system is called {name!r}; nearest: {', '.join(near)}")
