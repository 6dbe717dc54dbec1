"""The default recogniser's package: export, parity with torch, figures, card."""

from __future__ import annotations

import io
import platform
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from engines import Card, Package, open_backend, write_package
from offline.models.flow_cnn import LABELS, PUBLISHED, SCORES, Deployed
from offline.scores.metrics import calibrate, confusion_matrix, score
from offline.synthesis.conditions import Conditions
from offline.synthesis.flow_maps import Maps
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import FLOW_SIDE

if TYPE_CHECKING:
    from offline.training import TrainSettings

Float = NDArray[np.float32]

NAME, VERSION = "flow-cnn", "2"
GENERATOR = "2: bumps and muscles, stream and archive readings"
DATA = (
    "Synthetic only. Action units, as displacement bumps (offline.synthesis.action_units) and as "
    "muscles (offline.synthesis.muscles), move the pixels of bent and turned copies of "
    "scikit-image's public-domain astronaut portrait and of painted faces; camera noise, JPEG, "
    "misalignment; read back by the stream's own flow estimator, or by TV-L1, DIS and Farneback "
    "in the manner of the field's flow archives. No recording of a real expression, and of no "
    "real person but the astronaut, was used."
)
REAL_DATA = (
    "Not in training. Before this project's code was written, four exploratory looks at scores "
    "on a published benchmark (by people who passed the findings on) chose median and RMS "
    "scaling, u and v without strain, and the order of the noise. Which units go with which "
    "emotion, and the class balance behind `prior`, follow published criteria and counts."
)
INTENDED_USE = (
    "To say what a short movement between a given onset and apex looks like, for a person to "
    "review; as a prior for models that are adapted to labelled data."
)
LIMITS = (
    "Tells what the motion of a face between two moments looks like: brow raise (surprise), "
    "lip-corner pull (positive), frown, lid tightening, sneer and other lip and chin motions "
    "(negative), or none of these. It never saw a real micro-expression, and says nothing about "
    "what a person feels or whether they lie. Faces near frontal; motion of about 1 % of the "
    "inter-ocular distance or more."
)


def write_default(
    out_dir: Path,
    net: Deployed,
    settings: TrainSettings,
    conditions: Conditions,
    held_out: Maps,
) -> Package:
    """Export, compare with torch on golden samples, judge on held-out maps, write the package.

    Raises
    ------
    RuntimeError
        If ONNX Runtime and torch differ by more than 1e-4.
    """
    samples = held_out.flow[:12]
    with torch.no_grad():
        expected = net(torch.from_numpy(samples)).numpy()
    card = Card(
        name=NAME,
        version=VERSION,
        labels=LABELS,
        recipe="onset_apex_flow",
        input_name="flow",
        input_shape=(2, FLOW_SIDE, FLOW_SIDE),
        input_dtype="float32",
        output_name="answers",
        licence="Apache-2.0",
        limits=LIMITS,
        scores=SCORES,
        training=_provenance(net, settings, conditions),
        metrics={},
    )
    package = write_package(out_dir, card, export(net), samples, expected)
    with open_backend(package, "onnx") as backend:
        answers = backend.infer(held_out.flow)
        difference = float(np.abs(backend.infer(samples) - expected).max())
    if difference > 1e-4:
        raise RuntimeError(f"torch and ONNX Runtime differ by {difference:.1e} on golden samples")
    metrics = {
        "held-out synthetic maps": {
            "read as the stream reads": figures(answers, held_out, ~held_out.archive),
            "read as a flow archive": figures(answers, held_out, held_out.archive),
        },
        "largest difference torch / ONNX Runtime": float(f"{difference:.1e}"),
    }
    card = replace(card, metrics=metrics)
    return write_package(out_dir, card, package.model, samples, expected)


def export(net: Deployed) -> bytes:
    """Return the network as one ONNX file, batch axis free.

    By torch's older exporter: the newer one writes source paths of this machine into the file,
    so that the same weights would not give the same bytes everywhere.
    """
    buffer = io.BytesIO()
    example = torch.zeros(2, 2, FLOW_SIDE, FLOW_SIDE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            net,
            (example,),
            buffer,
            input_names=["flow"],
            output_names=["answers"],
            dynamic_axes={"flow": {0: "N"}, "answers": {0: "N"}},
            opset_version=17,
            dynamo=False,
        )
    return buffer.getvalue()


def figures(answers: Float, maps: Maps, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """Return UF1, calibration, how `none` does, and the scores' ranking on chosen maps."""
    answers, labels, groups = answers[chosen], maps.labels[chosen], maps.groups[chosen]
    expression = labels < len(EMOTIONS)
    three = answers[:, : len(EMOTIONS)] / answers[:, : len(EMOTIONS)].sum(1, keepdims=True)
    none = answers[:, len(EMOTIONS)]
    confusion = confusion_matrix(labels[expression], three[expression].argmax(1), len(EMOTIONS))
    return {
        "maps": len(labels),
        "UF1 of three classes": _rounded(score(confusion).uf1),
        "expected calibration error of three": _rounded(
            calibrate(labels[expression], three[expression]).error
        ),
        "expected calibration error of four": _rounded(
            calibrate(labels, answers[:, : len(LABELS)]).error
        ),
        "none found": _rounded(_share(none[~expression] > 0.5)),
        "expressions called none": _rounded(_share(none[expression] > 0.5)),
        "action-unit groups, area under ROC": _group_areas(answers[:, len(LABELS) :], groups),
    }


def _group_areas(scores: Float, groups: Float) -> dict[str, float]:
    """Rank clearly present (> 0.5) against absent (0) units, sides apart: area under ROC."""
    flat = groups.reshape(len(groups), -1)
    found: dict[str, float] = {}
    for column, name in enumerate(SCORES):
        there, absent = flat[:, column] > 0.5, flat[:, column] == 0
        if there.any() and absent.any():
            ranks = rankdata(np.r_[scores[there, column], scores[absent, column]])
            size = int(there.sum())
            area = (ranks[:size].sum() - size * (size + 1) / 2) / (size * int(absent.sum()))
            found[name] = round(float(area), 3)
    return found


def _provenance(net: Deployed, settings: TrainSettings, conditions: Conditions) -> dict[str, Any]:
    return {
        "data": DATA,
        "real data": REAL_DATA,
        "intended use": INTENDED_USE,
        "generator": GENERATOR,
        "command": _command(settings),
        "settings": asdict(settings),
        "conditions": asdict(conditions),
        "class balance behind prior": dict(zip(EMOTIONS, PUBLISHED, strict=True)),
        "temperature": round(net.temperature, 4),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _command(settings: TrainSettings) -> str:
    """Return the command that repeats the model, with what differs from its defaults."""
    usual = type(settings)()
    given = [f"--seed {settings.seed}"]
    for name in ("maps", "members"):
        if getattr(settings, name) != getattr(usual, name):
            given.append(f"--{name} {getattr(settings, name)}")
    return " ".join(("mer train default --out DIR", *given))


def _share(hits: NDArray[np.bool_]) -> float:
    return float(hits.mean()) if len(hits) else float("nan")


def _rounded(value: float) -> float | None:
    """Return three digits; None, JSON's null, for what is undefined."""
    return None if np.isnan(value) else round(float(value), 3)
