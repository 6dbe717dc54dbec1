"""The choice of a layer for a reader: a table, a montage of heat maps, one JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.reports.drawing import LIGHT, new_figure, png_of
from offline.scores.result_files import write_together
from offline.systems.layer_choice import LayerChoice, LayerScore

JSON, PICTURE = "layers.json", "layers.png"
SHOWN = 4
"""Faces in the montage."""
_DECIMALS = 4


def table_of(choice: LayerChoice) -> list[str]:
    """Return one line a layer, the chosen one marked."""
    lines = ["layer       expressive  ± error   gain   face   values learnt from there"]
    for each in choice.scores:
        mark = "  <- begin here" if each.layer == choice.chosen else ""
        lines.append(
            f"{each.layer:<10} {each.expressive:>10.1%} {each.error:>9.1%} {each.gain:>6.2f} "
            f"{each.face:>6.1%} {each.learnt:>13,}{mark}"
        )
    return lines


def summary_of(choice: LayerChoice, told: dict[str, Any]) -> dict[str, Any]:
    """Return what is found, ready for JSON; ``told`` says of what, and comes first."""
    return {
        **told,
        "warning": choice.warning,
        "retrain_from": choice.chosen,
        "layers": [
            {
                "layer": each.layer,
                "expressive": round(each.expressive, _DECIMALS),
                "error": round(each.error, _DECIMALS),
                "gain": round(each.gain, _DECIMALS),
                "face": round(each.face, _DECIMALS),
                "parts": {name: round(share, _DECIMALS) for name, share in each.parts.items()},
                "values_learnt": each.learnt,
            }
            for each in choice.scores
        ],
    }


def write_choice(
    out_dir: str | os.PathLike[str],
    choice: LayerChoice,
    faces: NDArray[np.float32],
    told: dict[str, Any],
) -> dict[str, Path]:
    """Write the JSON file and the montage; return file name → path.

    Parameters
    ----------
    faces
        (N, 3, 224, 224) float32 as they were looked at; the first few are shown.
    told
        Of what the choice was made: data set, weights, seed, samples.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    text = json.dumps(summary_of(choice, told), indent=2, ensure_ascii=False) + "\n"
    files = {JSON: text.encode(), PICTURE: montage(choice, faces)}
    write_together(Path(out_dir), files)
    return {name: Path(out_dir) / name for name in files}


def montage(choice: LayerChoice, faces: NDArray[np.float32]) -> bytes:
    """Return a PNG picture: a row a layer, a column a face, the map laid over it."""
    shown = faces[:SHOWN]
    size = 1.2
    rows = len(choice.scores)
    width = size * len(shown) + 2.2
    figure = new_figure(width, size * rows + 0.6, LIGHT, choice.warning)
    axes = figure.subplots(rows, len(shown), squeeze=False)
    for row, each in enumerate(choice.scores):
        for column, face in enumerate(shown):
            _draw(axes[row, column], face, each.maps[column])
        _name(axes[row, 0], each, each.layer == choice.chosen)
    return png_of(figure)


def _draw(place: Any, face: NDArray[np.float32], heat: NDArray[np.float32]) -> None:
    side = heat.shape[0]
    extent = (0, side, side, 0)
    place.imshow(face.transpose(1, 2, 0).mean(2), cmap="gray", vmin=0, vmax=1, extent=extent)
    peak = float(heat.max())
    place.imshow(heat, cmap="inferno", vmin=0, vmax=peak or 1.0, alpha=0.55, extent=extent)
    place.set_xticks([])
    place.set_yticks([])


def _name(place: Any, score: LayerScore, chosen: bool) -> None:
    place.set_ylabel(
        f"{score.layer}\n{score.expressive:.0%}" + (" ←" if chosen else ""),
        rotation=0,
        ha="right",
        va="center",
        color=LIGHT.high if chosen else LIGHT.ink,
        fontweight="bold" if chosen else "normal",
    )
