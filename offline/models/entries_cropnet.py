"""ARS, RRS and CropNet (Zhao, Chen & Luo 2021): entries of the registry."""

from __future__ import annotations

from offline.models.entry import ModelEntry, system_learner

SIZE, SIZE_WHOLE = 7_854_636, 7_853_772
"""Learnt values for three classes, with the pyramid and without."""
SWEPT = (1, 3, 7, 9, 11)

_SOURCE = "Zhao, Chen & Luo, Frontiers in Neurorobotics 15, 2021"
_CASME2 = "published on CASME II, five classes, leave-one-subject-out, who chose the epoch is not"
_AS = "all else as for cropnet"
_FLOW = (
    "the paper does not say how motion becomes a picture of three channels: direction as hue, "
    "speed as brightness, the fastest pixel fully bright, as in OpenCV's own example; pictures "
    "are changed in training as the others are, so their hues, which are directions here, are too"
)


def _entry(
    name: str,
    title: str,
    recipe: str,
    inputs: str,
    choices: str,
    reported: str = "",
    size: int = SIZE,
) -> ModelEntry:
    return ModelEntry(
        name=name,
        title=title,
        source=_SOURCE,
        recipe=recipe,
        inputs=inputs,
        choices=choices,
        learner=system_learner(name),
        reported=reported,
        system=name,
        size=size,
    )


ENTRIES: tuple[ModelEntry, ...] = (
    _entry(
        "cropnet",
        "CropNet on absolute residual sums (ARS), ten overlapping views",
        "ars",
        "sum modulo 256 of how five key pictures differ from the onset's, RGB, 320×320",
        f"{_CASME2} stated: accuracy .862, UF1 .863 (table 4); on the composite of MEGC 2019 also "
        "leave-one-subject-out, the middle picture for the apex in SMIC; our choices: faces "
        "aligned by eyes and nose (the paper: dlib); key pictures by time, of equation 4 exactly "
        "five of which the last is the end; views begin at 0, 112 and 160 pixels; ReXNet 1.5 with "
        "a head of 1920 channels, 7.85 million values (the paper: about 7.6; it states neither "
        "width nor head); places drawn with variance 0.2 as printed, and added (⊕ is not "
        "explained); drawn weights unless a file of ImageNet's is given (the paper: ImageNet); "
        "in the first of the four changes of pictures the steps come in a drawn order, hues turn "
        "by up to half the circle, a turn takes the nearest pixel and fills with black; silent on "
        "all else, so: labels smoothed by 0.1, AdamP 1e-3 falling along a cosine, weight decay "
        "1e-2, batches of 16, 40 epochs; after training the statistics of batch normalisation are "
        "counted anew on the training side, since those of nearly black pictures settle slowly",
        reported="ARS + CropNet",
    ),
    _entry(
        "cropnet_rrs",
        "CropNet on relative residual sums (RRS)",
        "rrs",
        "sum of how five key pictures differ from the onset's, stretched from 0 to 1, RGB, 320×320",
        f"{_CASME2} stated: accuracy .790, UF1 .803 (table 4); least and most are taken over the "
        f"whole picture, all channels together; {_AS}",
        reported="RRS + CropNet",
    ),
    _entry(
        "cropnet_farneback",
        "CropNet on Farnebäck's optical flow",
        "farneback",
        "motion from onset to apex as colours, 320×320",
        f"{_CASME2} stated: accuracy .625, UF1 .661 (table 4); settings of OpenCV's example; "
        f"{_FLOW}; {_AS}",
    ),
    _entry(
        "cropnet_tvl1",
        "CropNet on TV-L1 optical flow",
        "tvl1",
        "motion from onset to apex as colours, 320×320; takes a second or more a clip",
        f"{_CASME2} stated: accuracy .669, UF1 .697 (table 4); OpenCV's settings; {_FLOW}; {_AS}",
    ),
    _entry(
        "cropnet_whole",
        "CropNet without the cropped pyramid",
        "ars",
        "as cropnet",
        f"{_CASME2} stated: accuracy .813, UF1 .841 (table 4); what is left then is not said: the "
        f"halved picture alone, one view; {_AS}",
        size=SIZE_WHOLE,
    ),
    *(
        _entry(
            f"cropnet_k{count}",
            f"CropNet on absolute residual sums of {count} key picture{'s' * (count > 1)}",
            f"ars_k{count}",
            f"as cropnet, with {count} key picture{'s' * (count > 1)}",
            "figure 5, on the composite of MEGC 2019, compares numbers of key pictures; its text "
            f"gives no figures and finds five best; the numbers compared are ours; {_AS}",
        )
        for count in SWEPT
    ),
)
"""Every model of this family."""
