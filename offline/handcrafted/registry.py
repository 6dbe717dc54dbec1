"""Descriptors by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from offline.handcrafted.bi_woof import bi_woof
from offline.handcrafted.lbp_sip import lbp_sip
from offline.handcrafted.lbp_top import lbp_top
from offline.handcrafted.mdmo import mdmo
from realtime_mer.candidate_frames import CandidateFrames

HANDCRAFTED: dict[str, Callable[[CandidateFrames], NDArray[np.float32]]] = {
    "lbp_top": lbp_top,
    "lbp_sip": lbp_sip,
    "bi_woof": bi_woof,
    "mdmo": mdmo,
}
"""Name → candidate's pictures → (F,) float32."""
