"""``events.csv``: the interval table for R, pandas and spreadsheets (RFC 4180, UTF-8)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from realtime_mer.sinks.table import COLUMNS, Row


def render(table: Sequence[Row]) -> str:
    """Return the file's text: a header and one line per row, lines ended by a line feed.

    Numbers that are not finite are empty cells. Text that a spreadsheet would run as a formula
    gets a leading apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(row.cells() for row in table)
    return text.getvalue()
