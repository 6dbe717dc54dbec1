"""Table 3 of the DSTAN paper: how the streams are joined."""

from offline.experiments.dstan import CHOSEN, MEANS, PAPER
from offline.experiments.table import CASME, CASME2, SMIC, Experiment, rows_of

_METRICS = ("accuracy", "precision", "recall", "F1_of_means")
_LINES = (
    ("DSTAN-Average", "dstan_average",
     "0.73 0.75 0.73 0.74 0.74 0.73 0.72 0.73 0.71 0.74 0.63 0.68"),
    ("DSTAN-SVM", "dstan", "0.77 0.79 0.77 0.78 0.78 0.76 0.75 0.75 0.75 0.77 0.70 0.73"),
)  # fmt: skip

EXPERIMENT = Experiment(
    name="dstan_table3",
    title="DSTAN joined by a weighted sum or by a support vector machine",
    paper=PAPER,
    place="table 3",
    setups=(SMIC, CASME, CASME2),
    metrics=_METRICS,
    rows=rows_of(("smic", "casme", "casme2"), _METRICS, _LINES),
    chosen=CHOSEN,
    notes=(MEANS, "the weights of the weighted sum are not told"),
)
