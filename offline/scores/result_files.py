"""Files of a result: made ready for JSON, and replaced together or not at all."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from realtime_mer.errors import OutputError


def write_together(
    out_dir: str | os.PathLike[str], contents: Mapping[str, bytes], sometimes: Iterable[str] = ()
) -> dict[str, Path]:
    """Write all files; return file name → path.

    Every file is complete before the first one of an earlier run is replaced. Other files in the
    folder, which is made if it is missing, are left alone.

    Parameters
    ----------
    out_dir
        The folder.
    contents
        File name → content.
    sometimes
        Names that not every result has: those of an earlier one that this one lacks are removed.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    out = Path(out_dir)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mer-", dir=out) as scratch:
            for name, data in contents.items():
                Path(scratch, name).write_bytes(data)
            for name in contents:
                Path(scratch, name).replace(out / name)
        for name in set(sometimes) - set(contents):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write into {out}: {error.strerror or error}; choose a folder that you may "
            "write to"
        ) from error
    return {name: out / name for name in contents}


def json_ready(value: Any) -> Any:
    """Return a JSON-ready value with None for every number that is not finite."""
    if isinstance(value, dict):
        return {key: json_ready(each) for key, each in value.items()}
    if isinstance(value, list):
        return [json_ready(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def render_json(value: Mapping[str, Any]) -> bytes:
    """Return the content of a JSON file for what ``json_ready`` returned."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()
