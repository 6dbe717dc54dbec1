"""What others report on the three-class composite of MEGC 2019, and how far to trust it.

Values as the STSTNet (Liong et al., FG 2019) and HTNet (Wang et al., Neurocomputing 2024) papers
quote them; only those of STSTNet were computed again from its published log of predictions.
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
    Published("CapsuleNet", (0.6520, 0.6506), (0.5820, 0.5877), (0.7068, 0.7018), (0.6209, 0.5989)),
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
)
"""Published figures, UF1 and UAR as printed."""
