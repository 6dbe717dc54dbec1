"""Left and right exchanged in maps of motion."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.floating[Any])


def mirrored(maps: NDArray[Number]) -> NDArray[Number]:
    """Return (…, P, H, W) maps of the mirror images: sides change places, u its sign.

    u, motion along x, is the first plane; all others keep their signs.
    """
    signs = np.ones((maps.shape[-3], 1, 1), maps.dtype)
    signs[0] = -1
    return np.asarray(maps[..., ::-1] * signs, maps.dtype)
