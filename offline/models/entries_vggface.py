"""The VGGFace2 transfer family (2020): entries of the registry."""

from __future__ import annotations

from offline.models.entry import ModelEntry, system_learner

_PAPER = "Bai, ICMI 2020 (doctoral consortium), section {0}"
_FRAMES, _MAGNIFIED = "face_frames17", "face_frames17_magnified"
_SEEN = "up to 17 aligned faces from onset to offset, RGB, 224×224"
_LARGER = _SEEN + ", small motion amplified (Eulerian video magnification)"

_ENCODER = (
    "ResNet-50 in its Caffe form; VGGFace2's weights are read from a local file if one is given, "
    "learning then begins at layer4 (mer choose-layer measures where) and without one everything "
    "is learnt from drawn weights, which is not what the paper did; the paper's pictures are not "
    "aligned nor cropped, ours are the aligned crop shrunk to 224×224"
)
_FRAME_STAGE = (
    "each frame of a clip has the clip's label; fc1 512 and fc2 128 with ReLU, of which the paper "
    "gives no sizes; AdamW 1e-4, 10 epochs, batches of 8 clips, classes weigh the same, no "
    "augmentation: of training the paper says nothing"
)
_ALONE = "a clip has the mean of its frames' logits"
_HEAD_STAGE = (
    "the head reads the 2048 values of each frame, stored once (the paper: 'D-dimension "
    "one-hot-vector outputs', of which a head could learn little); both stages are learnt inside "
    "each fold; Adam 5e-4, 60 epochs, batches of 32; 17 steps where the paper tried 11 to 17 "
    "(recipes face_frames11 to 17), shorter clips are padded and masked, none is cut into several"
)
_STATE = "128 values of state, the state behind the last frame decides"
_TOLD_FRAMES = (
    "published: accuracy 32.6 % on SMIC, single frames; which of the experiments I to III, the "
    "protocol, the classes and who chose the epoch are not told, so it may leak"
)
_TOLD_LSTM = (
    "published: accuracy 60.06 %, uni- or bidirectional is not told, nor are data set (SMIC before "
    "it), protocol, classes and who chose the epoch, so it may leak"
)
_PLANNED = "published: nothing, the author planned it"
_TCN = (
    "ED-TCN (Lea et al. 2017): 64 and 96 channels, pooling, upsampling, normalised ReLU; kernels "
    "of 5 frames, theirs see 25 of long videos; the mean over frames decides"
)
_ATTENTION = (
    "places of the last 7×7 map weigh by a softmax of a network of 128 values (after Aminbeidokhti "
    "et al. 2019, whom the author cites); learnt with the frames"
)
_MAGNIFY = (
    "α 8 between 0.8 and 8 Hz, wavelengths below 16 pixels amplified less, colour a tenth; "
    "two-sided Butterworth filter over the whole clip: the author names the method only"
)


def _entry(
    name: str, title: str, section: str, size: int, own: tuple[str, ...], larger: bool = False
) -> ModelEntry:
    return ModelEntry(
        name=name,
        title=title,
        source=_PAPER.format(section),
        recipe=_MAGNIFIED if larger else _FRAMES,
        inputs=_LARGER if larger else _SEEN,
        choices="; ".join((*own, *((_MAGNIFY,) if larger else ()), _ENCODER, _FRAME_STAGE)),
        learner=system_learner(name),
        system=name,
        size=size,
    )


ENTRIES: tuple[ModelEntry, ...] = (
    _entry(
        "vggface",
        "VGGFace2's ResNet-50 learnt further on single frames (experiment II)",
        "3.1",
        24_623_171,
        (_TOLD_FRAMES, _ALONE),
    ),
    _entry(
        "vggface_classifier",
        "The same, the encoder as it is, the classifier alone learnt (experiment I)",
        "3.1, figure 2",
        24_623_171,
        ("published: no figure of its own", "without a file it reads a drawn encoder", _ALONE),
    ),
    _entry(
        "vggface_shortened",
        "The same without layer4, learnt from layer3 on (experiment III)",
        "3.1, figure 2",
        9_134_147,
        ("published: no figure of its own; which layer it is cut after is not told", _ALONE),
    ),
    _entry(
        "vggface_lstm",
        "VGGFace2's ResNet-50, then an LSTM over the frames",
        "3.2",
        25_738_694,
        (_TOLD_LSTM, _STATE, _HEAD_STAGE),
    ),
    _entry(
        "vggface_lstm_bi",
        "VGGFace2's ResNet-50, then an LSTM both ways over the frames",
        "3.2",
        26_854_214,
        (_TOLD_LSTM, _STATE + ", each way", _HEAD_STAGE),
    ),
    _entry(
        "vggface_gru",
        "VGGFace2's ResNet-50, then a GRU over the frames",
        "4 and 5.1",
        25_459_910,
        (_PLANNED, _STATE, _HEAD_STAGE),
    ),
    _entry(
        "vggface_tcn",
        "VGGFace2's ResNet-50, then temporal convolutions over the frames",
        "4.1",
        25_386_566,
        (_PLANNED, _TCN, _HEAD_STAGE),
    ),
    _entry(
        "vggface_attention",
        "VGGFace2's ResNet-50 with spatial attention, then an LSTM over the frames",
        "4.2",
        26_001_094,
        (_PLANNED, _ATTENTION, _STATE, _HEAD_STAGE),
    ),
    _entry(
        "vggface_attention_pool",
        "VGGFace2's ResNet-50 with spatial attention, then softmax pooling over the frames",
        "4.2",
        24_891_718,
        (_PLANNED, _ATTENTION, "temporal softmax pooling of the same source", _HEAD_STAGE),
    ),
    _entry(
        "vggface_gru_magnified",
        "VGGFace2's ResNet-50, then a GRU, on magnified motion",
        "4.3",
        25_459_910,
        (_PLANNED, _STATE, _HEAD_STAGE),
        larger=True,
    ),
    _entry(
        "vggface_tcn_magnified",
        "VGGFace2's ResNet-50, then temporal convolutions, on magnified motion",
        "4.3",
        25_386_566,
        (_PLANNED, _TCN, _HEAD_STAGE),
        larger=True,
    ),
)
"""Every model of this family."""
