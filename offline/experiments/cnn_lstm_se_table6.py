"""Table 6 of the CNN-LSTM-SE paper: labels of the face or of each region."""

from offline.experiments.cnn_lstm_se import CHOSEN, PAPER
from offline.experiments.table import MEGC2019, WHOLE, Experiment, rows_of

_METRICS = ("UAR", "UF1", "accuracy")
_LINES = (
    ("Label of the whole face", "cnn_lstm_se_face", "0.82 0.82 0.83", "‡"),
    ("Label based on region", "cnn_lstm_se", "0.93 0.94 0.96", "‡"),
)

EXPERIMENT = Experiment(
    name="cnn_lstm_se_table6",
    title="Labels of the first stage of CNN-LSTM-SE, composite of MEGC2019",
    paper=PAPER,
    place="table 6",
    setups=(MEGC2019,),
    metrics=_METRICS,
    rows=rows_of((WHOLE,), _METRICS, _LINES),
    chosen=CHOSEN,
    notes=(
        "regions get labels from action units, and SMIC has none: how its 164 clips were labelled "
        "is not told; here all its regions have the face's class",
    ),
)
