"""Which action units go together under the three labels of the field's data sets.

Broader than ``action_units.EMOTION_MIXTURES``, which makes clips: what annotators *called*
negative, positive or surprise is more than the prototypes of an emotion. The recogniser learns
from this table and is tested on clips made with the other.
"""

from __future__ import annotations

from types import MappingProxyType

from offline.synthesis.action_units import Mixtures

LABEL_MIXTURES: Mixtures = MappingProxyType(
    {
        "negative": (
            (3.5, {4: 1.0}),
            (5.0, {4: 1.0, 7: 0.6}),
            (3.0, {7: 1.0}),
            (0.7, {4: 1.0, 5: 0.4, 7: 0.5}),
            (0.5, {4: 0.8, 6: 0.5, 7: 0.6}),
            (1.0, {4: 1.0, 24: 0.7}),
            (0.7, {4: 1.0, 23: 0.6}),
            (1.2, {4: 0.8, 9: 0.8}),
            (0.8, {4: 0.7, 7: 0.6, 9: 0.8}),
            (1.5, {9: 1.0}),
            (2.0, {10: 1.0}),
            (0.8, {7: 0.6, 10: 1.0}),
            (1.0, {4: 0.8, 10: 1.0}),
            (0.7, {1: 1.0}),
            (1.0, {1: 0.8, 4: 1.0}),
            (0.5, {1: 0.8, 4: 1.0, 15: 0.8}),
            (0.7, {1: 0.8, 2: 0.6, 4: 0.8}),
            (3.5, {14: 1.0}),
            (0.5, {14: 1.0, 17: 0.7}),
            (1.2, {15: 1.0}),
            (0.4, {6: 0.5, 15: 1.0}),
            (0.6, {12: 0.6, 15: 1.0}),
            (1.2, {15: 1.0, 17: 0.8}),
            (2.0, {17: 1.0}),
            (0.5, {17: 0.8, 24: 0.8}),
            (0.8, {20: 1.0}),
            (0.3, {20: 1.0, 25: 0.5, 26: 0.5}),
            (0.3, {23: 1.0}),
            (0.5, {24: 1.0}),
        ),
        "positive": (
            (6.0, {12: 1.0}),
            (4.5, {6: 0.7, 12: 1.0}),
            (1.0, {6: 1.0}),
            (0.8, {7: 0.5, 12: 1.0}),
            (0.7, {6: 0.7, 7: 0.5, 12: 1.0}),
            (1.0, {12: 1.0, 25: 0.5}),
            (0.6, {6: 0.6, 12: 1.0, 25: 0.5}),
            (0.5, {12: 1.0, 14: 0.4}),
            (0.5, {12: 1.0, 24: 0.4}),
            (0.4, {12: 1.0, 17: 0.4}),
        ),
        "surprise": (
            (6.0, {1: 1.0, 2: 1.0}),
            (2.0, {1: 1.0, 2: 1.0, 5: 0.5}),
            (2.0, {2: 1.0}),
            (0.5, {1: 1.0}),
            (1.2, {1: 1.0, 2: 1.0, 25: 0.5}),
            (0.7, {1: 0.8, 2: 0.8, 5: 0.5, 26: 0.8}),
            (0.6, {5: 1.0}),
            (0.3, {25: 1.0}),
            (0.4, {25: 0.5, 26: 1.0}),
        ),
    }
)
"""Label → (how often, action unit → relative strength).

After EMFACS-7 (Friesen & Ekman 1983), the criteria by which CASME II was labelled (Yan et al.
2014, *PLOS ONE* 9:e86041: happiness AU 6 or 12; disgust AU 9, 10 or 4+7; surprise AU 1+2, 2 or
25; repression AU 15 or 17) and the objective classes of Davison et al. (2018, *Journal of
Imaging* 4:119). Units that both lists give to several emotions appear under each. How often is
our own guess, led by how often the published sheets count each unit."""
