"""Table 7 of the CNN-LSTM-SE paper: with and without squeeze and excitation, by data set."""

from offline.experiments.cnn_lstm_se import CHOSEN, PAPER
from offline.experiments.table import MEGC2019, WHOLE, Experiment, rows_of

_METRICS = ("UAR", "UF1")
_COLUMNS = ("smic", "casme2", "samm", WHOLE)
_LINES = (
    ("Aouayeb et al. 2019", "cnn_lstm", "0.88 0.88 0.98 0.98 0.81 0.78 0.90 0.90"),
    ("Spatiotemporal fusion", "cnn_lstm_se", "0.91 0.91 0.98 0.99 0.89 0.92 0.93 0.94", "‡"),
)

EXPERIMENT = Experiment(
    name="cnn_lstm_se_table7",
    title="CNN-LSTM-SE beside CNN-LSTM, composite of MEGC2019",
    paper=PAPER,
    place="table 7",
    setups=(MEGC2019,),
    metrics=_METRICS,
    rows=rows_of(_COLUMNS, _METRICS, _LINES),
    chosen=CHOSEN,
    notes=(
        "figures of 2019 are cut after the second digit, not rounded: CASME II had 0.9857 for both",
    ),
)
