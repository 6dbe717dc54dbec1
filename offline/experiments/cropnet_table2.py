"""Table 2 of the CropNet paper: five emotions of CASME II."""

from offline.experiments.cropnet import CHOSEN, COUNTS, PAPER
from offline.experiments.table import CASME2, Experiment, rows_of

_METRICS = ("accuracy",)
_LINES = (
    ("LBP-TOP + AdaBoost", "", "0.437"),
    ("STCLQP", "", "0.583"),
    ("ELRCN", "", "0.524"),
    ("DSSN", "", "0.707"),
    ("TSCNN-I", "", "0.740"),
    ("SSSN", "", "0.711"),
    ("TSCNN-II", "", "0.810"),
    ("Bi-WOOF (apex and onset)", "bi_woof", "0.578"),
    ("Su et al. 2021", "", "0.727"),
    ("RRS + CropNet", "cropnet_rrs", "0.790"),
    ("ARS + CropNet", "cropnet", "0.862"),
)

EXPERIMENT = Experiment(
    name="cropnet_table2",
    title="CropNet and others on five emotions of CASME II",
    paper=PAPER,
    place="table 2",
    setups=(CASME2,),
    metrics=_METRICS,
    rows=rows_of(CASME2.columns, _METRICS, _LINES),
    chosen=CHOSEN,
    notes=(COUNTS,),
)
