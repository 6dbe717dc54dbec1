"""Table 8 of the CNN-LSTM-SE paper: comparison on the composite of MEGC2019."""

from offline.experiments.cnn_lstm_se import CHOSEN, PAPER
from offline.experiments.table import MEGC2019, Experiment, rows_of

_METRICS = ("UF1", "UAR")
_LINES = (
    ("See et al. 2019 (LBP-TOP)", "lbp_top", "0.58 0.57 0.20 0.52 0.70 0.74 0.39 0.41"),
    ("Guo et al. 2019", "bi_woof", "0.62 0.62 0.57 0.58 0.78 0.80 0.52 0.51", "",
     "figures and rank are those of Bi-WOOF elsewhere; Guo et al. is another method (ELBP-TOP)"),
    ("Zhou et al. 2019 (Dual-Inception)", "dual_inception",
     "0.73 0.72 0.66 0.67 0.86 0.85 0.58 0.56"),
    ("Liong et al. 2019 (STSTNet)", "ststnet", "0.73 0.76 0.68 0.70 0.83 0.86 0.65 0.68", "†"),
    ("Liu Y et al. 2019 (EMR)", "", "0.78 0.78 0.74 0.75 0.82 0.82 0.77 0.71"),
    ("Choi and Song 2020", "", "0.77 0.75 0.72 0.71 0.87 0.84 0.67 0.60"),
    ("Liu et al. 2021", "", "0.83 0.83 0.81 0.81 0.88 0.89 0.80 0.79"),
    ("Zhang et al. 2021", "", "0.81 0.79 0.72 0.70 0.90 0.88 0.71 0.64"),
    ("Zhao et al. 2021 (ARS + CropNet)", "cropnet", "0.91 0.90 0.85 0.85 0.97 0.97 0.91 0.89"),
    ("Aouayeb et al. 2019", "cnn_lstm", "0.90 0.90 0.88 0.88 0.98 0.98 0.78 0.81"),
    ("Yu et al. 2020", "", "0.85 0.84 0.79 0.79 0.87 0.86 0.85 0.82"),
    ("CNN-LSTM-SE", "cnn_lstm_se", "0.94 0.93 0.91 0.91 0.99 0.98 0.92 0.89", "‡"),
)  # fmt: skip

EXPERIMENT = Experiment(
    name="cnn_lstm_se_table8",
    title="CNN-LSTM-SE and others on the composite of MEGC2019",
    paper=PAPER,
    place="table 8",
    setups=(MEGC2019,),
    metrics=_METRICS,
    rows=rows_of(MEGC2019.columns, _METRICS, _LINES),
    chosen=CHOSEN,
    notes=("others' figures are cut after the second digit, not rounded",),
)
