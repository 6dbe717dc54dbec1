"""What others report on spotting, and how far to trust it.

F1 as the papers and the read-me files of SOFTNet, MM21 and AUW-GCN quote them; only the pooling
of MDMD's counts was computed again. Micro-expressions alone, macro-expressions alone, both pooled.
"""

from __future__ import annotations

from dataclasses import dataclass

Triple = tuple[float | None, float | None, float | None]
"""F1 of macro, of micro, of both; None where it was not given."""
NOTHING: Triple = (None, None, None)


@dataclass(frozen=True, slots=True)
class PublishedSpotting:
    """One row of the literature.

    Attributes
    ----------
    method
        As its paper names it.
    casme_sq, samm_lv
        F1 on either data set.
    note
        What is known of how it was made.
    leaky
        True where something was chosen on the subjects that were tested.
    """

    method: str
    casme_sq: Triple
    samm_lv: Triple
    note: str = "choice of parameters not verified"
    leaky: bool = False

    def on(self, dataset: str) -> Triple:
        """Return the F1 on a data set by its name here."""
        return {"casme-sq": self.casme_sq, "samm-lv": self.samm_lv}.get(dataset, NOTHING)


PUBLISHED = (
    PublishedSpotting(
        "LTP-ML", (None, None, 0.0179), (None, None, 0.0316), "MEGC 2019 baseline, micro only"
    ),
    PublishedSpotting(
        "MDMD",
        (0.1196, 0.0082, 0.0376),
        (0.0629, 0.0364, 0.0445),
        "MEGC 2020 baseline; both data sets pooled .0393",
    ),
    PublishedSpotting("SP-FD", (0.2131, 0.0547, 0.1403), (0.0725, 0.1331, 0.0999)),
    PublishedSpotting("Pan 2020", (None, None, 0.0595), (None, None, 0.0813)),
    PublishedSpotting("Gan 2020", (0.1436, 0.0098, 0.0448), NOTHING),
    PublishedSpotting("3D-CNN", (0.2145, 0.0714, 0.1675), (0.1595, 0.0466, 0.1084)),
    PublishedSpotting(
        "SOFTNet",
        (0.2410, 0.1173, 0.2022),
        (0.2169, 0.1520, 0.1881),
        "only videos that hold the kind in question are counted: fewer false alarms than here",
    ),
    PublishedSpotting("Yap 2021", NOTHING, (0.4081, 0.0508, 0.3299)),
    PublishedSpotting("Concat-CNN", (0.2505, 0.0153, 0.2019), (0.3553, 0.1155, 0.2736)),
    PublishedSpotting("LSSNet", (0.3770, 0.0420, 0.3250), (0.2810, 0.1310, 0.2380)),
    PublishedSpotting("MTSN", (0.4104, 0.0808, 0.3620), (0.3459, 0.0878, 0.2867)),
    PublishedSpotting("OF-FD", (0.3782, 0.1965, 0.3436), (0.4149, 0.2162, 0.3638)),
    PublishedSpotting(
        "AUW-GCN",
        (0.4235, 0.1538, 0.3834),
        (0.4293, 0.1984, 0.3728),
        "for each subject the epoch that is best on that subject",
        leaky=True,
    ),
    PublishedSpotting("Shengjianda 2022", (0.4717, 0.2522, 0.4436), NOTHING, "MEGC 2022, improved"),
)
"""Published F1 as printed; MDMD's pooled figure is the recomputed one."""

PUBLISHED_STRS = {
    "casme-sq": (0.1214, 0.6667, 0.0809),
    "samm-lv": (0.0949, 0.5263, 0.0499),
    "smic-e": (0.3822, 0.5149, 0.1968),
    "smic-e-vis": (0.4366, 0.7470, 0.3261),
    "smic-e-nir": (0.3099, 0.6667, 0.2066),
}
"""F1_S, F1_A and STRS of MEAN (Liong et al. 2023), leave-one-subject-out on each data set."""
