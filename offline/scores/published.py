"""What others report, by protocol, and how far to trust it.

The three-class composite of MEGC 2019: values as the STSTNet (Liong et al., FG 2019) and HTNet
(Wang et al., Neurocomputing 2024) papers quote them; only those of STSTNet were computed again
from its published log of predictions; CropNet (2021) and CNN-LSTM-SE (Aouayeb et al. 2022) as
their own papers print them. What a leak is worth, the holdout of MEGC 2018 and the
detection of action units: measured by MEB (Varanka et al., *Data leakage and evaluation issues in
micro-expression analysis*, IEEE TAFFC 2024), read in its notebooks. One data set's own emotions:
the table of DSTAN (2021).
"""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[float, float]
"""UF1 and UAR."""


@dataclass(frozen=True, slots=True)
class Published:
    """One row of the literature.

    Attributes
    ----------
    method
        As its paper names it.
    full, smic, casme2, samm
        UF1 and UAR of all 442 samples and of each data set's share of them.
    note
        How it was trained and chosen, as far as that is known.
    leaky
        True where something was chosen on the subjects that were tested.
    precision
        True where what is called UAR is in truth the mean precision.
    """

    method: str
    full: Pair
    smic: Pair
    casme2: Pair
    samm: Pair
    note: str = "leave-one-subject-out, choice not verified"
    leaky: bool = False
    precision: bool = False

    @property
    def marks(self) -> str:
        """† where UAR is precision, ‡ where the figure leaks."""
        return "†" * self.precision + "‡" * self.leaky


_OWN_PAPER = "its own paper, leave-one-subject-out, choice not verified"

PROTOCOL = "megc2019"
SETS = ("smic", "casme2", "samm")
"""Names of the data sets whose columns follow the one of all samples."""

MEGC2019 = (
    Published("LBP-TOP", (0.5882, 0.5785), (0.2000, 0.5280), (0.7026, 0.7429), (0.3954, 0.4102)),
    Published("Bi-WOOF", (0.6296, 0.6227), (0.5727, 0.5829), (0.7805, 0.8026), (0.5211, 0.5139)),
    Published("AlexNet", (0.6933, 0.7154), (0.6201, 0.6373), (0.7994, 0.8312), (0.6104, 0.6642)),
    Published("GoogLeNet", (0.5573, 0.6049), (0.5123, 0.5511), (0.5989, 0.6414), (0.5124, 0.5992)),
    Published("VGG16", (0.6425, 0.6516), (0.5800, 0.5964), (0.8166, 0.8202), (0.4870, 0.4793)),
    Published(
        "OFF-ApexNet", (0.7196, 0.7096), (0.6817, 0.6695), (0.8764, 0.8681), (0.5409, 0.5392)
    ),
    Published(
        "CapsuleNet",
        (0.6520, 0.6506),
        (0.5820, 0.5877),
        (0.7068, 0.7018),
        (0.6209, 0.5989),
        "leave-one-subject-out; its code keeps for each subject the epoch with the best UF1 on it",
        leaky=True,
    ),
    Published(
        "Dual-Inception", (0.7322, 0.7278), (0.6645, 0.6726), (0.8621, 0.8560), (0.5868, 0.5663)
    ),
    Published(
        "STSTNet",
        (0.7353, 0.7605),
        (0.6801, 0.7013),
        (0.8382, 0.8686),
        (0.6588, 0.6810),
        "leave-one-subject-out, last epoch; the UAR of its own log is .7186, by data set .6703, "
        ".8190, .6415",
        precision=True,
    ),
    Published("EMR", (0.7885, 0.7824), (0.7461, 0.7530), (0.8293, 0.8209), (0.7754, 0.7152)),
    Published("RCN-A", (0.7432, 0.7190), (0.6326, 0.6441), (0.8512, 0.8123), (0.7601, 0.6715)),
    Published("FeatRef", (0.7838, 0.7832), (0.7011, 0.7083), (0.8915, 0.8873), (0.7372, 0.7155)),
    Published(
        "HTNet",
        (0.8603, 0.8475),
        (0.8049, 0.7905),
        (0.9532, 0.9516),
        (0.8131, 0.8124),
        "leave-one-subject-out, for each subject the epoch with the best accuracy on that subject",
        leaky=True,
    ),
    Published(
        "RRS + CropNet", (0.875, 0.877), (0.813, 0.819), (0.972, 0.969), (0.842, 0.827), _OWN_PAPER
    ),
    Published(
        "ARS + CropNet", (0.911, 0.904), (0.855, 0.851), (0.974, 0.979), (0.912, 0.893), _OWN_PAPER
    ),
    Published(
        "CNN-LSTM",
        (0.9022, 0.9018),
        (0.8886, 0.8828),
        (0.9857, 0.9857),
        (0.7855, 0.8103),
        "its own slides (2019); whether the first network learnt inside the folds is not told",
    ),
    Published(
        "CNN-LSTM-SE",
        (0.94, 0.93),
        (0.91, 0.91),
        (0.99, 0.98),
        (0.92, 0.89),
        "its own paper; the first network learns from frames of every subject and is chosen on "
        "those that are tested",
        leaky=True,
    ),
)
"""Published figures, UF1 and UAR as printed."""


@dataclass(frozen=True, slots=True)
class Leak:
    """UF1 of one model, clean, and with the epoch chosen on the subject that was tested.

    Attributes
    ----------
    method
        As its paper names it.
    clean, leaky
        UF1 of all samples of MEGC2019, then of ``SETS``.
    """

    method: str
    clean: tuple[float, float, float, float]
    leaky: tuple[float, float, float, float]

    @property
    def gain(self) -> float:
        """What the leak adds to the UF1 of all samples."""
        return self.leaky[0] - self.clean[0]


LEAKS = (
    Leak("STSTNet", (0.7127, 0.7139, 0.7036, 0.6619), (0.7740, 0.7214, 0.8692, 0.7040)),
    Leak("OFF-ApexNet", (0.7032, 0.6832, 0.7744, 0.6052), (0.8390, 0.7818, 0.9283, 0.7898)),
)
"""Table 3 of MEB. Its CASME II is one surprise short and one negative over the official list."""


@dataclass(frozen=True, slots=True)
class Holdout:
    """UAR of MEGC2018-HDE: trained on one data set, tested on the other.

    Attributes
    ----------
    method
        As MEB names it.
    samm, casme2
        UAR on the data set that was tested.
    note
        What it was trained on.
    """

    method: str
    samm: float
    casme2: float
    note: str


MEGC2018_HDE = (
    Holdout("SSSNet", 0.8313, 0.6399, "trained on all data sets but the tested one"),
    Holdout("SSSNet", 0.6988, 0.562, "trained on the other one of the two"),
    Holdout("ResNet18", 0.6114, 0.6362, "trained on all data sets but the tested one"),
    Holdout("ResNet18", 0.4325, 0.377, "trained on the other one of the two"),
)
"""MEB gives classes by a classifier of its own: 194 and 68 samples, officially 185 and 68."""

MEGC2018_CDE = {
    "SSSNet, trained on all data sets": 0.6935,
    "SSSNet, trained on the two": 0.6983,
    "ResNet18, trained on all data sets": 0.632,
}
"""Mean F1 of the objective classes over CASME II and SAMM, leave-one-subject-out, by MEB."""


@dataclass(frozen=True, slots=True)
class Detection:
    """F1 of CD6ME in shares of 1.

    Attributes
    ----------
    method
        As MEB names it.
    au_average, dataset_average
        Mean over units of the pooled F1; the same within each data set, then averaged.
    macro
        Mean over units of the macro F1 of yes and no, None where MEB does not tell it.
    note
        What to know about it.
    """

    method: str
    au_average: float
    dataset_average: float
    macro: float | None = None
    note: str = ""


CD6ME = (
    Detection("Constant: every unit", 0.178, 0.178),
    Detection("LBP-TOP + SVM", 0.121, 0.137, 0.536),
    Detection("NMER", 0.145, 0.111, 0.438, "trained for one epoch in the notebook"),
    Detection("SCA", 0.236, 0.224, 0.571),
    Detection("GA-ME", 0.270, 0.276, 0.614),
    Detection("MDMO", 0.275, 0.270, 0.609),
    Detection("LED", 0.283, 0.293, 0.614),
    Detection("RCN-A", 0.287, 0.284, 0.619),
    Detection("R(2+1)D, RGB", 0.295, 0.280, 0.621),
    Detection("STSTNet", 0.318, 0.310, 0.637),
    Detection("ResNet10t", 0.332, 0.320, 0.644),
    Detection("Optical flow + SVM", 0.362, 0.349, 0.658),
    Detection("ResNet34", 0.371, 0.347, 0.664),
    Detection("ResNet18", 0.372, 0.352, 0.666),
    Detection("OFF-ApexNet", 0.395, 0.370, 0.677),
    Detection("SSSNet", 0.405, 0.384, 0.683),
)
"""Six data sets, 2031 samples, one data set left out at a time; undefined F1s count as 0."""

SSSNET_UNITS = (
    0.746, 0.721, 0.875, 0.136, 0.053, 0.486, 0.203, 0.193, 0.362, 0.408, 0.227, 0.447,
)  # fmt: skip
"""F1 of SSSNet for each unit of CD6ME, in the order of ``protocols.UNITS``."""


@dataclass(frozen=True, slots=True)
class OwnClasses:
    """Accuracy and F1 on the emotions of one data set; None where nobody tells.

    Attributes
    ----------
    method
        As its paper names it.
    accuracy, f1
        As printed. Which mean F1 is differs from paper to paper.
    """

    method: str
    accuracy: float
    f1: float | None = None


OWN_CLASSES = {
    "casme2-5": (
        OwnClasses("FDM", 0.46, 0.41),
        OwnClasses("LBP-TOP", 0.47, 0.35),
        OwnClasses("LBP-SIP", 0.47, 0.45),
        OwnClasses("MDMO", 0.52, 0.50),
        OwnClasses("ELRCN-TE", 0.52, 0.50),
        OwnClasses("STLBP-IP", 0.56),
        OwnClasses("STCLQP", 0.58, 0.58),
        OwnClasses("Bi-WOOF", 0.59, 0.61),
        OwnClasses("3D-FCNN", 0.59),
        OwnClasses("STAN-A", 0.602, 0.559),
        OwnClasses("CNN-LSTM", 0.61),
        OwnClasses("MERTA", 0.61),
        OwnClasses("STMN-A", 0.638, 0.607),
        OwnClasses("Sparse MDMO", 0.67, 0.69),
        OwnClasses("LCBP", 0.70, 0.70),
        OwnClasses("DSTAN", 0.752, 0.728),
        OwnClasses("RRS + CropNet", 0.790, 0.803),
        OwnClasses("ARS + CropNet", 0.862, 0.863),
    ),
    "casme-4": (
        OwnClasses("LBP-TOP", 0.37, 0.33),
        OwnClasses("LBP-SIP", 0.37, 0.33),
        OwnClasses("3D-FCNN", 0.54),
        OwnClasses("MDMO", 0.56, 0.56),
        OwnClasses("FDM", 0.56, 0.49),
        OwnClasses("STCLQP", 0.57, 0.50),
        OwnClasses("STMN-A", 0.651, 0.612),
        OwnClasses("STAN-A", 0.669, 0.627),
        OwnClasses("Sparse MDMO", 0.75, 0.75),
        OwnClasses("DSTAN", 0.779, 0.752),
    ),
    "smic-3": (
        OwnClasses("LBP-TOP", 0.44, 0.41),
        OwnClasses("LBP-SIP", 0.45, 0.45),
        OwnClasses("FDM", 0.55, 0.54),
        OwnClasses("3D-FCNN", 0.56),
        OwnClasses("STLBP-IP", 0.58),
        OwnClasses("MDMO", 0.59, 0.59),
        OwnClasses("Bi-WOOF", 0.62, 0.62),
        OwnClasses("STCLQP", 0.64, 0.64),
        OwnClasses("STMN-A", 0.652, 0.649),
        OwnClasses("STAN-A", 0.683, 0.672),
        OwnClasses("LCBP", 0.71, 0.68),
        OwnClasses("Sparse MDMO", 0.71, 0.70),
        OwnClasses("STRCN", 0.72, 0.69),
        OwnClasses("DSTAN", 0.774, 0.778),
    ),
    "au5": (OwnClasses("CNN-LSTM-SE", 0.8954, 0.8916),),
}
"""Protocol → figures by rising accuracy, as the DSTAN (2021) and CropNet (2021) papers print them:
leave-one-subject-out; on whom epochs were chosen is not told. Only that of CNN-LSTM-SE (2022;
UF1 .8399, UAR .8317) is known to leak: its first network learnt from frames of every subject."""
