"""The table in which spotting papers pass annotations on: one row an expression, no emotion."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from offline.datasets.base import Problem
from offline.datasets.long_videos import MACRO, MICRO, Coding, Key
from offline.datasets.sheets import integer, read_table

REQUIRED = ("subject", "videoname", "startframe", "apexframe", "endframe", "typeidx")
COLUMNS = "subject, video_name, start_frame, apex_frame, end_frame, type_idx, au"
KIND = {1: MACRO, 2: MICRO}
"""What ``type_idx`` means."""

_NAME = re.compile(r"([a-z]+)_0*(\d+)_(\d+)", re.IGNORECASE)


def read_intervals(
    path: Path, prefix: str, key: Callable[[int, str], Key]
) -> tuple[list[Coding], list[Problem]] | None:
    """Read the rows of one data set.

    Parameters
    ----------
    prefix
        What its ``video_name`` begins with, such as ``casme`` in ``casme_015_0401``.
    key
        Makes subject and video of the two numbers that follow.

    Returns
    -------
    Rows and problems; None where the file has other columns or no row of the data set.
    """
    table = read_table(path, REQUIRED)
    if table is None:
        return None
    codings, problems = [], []
    for line, row in zip(table.lines, table.rows, strict=True):
        where = f"{path.name}, row {line}"
        name = _NAME.fullmatch(row["videoname"])
        kind = KIND.get(integer(row["typeidx"]) or 0)
        if name is None or name[1].lower() != prefix or kind is None:
            reason = f"no row of this data set: {row['videoname']!r}, type {row['typeidx']!r}"
            problems.append(Problem(where, "dropped", reason))
            continue
        subject, video = key(int(name[2]), name[3])
        onset, apex, offset = (integer(row[f"{part}frame"]) for part in ("start", "apex", "end"))
        units = row.get("au", "")
        codings.append(Coding(where, subject, video, onset, apex, offset, kind, "", units))
    return (codings, problems) if codings else None
