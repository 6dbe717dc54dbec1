"""Results of the CNN-LSTM slides: figures of the composite, with their confusion matrix."""

from offline.experiments.cnn_lstm_2019 import CHOSEN, PAPER
from offline.experiments.table import MEGC2019, WHOLE, Experiment, rows_of

CONFUSION = ((231, 12, 7), (11, 97, 1), (8, 1, 74))
"""Rows truth, columns prediction: negative, positive, surprise."""
_METRICS = ("accuracy", "UAR", "UF1")

EXPERIMENT = Experiment(
    name="cnn_lstm_2019_results",
    title="CNN-LSTM on local regions, composite of MEGC2019",
    paper=PAPER,
    place="results",
    setups=(MEGC2019,),
    metrics=_METRICS,
    rows=rows_of((WHOLE,), _METRICS, (("CNN-LSTM", "cnn_lstm", "0.9095 0.9018 0.9022"),)),
    chosen=CHOSEN,
    notes=(
        "the confusion matrix gives these three figures (UF1 .90227, cut after the fourth digit)",
        "the paper of 2022 quotes an accuracy of 0.92 for it",
    ),
)
