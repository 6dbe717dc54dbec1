"""Section 4 of the VGGFace2 paper: what was planned, and has no figures."""

from offline.experiments.table import SMIC, Experiment, rows_of
from offline.experiments.vggface import CHOSEN, PAPER

_METRICS = ("accuracy",)
_LINES = (
    ("TCN", "vggface_tcn", "–"),
    ("GRU", "vggface_gru", "–"),
    ("Spatial attention", "vggface_attention", "–"),
    ("Spatial attention, softmax pooling in time", "vggface_attention_pool", "–"),
    ("Magnification + GRU", "vggface_gru_magnified", "–"),
    ("Magnification + TCN", "vggface_tcn_magnified", "–"),
)

EXPERIMENT = Experiment(
    name="vggface_section4",
    title="VGGFace2 network as planned: TCN, GRU, spatial attention, magnified motion",
    paper=PAPER,
    place="section 4",
    setups=(SMIC,),
    metrics=_METRICS,
    rows=rows_of(SMIC.columns, _METRICS, _LINES),
    chosen=CHOSEN,
    notes=("planned work: the paper gives no figures",),
)
