"""What each region of the face is told that it shows: from the action units of the sample.

Aouayeb et al. 2022 (doi 10.3389/frsip.2022.861469), table 1, section 4.2.2: a region that takes
part in an expression is trained with the expression's class, any other with a class of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.bench.learning import Group, Material
from offline.datasets.action_unit_text import ActionUnit, parse_action_units
from realtime_mer.face.topology import REGIONS

REGION_UNITS: dict[str, tuple[int, ...]] = {
    "brow_left": (1, 2, 4, 7),
    "brow_right": (1, 2, 4, 7),
    "nose": (9,),
    "cheek_left": (6,),
    "cheek_right": (6,),
    "mouth": (10, 12, 14, 15, 25),
}
"""Region to the action units seen in it: table 1 of the paper, word for word."""

LABELLINGS = ("units", "face")
"""``units``: by the region's own action units; ``face``: every region as the whole face (table
6, first row)."""


def shows(region: str, unit: ActionUnit) -> bool:
    """Return whether an action unit moves in a region of ``topology.REGIONS``.

    A unit coded on one side counts on that side alone, the subject's. The nose and the mouth
    reach over both sides. What is there all the time (``ref(…)``, ``(k)``) does not move.
    """
    if not unit.activated or unit.number not in REGION_UNITS[region]:
        return False
    sides = {"L": "left", "R": "right"}
    coded = {sides[side] for side in unit.side.split("/") if side in sides}
    own = region.rpartition("_")[2]
    return len(coded) != 1 or own not in sides.values() or own in coded


def active_regions(text: str, dataset: str) -> NDArray[np.bool_] | None:
    """Return which regions take part, (6,) bool in the order of ``topology.REGIONS``.

    Parameters
    ----------
    text, dataset
        The action units as the sheet of a data set writes them.

    Returns
    -------
    None where the sheet names no action unit. Units that the table does not have (17, 24, …)
    make no region active.
    """
    units, _ = parse_action_units(text, dataset)
    if not units:
        return None
    return np.array([any(shows(region, unit) for unit in units) for region in REGIONS])


def region_shares(
    face: NDArray[np.float32], text: str, group: Group, labelling: str
) -> NDArray[np.float32]:
    """Return what each region of one sample shows, (6, K) shares of classes.

    Parameters
    ----------
    face
        (C,) shares of the whole face's classes.
    text, group
        Its action units, empty if nobody coded them, and whose it is: data set and subject.
    labelling
        One of ``LABELLINGS``. With ``units`` K is C + 1, the last for a region at rest; where no
        units are known, every region has the face's class. With ``face`` K is C.
    """
    if labelling == "face":
        return np.tile(face, (len(REGIONS), 1))
    active = active_regions(text, group[0])
    if active is None:
        active = np.ones(len(REGIONS), bool)
    shares = np.zeros((len(REGIONS), len(face) + 1), np.float32)
    shares[active, :-1] = face
    shares[~active, -1] = 1
    return shares


def region_targets(
    material: Material, places: NDArray[np.int64], labelling: str
) -> NDArray[np.float32]:
    """Return what each region of each picture shows, (n, T·6, K); see ``region_shares``.

    Steps without a picture, zero everywhere, have rows of zeros and weigh nothing.
    """
    texts = material.action_units or ("",) * len(material.targets)
    rows = []
    for place in places:
        steps = material.inputs[place]
        shown = (steps.reshape(len(steps), -1) != 0).any(1)
        shares = region_shares(
            material.targets[place], texts[place], material.groups[place], labelling
        )
        rows.append((shown[:, None, None] * shares).reshape(-1, shares.shape[1]))
    stacked: NDArray[np.float32] = np.stack(rows).astype(np.float32)
    return stacked
