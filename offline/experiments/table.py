"""A published table as data: its rows as printed, and what has to be run to stand beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from realtime_mer.errors import ConfigError

Figures = Mapping[str, Mapping[str, str]]
"""Column → metric → value, as printed."""

METRICS = {
    "UF1": "UF1",
    "UAR": "UAR",
    "accuracy": "accuracy",
    "F1_of_means": "F1 of mean precision and recall",
    "F1_weighted": "weighted F1",
    "precision": "mean precision",
    "recall": "mean recall",
}
"""What a paper prints, and how its column is headed."""

LEAKY, PRECISION = "‡", "†"
MARKS = {
    LEAKY: "leaks: something was learnt or chosen on the people who were tested",
    PRECISION: "what is called UAR is in truth the mean precision",
}
"""Sign behind a row's name → what it says. Without ‡ no leak is known; that there is none is
told by hardly any paper."""
WHOLE = "composite"
"""The column of all data sets of a composite together."""


@dataclass(frozen=True, slots=True)
class Published:
    """One row of a published table.

    Attributes
    ----------
    label
        As the paper names the method.
    model
        Ours that stands for it, a name in ``models.registry``; empty where we have none.
    figures
        Column → metric → value as printed; empty where the paper gives none.
    marks
        Some of ``MARKS``.
    note
        What to know about the row.
    """

    label: str
    model: str
    figures: Figures
    marks: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if set(self.marks) - set(MARKS):
            raise ConfigError(f"{self.label}: marks are {self.marks!r}; give {' '.join(MARKS)}")
        for column, values in self.figures.items():
            for metric, value in values.items():
                if metric not in METRICS or not 0 <= float(value) <= 1:
                    raise ConfigError(f"{self.label}, {column}: {metric} {value} is no figure")

    @property
    def leaky(self) -> bool:
        """Whether a leak is known."""
        return LEAKY in self.marks


@dataclass(frozen=True, slots=True)
class Setup:
    """A data set under a protocol.

    Attributes
    ----------
    dataset, protocol
        Names, as for `mer loso`.
    columns
        Which columns of the table it fills: ``WHOLE``, or names of data sets.
    needs
        Data sets that have to lie below the root.
    """

    dataset: str
    protocol: str
    columns: tuple[str, ...]
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Experiment:
    """A published table or figure.

    Attributes
    ----------
    name
        As on the command line: paper and place.
    title
        What is compared.
    paper, place
        Who published it, and where in it.
    setups
        What is run for every row.
    metrics
        What the paper prints, keys of ``METRICS``, in its order.
    rows
        In the paper's order.
    chosen
        What the paper says of how epochs and parameters were chosen, and what leaks in it.
    notes
        What does not fit together in the paper, or differs here.
    """

    name: str
    title: str
    paper: str
    place: str
    setups: tuple[Setup, ...]
    metrics: tuple[str, ...]
    rows: tuple[Published, ...]
    chosen: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            unknown = set(row.figures) - set(self.columns)
            unknown |= {metric for values in row.figures.values() for metric in values} - set(
                self.metrics
            )
            if unknown:
                raise ConfigError(f"{self.name}, {row.label}: {', '.join(sorted(unknown))} unknown")

    @property
    def source(self) -> str:
        """Paper and place in it."""
        return f"{self.paper}, {self.place}"

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the paper's order."""
        return tuple(column for setup in self.setups for column in setup.columns)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of our models, each once, in the order of the rows."""
        return tuple(dict.fromkeys(row.model for row in self.rows if row.model))


MEGC2019 = Setup(WHOLE, "megc2019", (WHOLE, "smic", "casme2", "samm"), ("casme2", "smic", "samm"))
CASME2 = Setup("casme2", "casme2-5", ("casme2",), ("casme2",))
CASME = Setup("casme", "casme-4", ("casme",), ("casme",))
SMIC = Setup("smic", "smic-3", ("smic",), ("smic",))
AU5 = Setup(WHOLE, "au5", (WHOLE,), ("casme2", "samm"))

Line = tuple[str, ...]
"""Label, our model, and figures in the order of columns, then of metrics, with – for none; then
marks and note, which may be missing."""


def rows_of(
    columns: Iterable[str], metrics: Iterable[str], lines: Iterable[Line]
) -> tuple[Published, ...]:
    """Return rows written as a paper prints them.

    Parameters
    ----------
    columns, metrics
        What the figures of a line are: for each column all metrics.
    lines
        See ``Line``.

    Raises
    ------
    ConfigError
        A line has another number of figures.
    """
    places = [(column, metric) for column in columns for metric in metrics]
    found = []
    for label, model, text, *more in lines:
        values = text.split()
        if len(values) != len(places):
            raise ConfigError(f"{label}: {len(values)} figures for {len(places)} places")
        figures: dict[str, dict[str, str]] = {}
        for (column, metric), value in zip(places, values, strict=True):
            if value != "–":
                figures.setdefault(column, {})[metric] = value
        found.append(Published(label, model, figures, *more))
    return tuple(found)
