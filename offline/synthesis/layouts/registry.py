"""Layouts by name."""

from __future__ import annotations

from offline.synthesis.layouts.casme import CASME
from offline.synthesis.layouts.casme2 import CASME2
from offline.synthesis.layouts.casme3 import CASME3
from offline.synthesis.layouts.casme_sq import CASME_SQ
from offline.synthesis.layouts.composite import COMPOSITE
from offline.synthesis.layouts.flow_archive import FLOW_ARCHIVE
from offline.synthesis.layouts.fourdme import FOURDME
from offline.synthesis.layouts.layout import Layout
from offline.synthesis.layouts.mmew import MMEW
from offline.synthesis.layouts.samm import SAMM
from offline.synthesis.layouts.samm_lv import SAMM_LV
from offline.synthesis.layouts.smic import SMIC, SMIC_NIR, SMIC_VIS
from offline.synthesis.layouts.smic_e import SMIC_E
from realtime_mer.errors import ConfigError

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        CASME, CASME2, SMIC, SMIC_VIS, SMIC_NIR, SAMM, COMPOSITE, CASME3, MMEW, FOURDME,
        CASME_SQ, SAMM_LV, SMIC_E, FLOW_ARCHIVE,
    )
}  # fmt: skip
"""Every layout by the name of its data set."""


def find_layout(name: str) -> Layout:
    """Return the layout called ``name``.

    Raises
    ------
    ConfigError
        There is none.
    """
    if name not in LAYOUTS:
        raise ConfigError(f"layout {name!r} is not known; give one of {', '.join(LAYOUTS)}")
    return LAYOUTS[name]
