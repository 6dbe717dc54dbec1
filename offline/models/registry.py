"""Every model of the bench by name: what it is, what it reads, and how it learns here."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import Any

from offline.bench.learning import Learner
from offline.models import entries_cropnet, entries_dstan, entries_regions, entries_vggface
from offline.models.entry import FLOW, PLANES, STRAIN, MakeLearner, ModelEntry
from offline.nets.plan import Plan
from offline.scores.published import PROTOCOL
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS


def find_model(name: str) -> ModelEntry:
    """Return the entry called ``name``.

    Raises
    ------
    ConfigError
        If there is none; the nearest names are listed.
    """
    if name in MODELS:
        return MODELS[name]
    near = difflib.get_close_matches(name, MODELS, n=3, cutoff=0.3) or sorted(MODELS)
    raise ConfigError(f"model {name!r} is not known; nearest: {', '.join(near)}")


# How they learn ---------------------------------------------------------------------------------

BELIEVED = 0.5
"""Share of the training side's class balance in the answers of networks and blend."""
STSTNET = Plan(
    epochs=20, batch=64, rate=3e-3, schedule="cosine", balanced=True, flip=True,
    mirror_test=True, believed=BELIEVED,
)  # fmt: skip
CNN = Plan(
    epochs=40, batch=64, rate=1e-3, schedule="cosine", decay=1e-3, balanced=True,
    flip=True, shift=1, gain=0.2, noise=0.15, mixup=0.4, mirror_test=True, believed=BELIEVED,
)  # fmt: skip
WIDE = replace(CNN, epochs=20, rate=3e-4)
CAPSULES = replace(CNN, epochs=30)
FINE_TUNED = replace(CNN, epochs=20, rate=3e-4)

CNN_SHARE, LOGISTIC_SHARE, PRIOR_SHARE = 0.45, 0.35, 0.2


def _network(net: str, plan: Plan, start: str = "", units: str = "") -> MakeLearner:
    def make(classes: tuple[str, ...], exclusive: bool) -> Learner:
        from offline.nets.learner import NetLearner

        name = net if exclusive or not units else units
        return NetLearner(name, plan, start=start, labels=classes)

    return make


def _linear_on_maps(classes: tuple[str, ...], exclusive: bool) -> Learner:
    from offline.learners.svm import LinearSvm

    return LinearSvm(mirror=True)


def _linear(classes: tuple[str, ...], exclusive: bool) -> Learner:
    from offline.learners.svm import LinearSvm

    return LinearSvm()


def _gaussian(classes: tuple[str, ...], exclusive: bool) -> Learner:
    from offline.learners.svm import KernelSvm

    return KernelSvm(standardise="features")


def _default(classes: tuple[str, ...], exclusive: bool) -> Learner:
    from offline.learners.blend import Blend
    from offline.learners.prior import Prior
    from offline.learners.svm import Logistic

    parts: list[tuple[Learner, float]] = [(Logistic(mirror=True), LOGISTIC_SHARE)]
    if exclusive and classes == EMOTIONS:
        parts.append((Prior(), PRIOR_SHARE))
    even = replace(CNN, believed=0.0)
    parts.append((_network("flow_cnn", even)(classes, exclusive), CNN_SHARE))
    return Blend(tuple(parts), BELIEVED)


def card_of(entry: ModelEntry) -> dict[str, Any]:
    """Return what is known of a model, ready for JSON: words, size, published figures."""
    figures = entry.published
    told = ""
    if figures is not None:
        uf1, uar = figures.full
        told = f"{PROTOCOL} UF1 {uf1:.4f}, UAR {uar:.4f} {figures.marks}".rstrip()
        told += f" ({figures.note})"
    return {
        "name": entry.name,
        "title": entry.title,
        "source": entry.source,
        "recipe": entry.recipe,
        "inputs": entry.inputs,
        "parameters": entry.parameters,
        "published": told,
        "choices": entry.choices,
    }


_MAP = "motion from onset to apex, u and v, 28×28"

_ENTRIES = (
    ModelEntry(
        name="default",
        title="Logistic regression, a small network and the bundled recogniser, blended",
        source="this project",
        recipe=FLOW,
        inputs=_MAP,
        choices="weights 0.35, 0.45 and 0.2 of the log-posteriors, by reasoning; the bundled "
        "recogniser, which never saw a real expression, takes part only where the classes are "
        "negative, positive, surprise; mirrored maps count as samples; half of the training "
        "side's class balance is believed",
        learner=_default,
    ),
    ModelEntry(
        name="linear-svm",
        title="Linear support vector machine on flow maps",
        source="Cortes & Vapnik, Machine Learning 20, 1995",
        recipe=FLOW,
        inputs=_MAP,
        choices="mirrored maps count as samples; every class weighs the same; C 1 unless chosen",
        learner=_linear_on_maps,
    ),
    ModelEntry(
        name="flow_cnn",
        title="Small network: where on the face it moved, and which way",
        source="this project (offline.models.flow_cnn)",
        recipe=FLOW,
        inputs=_MAP,
        choices="drawn weights; mirror images, shifts, gain, noise and mixup in training; "
        "answers with the mean of a map and its mirror image",
        learner=_network("flow_cnn", CNN),
        net="flow_cnn",
    ),
    ModelEntry(
        name="flow_cnn_pretrained",
        title="The same, beginning with the bundled recogniser's weights",
        source="this project (offline.nets.pretrained)",
        recipe=FLOW,
        inputs=_MAP,
        choices="begins with one of the bundled networks, learnt from synthetic motion alone; "
        "its last layer too where the classes are negative, positive, surprise; a third of the "
        "rate, half the epochs",
        learner=_network("flow_cnn", FINE_TUNED, start="synthetic"),
        net="flow_cnn",
    ),
    ModelEntry(
        name="ststnet",
        title="STSTNet, shallow triple stream three-dimensional CNN",
        source="Liong, Gan, See, Khor & Huang, FG 2019",
        recipe=STRAIN,
        inputs="motion from onset to apex, u, v and optical strain, 28×28",
        choices="published: 8-bit planes as they are, Adam 5e-5, batches of 256, 500 epochs (the "
        "authors' Python code: 800), no class weights; ours: planes without their median and of "
        "unit size, Adam 3e-3 falling along a cosine, batches of 64, 20 epochs, classes weigh the "
        "same, mirror images in training and answer",
        learner=_network("ststnet", STSTNET),
        net="ststnet",
        reported="STSTNet",
    ),
    ModelEntry(
        name="off_apexnet",
        title="OFF-ApexNet, two streams for u and v",
        source="Gan, Liong, Yau, Huang & Tan, Signal Processing: Image Communication 74, 2019",
        recipe=FLOW,
        inputs=_MAP,
        choices="sizes after a third party's code of 2.66 million values; where ReLU and dropout "
        "stand, and all of the training, is ours; mixup and its like as for flow_cnn",
        learner=_network("off_apexnet", WIDE),
        net="off_apexnet",
        reported="OFF-ApexNet",
    ),
    ModelEntry(
        name="dual_inception",
        title="Dual-Inception, two streams of inception blocks",
        source="Zhou, Mao & Xue, FG 2019",
        recipe=FLOW,
        inputs=_MAP,
        choices="published: motion from onset to the middle picture, each component as a "
        "three-channel picture, Adam 1e-4, batches of 3, 40 epochs of which validation people "
        "choose; ours: onset to apex, one plane each, training as for flow_cnn",
        learner=_network("dual_inception", WIDE),
        net="dual_inception",
        reported="Dual-Inception",
    ),
    ModelEntry(
        name="capsulenet",
        title="CapsuleNet's capsules on flow",
        source="Van Quang, Chun & Tokuyama, FG 2019",
        recipe=FLOW,
        inputs=_MAP,
        choices="published: the apex picture at 224×224 through ResNet18 learnt elsewhere, margin "
        "loss, Adam 1e-4 falling by 0.9 an epoch, batches of 32; its code keeps for each subject "
        "the epoch with the best UF1 on that subject, so the figure leaks; ours: the motion map "
        "through one convolution, pooling for stride 2, a quarter of the kernels, cross-entropy "
        "of the capsules' lengths times 10, training as for flow_cnn; for action units one "
        "connected layer behind the lengths",
        learner=_network("capsulenet", CAPSULES, units="capsulenet_units"),
        net="capsulenet",
        reported="CapsuleNet",
    ),
    ModelEntry(
        name="lbp_top",
        title="LBP-TOP with a linear support vector machine",
        source="Zhao & Pietikäinen, TPAMI 29, 2007",
        recipe="lbp_top",
        inputs="histograms of local binary patterns in three orthogonal planes of the clip",
        choices="see docs/handcrafted.md; C 1 unless chosen",
        learner=_linear,
        reported="LBP-TOP",
    ),
    ModelEntry(
        name="lbp_sip",
        title="LBP-SIP with a linear support vector machine",
        source="Wang, See, Phan & Oh, ACCV 2014",
        recipe="lbp_sip",
        inputs="histograms of local binary patterns on six intersection points of the clip",
        choices="see docs/handcrafted.md; C 1 unless chosen",
        learner=_linear,
    ),
    ModelEntry(
        name="bi_woof",
        title="Bi-WOOF with a linear support vector machine",
        source="Liong, See, Wong & Phan, Signal Processing: Image Communication 62, 2018",
        recipe="bi_woof",
        inputs="histograms of motion directions from onset to apex, weighted by size and strain",
        choices="see docs/handcrafted.md; C 1 unless chosen",
        learner=_linear,
        reported="Bi-WOOF",
    ),
    ModelEntry(
        name="mdmo",
        title="MDMO with a support vector machine",
        source="Liu, Zhang, Yan, Wang, Zhao & Fu, TAC 7, 2016",
        recipe="mdmo",
        inputs="main direction of motion in 36 regions of the face, averaged over the clip",
        choices="see docs/handcrafted.md; a Gaussian kernel, features divided by their spread",
        learner=_gaussian,
    ),
)

_PAPERS = (
    *entries_cropnet.ENTRIES, *entries_regions.ENTRIES, *entries_dstan.ENTRIES,
    *entries_vggface.ENTRIES,
)  # fmt: skip
MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in (*_ENTRIES, *_PAPERS)}
"""Every model by name."""

__all__ = ["MODELS", "PLANES", "ModelEntry", "card_of", "find_model"]
