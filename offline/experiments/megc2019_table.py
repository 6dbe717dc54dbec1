"""The composite of MEGC2019: every published row that one of our models stands for."""

from __future__ import annotations

from offline.experiments.table import MEGC2019, Experiment, Published
from offline.scores import published

MODELS = {
    "LBP-TOP": "lbp_top",
    "Bi-WOOF": "bi_woof",
    "OFF-ApexNet": "off_apexnet",
    "CapsuleNet": "capsulenet",
    "Dual-Inception": "dual_inception",
    "STSTNet": "ststnet",
    "RRS + CropNet": "cropnet_rrs",
    "ARS + CropNet": "cropnet",
    "CNN-LSTM-SE": "cnn_lstm_se",
}
"""Method → ours."""
_OURS = (
    Published("Linear SVM on flow maps (ours)", "linear-svm", {}),
    Published("Logistic regression, network and recogniser (ours)", "default", {}),
)


def _row(row: published.Published) -> Published:
    pairs = (row.full, *(getattr(row, name) for name in published.SETS))
    figures = {
        column: {"UF1": f"{uf1:.4f}", "UAR": f"{uar:.4f}"}
        for column, (uf1, uar) in zip(MEGC2019.columns, pairs, strict=True)
    }
    return Published(row.method, MODELS.get(row.method, ""), figures, row.marks, row.note)


EXPERIMENT = Experiment(
    name="megc2019_table",
    title="Published figures of the composite of MEGC2019",
    paper="See, Yap, Li, Hong & Wang, MEGC 2019, FG 2019, and the papers of its methods",
    place="composite database evaluation",
    setups=(MEGC2019,),
    metrics=("UF1", "UAR"),
    rows=(*map(_row, published.MEGC2019), *_OURS),
    chosen="leave-one-subject-out; what is known of the choice stands beside each row",
)
