"""Every experiment by name."""

from __future__ import annotations

import difflib

from offline.experiments import (
    cnn_lstm_2019_comparison,
    cnn_lstm_2019_results,
    cnn_lstm_se_table3,
    cnn_lstm_se_table5,
    cnn_lstm_se_table6,
    cnn_lstm_se_table7,
    cnn_lstm_se_table8,
    cropnet_figure5,
    cropnet_table2,
    cropnet_table3,
    cropnet_table4,
    dstan_table1,
    dstan_table2,
    dstan_table3,
    dstan_table4,
    megc2019_table,
    vggface_section3,
    vggface_section4,
)
from offline.experiments.table import Experiment
from realtime_mer.errors import ConfigError

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        cropnet_table2,
        cropnet_table3,
        cropnet_table4,
        cropnet_figure5,
        cnn_lstm_2019_results,
        cnn_lstm_2019_comparison,
        cnn_lstm_se_table3,
        cnn_lstm_se_table5,
        cnn_lstm_se_table6,
        cnn_lstm_se_table7,
        cnn_lstm_se_table8,
        dstan_table1,
        dstan_table2,
        dstan_table3,
        dstan_table4,
        vggface_section3,
        vggface_section4,
        megc2019_table,
    )
}
"""Paper by paper, in the order of its tables."""


def find_experiment(name: str) -> Experiment:
    """Return the experiment called ``name``.

    Raises
    ------
    ConfigError
        There is none; the nearest names are listed.
    """
    if name in EXPERIMENTS:
        return EXPERIMENTS[name]
    near = difflib.get_close_matches(name, EXPERIMENTS, n=3, cutoff=0.3) or sorted(EXPERIMENTS)
    raise ConfigError(f"no experiment is called {name!r}; nearest: {', '.join(near)}")
