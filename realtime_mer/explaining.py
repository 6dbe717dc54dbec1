"""What explains a model's answers, brought by whoever can: the stream itself does not know how.

Looking into a network needs gradients, hence PyTorch, which the stream must do without. So a
package that has it registers an entry point of the group ``GROUP``: a function from a model
package to an ``Explain``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import entry_points

import numpy as np
from numpy.typing import NDArray

from engines import Package
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import ConfigError

GROUP = "realtime_mer.explainers"
INSTALL = "pip install 'realtime-mer[offline]'"


@dataclass(frozen=True, slots=True)
class Explained:
    """What moved a model's answer to one event.

    Attributes
    ----------
    picture
        JPEG of the apex crop with the places that moved the answer; empty if there is none.
    words
        The same in a sentence, or why there is no picture.
    """

    picture: bytes = field(repr=False)
    words: str


Explain = Callable[[CandidateFrames, NDArray[np.float32]], Explained]
"""A candidate, and what the model's recipe made of it, to what moved the answer."""


def open_explainer(package: Package) -> Explain:
    """Return what explains the answers of a package.

    Raises
    ------
    ConfigError
        Nothing that explains is installed, or not what it needs.
    ModelError
        The package's network cannot be looked into.
    """
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    if not found:
        raise ConfigError(f"--explain needs the bench and PyTorch: {INSTALL}")
    try:
        make = found[0].load()
    except ImportError as error:
        raise ConfigError(f"--explain needs PyTorch ({error}): {INSTALL}") from error
    explain: Explain = make(package)
    return explain
