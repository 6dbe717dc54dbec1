"""Table 2 of the DSTAN paper: what each part is worth."""

from offline.experiments.dstan import CHOSEN, MEANS, PAPER
from offline.experiments.table import CASME2, Experiment, rows_of

_METRICS = ("accuracy", "F1_of_means")
_LINES = (
    ("Basic model", "dstan_basic", "0.655 0.637"),
    ("Basic model + LHFN", "dstan_fusion", "0.671 0.654"),
    ("Basic model + LHFN + SA", "dstan_no_temporal", "0.711 0.690"),
    ("Basic model + LHFN + SA + TA (DSTAN)", "dstan", "0.752 0.728"),
)

EXPERIMENT = Experiment(
    name="dstan_table2",
    title="Parts of DSTAN, five emotions of CASME II",
    paper=PAPER,
    place="table 2",
    setups=(CASME2,),
    metrics=_METRICS,
    rows=rows_of(CASME2.columns, _METRICS, _LINES),
    chosen=CHOSEN,
    notes=(MEANS,),
)
