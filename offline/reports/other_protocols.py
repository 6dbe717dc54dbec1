"""Published figures of protocols other than MEGC2019, beside a run under the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from offline.scores.published import MEGC2018_CDE, MEGC2018_HDE, OWN_CLASSES

LEAKY = "CNN-LSTM-SE"
"""Its first network learnt from frames of every subject."""
OWN_NOTE = (
    "As the DSTAN and CropNet papers print them; which mean F1 is meant differs from paper to "
    "paper, and on whom epochs were chosen is not told."
)
CDE_NOTE = "Mean F1 as Varanka et al. print it; their classes come from a classifier of their own."
HDE_NOTE = "UAR on the data set that was not learnt from, as Varanka et al. print it."

Row = tuple[str, Sequence[float | None], str]
"""Method, one figure a column, and a note."""


def other_protocol(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a table of published figures; None where there are none for the protocol.

    Returns
    -------
    ``columns``, this run's ``own`` figures in them, ``rows`` by rising first one, and a ``note``.
    """
    protocol = metrics["protocol"]
    if protocol in OWN_CLASSES:
        rows: list[Row] = [
            (row.method + "‡" * (row.method == LEAKY), (row.accuracy, row.f1), "")
            for row in OWN_CLASSES[protocol]
        ]
        leak = " ‡ Leaky: learnt from frames of the tested subjects." if _leaks(rows) else ""
        own: tuple[float | None, ...] = (metrics["accuracy"], metrics["UF1"])
        return _table(("accuracy", "F1"), own, rows, OWN_NOTE + leak)
    if protocol == "objective":
        rows = [(method, (value,), "") for method, value in MEGC2018_CDE.items()]
        return _table(("mean F1",), (metrics["UF1"],), rows, CDE_NOTE)
    if protocol == "megc2018-hde":
        rows = [(row.method, (row.samm, row.casme2), row.note) for row in MEGC2018_HDE]
        parts = metrics["per_dataset"]
        own = tuple(parts[name]["UAR"] if name in parts else None for name in ("samm", "casme2"))
        return _table(("SAMM", "CASME II"), own, rows, HDE_NOTE)
    return None


def _leaks(rows: Sequence[Row]) -> bool:
    return any(method.endswith("‡") for method, *_ in rows)


def _table(
    columns: Sequence[str], own: Sequence[float | None], rows: Sequence[Row], note: str
) -> dict[str, Any]:
    return {
        "columns": columns,
        "own": own,
        "rows": sorted(rows, key=lambda row: row[1][0] or 0),
        "note": note,
    }
