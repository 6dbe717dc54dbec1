"""Train the bundled recogniser from synthetic flow and write its model package.

``python -m offline.training --out DIR --seed 0`` repeats the bundled model.
"""

from __future__ import annotations

import argparse
import io
import logging
import platform
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines import Card, Package, open_backend, write_package
from offline.models.flow_cnn import Deployed, FlowCnn, mirrored
from offline.synthesis.flow_maps import Conditions, draw_faces, draw_maps
from offline.synthesis.portrait import Portrait
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import FLOW_SIDE

log = logging.getLogger(__name__)
Float = NDArray[np.float32]

VERSION = "1"
DATA = (
    "Synthetic only. Action-unit displacement fields (offline.synthesis.action_units) move the "
    "pixels of bent copies of scikit-image's public-domain astronaut portrait and of painted "
    "faces; camera noise, JPEG, misalignment; read back by the stream's own flow estimator. No "
    "recording of a real expression, and of no real person but the astronaut, was used."
)
LIMITS = (
    "Tells what the motion of a face between two moments looks like: brow raise (surprise), "
    "lip-corner pull (positive), frown, sneer and other lip and chin motions (negative). It "
    "never saw a real micro-expression, knows no 'none of these', and says nothing about what a "
    "person feels or whether they lie. Faces near frontal; motion of about 1.5 % of the "
    "inter-ocular distance or more."
)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How the default recogniser is trained; everything here is written into its card.

    Attributes
    ----------
    seed
        Of the faces, the maps and the networks.
    faces, maps, held_out
        Synthetic faces, training maps drawn on them, and maps on other faces that set the
        temperature.
    members, epochs, batch, rate, decay
        Networks in the ensemble, and their optimiser (AdamW, one cycle).
    mixup
        Parameter of the Beta distribution that blends two samples; 0 blends none.
    shift, noise
        Augmentation: shift of the map in cells at most, noise in units of its RMS.
    smoothing
        Share of each label's weight spread over all classes; higher is less sure of itself.
    caution
        Factor on the temperature found on held-out maps, for real faces are harder than those;
        higher is less sure of itself.
    """

    seed: int = 0
    faces: int = 200
    maps: int = 6000
    held_out: int = 900
    members: int = 3
    epochs: int = 12
    batch: int = 96
    rate: float = 3e-3
    decay: float = 0.02
    mixup: float = 0.2
    shift: int = 1
    noise: float = 0.15
    smoothing: float = 0.05
    caution: float = 1.25


def train_default(
    out_dir: Path, settings: TrainSettings | None = None, conditions: Conditions | None = None
) -> Package:
    """Train the default recogniser and write its package into ``out_dir``.

    One thread, minutes. The same settings on the same machine and versions give the same
    weights.
    """
    settings, conditions = settings or TrainSettings(), conditions or Conditions()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    started = time.monotonic()
    try:
        maps, labels, test_maps, test_labels = draw_sets(settings, conditions)
        log.info("drew %d maps in %.0f s", len(maps), time.monotonic() - started)
        members = [fit(maps, labels, settings, member) for member in range(settings.members)]
        deployed = Deployed(members, 1.0).eval()
        found = best_temperature(deployed, test_maps, test_labels)
        deployed.temperature = settings.caution * found
        metrics = {"held-out synthetic maps": _figures(deployed, test_maps, test_labels)}
        return _write(out_dir, deployed, settings, conditions, metrics, test_maps[:12])
    finally:
        torch.set_num_threads(threads)


def draw_sets(
    settings: TrainSettings, conditions: Conditions
) -> tuple[Float, NDArray[np.int64], Float, NDArray[np.int64]]:
    """Draw training maps and labels, then held-out ones on faces that training never shows."""
    rng = np.random.default_rng(settings.seed)
    photographs = [Portrait.astronaut()]
    faces = draw_faces(settings.faces, rng, photographs)
    maps, labels = draw_maps(settings.maps, faces, rng, conditions)
    others = draw_faces(max(settings.faces // 4, 2), rng, photographs)
    return maps, labels, *draw_maps(settings.held_out, others, rng, conditions)


def fit(maps: Float, labels: NDArray[np.int64], settings: TrainSettings, member: int) -> FlowCnn:
    """Train one network on balanced maps (N, 2, 28, 28); a fixed number of epochs."""
    torch.manual_seed(settings.seed * 1000 + member)
    net: FlowCnn = FlowCnn()
    net.train()
    flow, target = torch.from_numpy(maps), nn.functional.one_hot(torch.from_numpy(labels), 3)
    steps = settings.epochs * (len(flow) // settings.batch)
    optimiser = torch.optim.AdamW(net.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, max(steps, 2))
    loss_of = nn.CrossEntropyLoss(label_smoothing=settings.smoothing)
    for epoch in range(settings.epochs):
        order = torch.randperm(len(flow))
        total = 0.0
        for start in range(0, len(flow) - settings.batch + 1, settings.batch):
            chosen = order[start : start + settings.batch]
            batch, goal = augmented(flow[chosen], target[chosen].float(), settings)
            optimiser.zero_grad()
            loss = loss_of(net(batch), goal)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(chosen)
        log.info("member %d epoch %d: loss %.3f", member, epoch + 1, total / len(flow))
    net.requires_grad_(False).eval()
    return net


def augmented(flow: Tensor, goal: Tensor, settings: TrainSettings) -> tuple[Tensor, Tensor]:
    """Mirror, shift, scale, disturb and blend a batch: (N, 2, 28, 28) and (N, 3) goals."""
    count = len(flow)
    flip = torch.rand(count) < 0.5
    flow = torch.where(flip[:, None, None, None], mirrored(flow), flow)
    reach = settings.shift
    down, right = (int(torch.randint(-reach, reach + 1, ())) for _ in range(2))
    flow = torch.roll(flow, (down, right), (2, 3))
    flow = flow * (1 + 0.2 * torch.randn(count, 1, 1, 1))
    flow = flow + settings.noise * torch.randn_like(flow)
    if settings.mixup > 0:
        blend = torch.distributions.Beta(settings.mixup, settings.mixup).sample((count,))
        other = torch.randperm(count)
        flow = blend[:, None, None, None] * flow + (1 - blend)[:, None, None, None] * flow[other]
        goal = blend[:, None] * goal + (1 - blend)[:, None] * goal[other]
    return flow, goal


def best_temperature(net: Deployed, maps: Float, labels: NDArray[np.int64]) -> float:
    """Return the temperature with the least log loss on maps the networks did not see."""
    with torch.no_grad():
        logits = net.logits(torch.from_numpy(maps))
    target = torch.from_numpy(labels)
    choices = np.geomspace(0.2, 5.0, 81)
    losses = [float(nn.functional.cross_entropy(logits / float(t), target)) for t in choices]
    return float(choices[int(np.argmin(losses))])


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
            output_names=["probabilities"],
            dynamic_axes={"flow": {0: "N"}, "probabilities": {0: "N"}},
            opset_version=17,
            dynamo=False,
        )
    return buffer.getvalue()


def macro_f1(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Return the unweighted mean F1 over the classes (UF1)."""
    scores = []
    for label in range(len(EMOTIONS)):
        hit = int(((labels == label) & (predicted == label)).sum())
        wrong = int(((labels == label) != (predicted == label)).sum())
        scores.append(2 * hit / max(2 * hit + wrong, 1))
    return float(np.mean(scores))


def _figures(net: Deployed, maps: Float, labels: NDArray[np.int64]) -> dict[str, Any]:
    """Return UF1, accuracy and calibration of the exported form on labelled maps."""
    with torch.no_grad():
        probabilities = net(torch.from_numpy(maps)).numpy()
    predicted = probabilities.argmax(1)
    sure = probabilities.max(1)
    return {
        "samples": len(labels),
        "UF1": round(macro_f1(labels, predicted), 3),
        "accuracy": round(float((labels == predicted).mean()), 3),
        "mean confidence": round(float(sure.mean()), 3),
        "share above 0.99": round(float((sure > 0.99).mean()), 3),
    }


def _write(
    out_dir: Path,
    net: Deployed,
    settings: TrainSettings,
    conditions: Conditions,
    metrics: dict[str, Any],
    samples: Float,
) -> Package:
    """Export, compare with torch on golden samples, and write the package."""
    with torch.no_grad():
        expected = net(torch.from_numpy(samples)).numpy()
    training = {
        "data": DATA,
        "command": f"python -m offline.training --out DIR --seed {settings.seed}",
        "settings": asdict(settings),
        "conditions": asdict(conditions),
        "temperature": round(net.temperature, 4),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    card = Card(
        name="flow-cnn",
        version=VERSION,
        labels=EMOTIONS,
        recipe="onset_apex_flow",
        input_name="flow",
        input_shape=(2, FLOW_SIDE, FLOW_SIDE),
        input_dtype="float32",
        output_name="probabilities",
        licence="Apache-2.0",
        limits=LIMITS,
        training=training,
        metrics=metrics,
    )
    model = export(net)
    package = write_package(out_dir, card, model, samples, expected)
    with open_backend(package, "onnx") as backend:
        difference = float(np.abs(backend.infer(samples) - expected).max())
    if difference > 1e-4:
        raise RuntimeError(f"torch and ONNX Runtime differ by {difference:.1e} on golden samples")
    log.info("torch and ONNX Runtime differ by at most %.1e", difference)
    metrics = metrics | {"largest difference torch / ONNX Runtime": float(f"{difference:.1e}")}
    return write_package(out_dir, replace(card, metrics=metrics), model, samples, expected)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train from the command line: ``--out DIR [--seed N]``."""
    parser = argparse.ArgumentParser(prog="python -m offline.training", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the model package")
    parser.add_argument("--seed", type=int, default=0, help="of faces, maps and networks")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    package = train_default(options.out, TrainSettings(seed=options.seed))
    log.info("wrote %s to %s: %s", package.model_id, package.folder, package.card.metrics)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
