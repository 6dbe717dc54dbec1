"""Comparison of the CNN-LSTM slides: the composite of MEGC2019."""

from offline.experiments.cnn_lstm_2019 import CHOSEN, PAPER
from offline.experiments.table import MEGC2019, Experiment, rows_of

_METRICS = ("UF1", "UAR")
_LINES = (
    ("LBP-TOP", "lbp_top", "0.5882 0.5785 0.2000 0.5280 0.7026 0.7429 0.3954 0.4102"),
    ("Bi-WOOF", "bi_woof", "0.6296 0.6227 0.5727 0.5829 0.7805 0.8026 0.5211 0.5139"),
    ("OFF-ApexNet", "off_apexnet", "0.7196 0.7096 0.6817 0.6695 0.8764 0.8681 0.5409 0.5392"),
    ("Micro-Attention", "", "0.5080 0.4930 0.4730 0.4660 0.5390 0.5170 0.4030 0.3400"),
    ("ATNet (Fusion)", "", "0.6310 0.6130 0.5530 0.5430 0.7980 0.7750 0.4960 0.4820"),
    ("Quang et al. (CapsuleNet)", "capsulenet",
     "0.6520 0.6506 0.5820 0.5877 0.7068 0.7018 0.5882 0.5989", "‡"),
    ("Zhou et al. (Dual-Inception)", "dual_inception",
     "0.7322 0.7278 0.6645 0.6726 0.8621 0.8560 0.5868 0.5663"),
    ("Liong et al. (STSTNet)", "ststnet",
     "0.7353 0.7605 0.6801 0.7013 0.8382 0.8686 0.6588 0.6810", "†"),
    ("Liu et al. (EMR)", "", "0.7885 0.7824 0.7461 0.7530 0.8293 0.8209 0.7754 0.7152"),
    ("CNN-LSTM", "cnn_lstm", "0.9022 0.9018 0.8886 0.8828 0.9857 0.9857 0.7855 0.8103"),
)  # fmt: skip

EXPERIMENT = Experiment(
    name="cnn_lstm_2019_comparison",
    title="CNN-LSTM on local regions and others, composite of MEGC2019",
    paper=PAPER,
    place="comparison",
    setups=(MEGC2019,),
    metrics=_METRICS,
    rows=rows_of(MEGC2019.columns, _METRICS, _LINES),
    chosen=CHOSEN,
    notes=("CapsuleNet has 0.5882 as UF1 on SAMM here, 0.6209 elsewhere",),
)
