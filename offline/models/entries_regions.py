"""CNN and LSTM on local regions (Aouayeb et al. 2019, 2022): entries of the registry."""

from __future__ import annotations

from offline.models.entry import ModelEntry, system_learner

_RECIPE = "face_sequence"
_INPUTS = "grey aligned face, 31 steps of 1/60 s from onset; six regions, 81×102 to 60×160"

_EARLIER = "Aouayeb, Hamidouche, Kpalma & Benazza-Benyahia, MLSP 2019 (10.1109/mlsp.2019.8918771)"
_LATER = (
    "Aouayeb, Soladie, Hamidouche, Kpalma & Seguier, Frontiers in Signal Processing 2, 2022 "
    "(10.3389/frsip.2022.861469{place})"
)
_PICTURES = (
    "published: every picture from onset to offset at the camera's rate, in colour in the code; "
    "ours: one every 1/60 s, at most 31, a slower camera's pictures shown again, grey as SAMM is; "
    "regions lie around the landmarks of the canonical face at the paper's normalised sizes"
)
_NETS = (
    "one CNN a region, as in the authors' code; pooling rounds up and convolutions keep the size; "
    "the 1×1 convolution that the code has behind squeeze and excitation is not in the paper and "
    "not here; weights: the paper says normal with σ 1, under which values explode, its code 0.1 "
    "and 0.01; ours He's, and for the LSTM those of Keras"
)
_LABELS = (
    "region labels: the sample's class where one of its own action units belongs to the region "
    "(table 1), else a class of its own; where nobody coded units, as in SMIC, the whole face's; "
    "the authors' code goes by the class's typical units instead"
)
_STAGES = (
    "features are standardised by mean and spread of the training side; padding lies at the end "
    "and is masked (the code pads in front, to 250 pictures, and does not mask); in a step of the "
    "spatial stage each clip shows 8 pictures, so a batch of 128 pictures is 16 clips"
)
_LEARNT_2022 = (
    "epochs, 60 and 250, are those of the code, for the paper names none; rates 1e-4 and 5e-5 are "
    "the paper's (its code has 1e-4 twice); α is N / (classes · n), 1 on average"
)
_LEARNT_2019 = (
    "slides, not the article: batches of 64 pictures and 244 clips, 100 and 60 epochs; they name "
    "neither rates nor loss: Adam, 1e-4 as in 2022 for the CNN, Keras's 1e-3 for the LSTM, "
    "which takes two steps an epoch, and cross-entropy; sizes as in 2022, which names the same CNN"
)
_LEAK = (
    "both stages are learnt inside each fold; in the authors' code the CNN has seen half of all "
    "pictures, those of the tested subjects among them, so the published figure leaks"
)
_SLIDES = (
    "both stages are learnt inside each fold; whether the authors did so is not told, and in the "
    "code of their next system they did not"
)
_FULL = "published: accuracy {0}, UAR {1}, UF1 {2} on the MEGC2019 composite, leaving out subjects"
_UNITS = (
    "published: accuracy {0}, F1 {1}, UAR {2}, UF1 {3} on five classes of action units of CASME "
    "II and SAMM (protocol au5), leaving out subjects"
)
_COMMON = (_PICTURES, _NETS, _LABELS, _STAGES)


def _variant(name: str, title: str, place: str, size: int, *told: str) -> ModelEntry:
    return ModelEntry(
        name=name,
        title=title,
        source=_LATER.format(place=f", {place}" if place else ""),
        recipe=_RECIPE,
        inputs=_INPUTS,
        choices="; ".join((*told, *_COMMON, _LEARNT_2022, _LEAK)),
        learner=system_learner(name),
        system=name,
        size=size,
        reported="CNN-LSTM-SE" if name == "cnn_lstm_se" else "",
    )


ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="cnn_lstm",
        title="CNN-LSTM on six regions, put side by side",
        source=_EARLIER,
        recipe=_RECIPE,
        inputs=_INPUTS,
        choices="; ".join(
            (_FULL.format("0.9095", "0.9018", "0.9022"), *_COMMON, _LEARNT_2019, _SLIDES)
        ),
        learner=system_learner("cnn_lstm"),
        system="cnn_lstm",
        size=4_711_675,
        reported="CNN-LSTM",
    ),
    _variant(
        "cnn_lstm_se",
        "CNN-LSTM-SE: nine patches a region, patches and regions weighed",
        "",
        13_666_711,
        _FULL.format("0.96", "0.93", "0.94"),
    ),
    _variant(
        "cnn_lstm_se_m1",
        "CNN-LSTM-SE, each region whole",
        "table 3",
        4_801_975,
        _UNITS.format("0.8493", "0.8389", "0.8190", "0.8110"),
    ),
    _variant(
        "cnn_lstm_se_m4",
        "CNN-LSTM-SE, four patches a region",
        "table 3",
        7_892_971,
        _UNITS.format("0.8503", "0.8400", "0.8193", "0.8126"),
    ),
    _variant(
        "cnn_lstm_se_m16",
        "CNN-LSTM-SE, sixteen patches a region",
        "table 3",
        23_056_315,
        _UNITS.format("0.8646", "0.8621", "0.8276", "0.8210"),
        "batches of 32 pictures, as published",
    ),
    _variant(
        "cnn_lstm_se_spatial",
        "CNN-LSTM-SE, patches weighed, regions side by side",
        "table 5",
        13_592_503,
        _FULL.format("0.96", "0.90", "0.93"),
    ),
    _variant(
        "cnn_lstm_se_temporal",
        "CNN-LSTM-SE, whole regions, weighed",
        "table 5",
        4_785_883,
        _FULL.format("0.92", "0.90", "0.91"),
    ),
    _variant(
        "cnn_lstm_se_face",
        "CNN-LSTM-SE, every region taught the whole face's class",
        "table 6",
        13_665_169,
        _FULL.format("0.83", "0.82", "0.82"),
    ),
)
"""Every model of this family."""
