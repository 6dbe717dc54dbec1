"""Table 4 of the CropNet paper: what the pictures and the pyramid are worth."""

from offline.experiments.cropnet import CHOSEN, COUNTS, PAPER
from offline.experiments.table import CASME2, Experiment, rows_of

_METRICS = ("UF1", "accuracy")
_LINES = (
    ("CropNet + ARS", "cropnet", "0.863 0.862"),
    ("CropNet + RRS", "cropnet_rrs", "0.803 0.790"),
    ("CropNet + optical flow (Farneback)", "cropnet_farneback", "0.661 0.625"),
    ("CropNet + optical flow (TV-L1)", "cropnet_tvl1", "0.697 0.669"),
    ("CropNet without the pyramid + ARS", "cropnet_whole", "0.841 0.813"),
)

EXPERIMENT = Experiment(
    name="cropnet_table4",
    title="Input pictures and pyramid of CropNet, five emotions of CASME II",
    paper=PAPER,
    place="table 4",
    setups=(CASME2,),
    metrics=_METRICS,
    rows=rows_of(CASME2.columns, _METRICS, _LINES),
    chosen=CHOSEN,
    notes=(COUNTS, "how flow is made a picture is not told"),
)
