"""``docs/results.md``: every published system beside what we could run, written from run tables."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from offline.experiments.compared import FORMAT, RENDERED, SMOKE
from offline.experiments.registry import EXPERIMENTS
from offline.experiments.table import MEGC2019, METRICS, WHOLE, Experiment, Published
from offline.models.registry import MODELS
from offline.reports.experiment_report import (
    JSON,
    Table,
    data_name,
    markdown,
    row_line,
    safe,
)
from offline.reports.pages import ratio
from realtime_mer.errors import SourceError

HEAD = (
    "system", "published", "protocol", "leaks?", "ours: UF1 (95 %)", "UAR", "accuracy",
    "on", "seeds", "printed by",
)  # fmt: skip
ORDER = tuple(EXPERIMENTS)
INTRO = (
    "Written by `mer experiment results`; run it again instead of editing. The published figure of "
    "a system is that of the composite of MEGC2019 where its paper has one, else the first that "
    "the paper prints. Where ours is on rendered data or of a smoke run, the two must not be "
    "compared. The tables below have every row."
)


def read_tables(folders: Iterable[str | os.PathLike[str]]) -> list[dict[str, Any]]:
    """Return the tables below some folders of results, paper by paper; of equals the last one.

    Raises
    ------
    SourceError
        A folder has none, or one that cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    for folder in map(Path, folders):
        paths = [path for path in (folder / JSON, *sorted(folder.glob(f"*/{JSON}")))
                 if path.is_file()]  # fmt: skip
        if not paths:
            raise SourceError(f"{folder} holds no {JSON}; give a folder that mer experiment wrote")
        for path in paths:
            table = _read(path)
            found[table["name"]] = table
    return [found[name] for name in sorted(found, key=_place)]


def _read(path: Path) -> dict[str, Any]:
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path}: {error}") from error
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise SourceError(f"{path} is no table of mer experiment, or of another version: run again")
    return table


def _place(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def results_page(tables: Sequence[Table]) -> str:
    """Return the text of ``docs/results.md``.

    Parameters
    ----------
    tables
        As ``read_tables`` returns them.
    """
    commands = list(dict.fromkeys(table["command"] for table in tables))
    lines = ["# Results", "", INTRO, ""]
    words = {word for table in tables for word in table["warnings"]}
    lines += [f"**{safe(word[0].upper() + word[1:])}.**\n" for word in (RENDERED, SMOKE)
              if word in words]  # fmt: skip
    lines += ["## Every system", "", row_line(HEAD)]
    lines += [row_line(["---"] * 4 + ["---:"] * 3 + ["---"] * 3)]
    lines += [row_line(_system(name, tables, commands)) for name in systems()]
    lines += ["", "## Commands", "", *_recipes(tables)]
    lines += [f"{number}. `{command}`" for number, command in enumerate(commands, start=1)]
    lines += ["", "## Every table", ""]
    return "\n".join([*lines, *(markdown(table, 3) for table in tables)])


def systems() -> list[str]:
    """Return every model that a paper's own row stands for, and every system that there is."""
    own = [
        row.model
        for experiment in EXPERIMENTS.values()
        for row in experiment.rows
        if row.model and (row.model not in MODELS or MODELS[row.model].system)
    ]
    rest = [name for name, entry in MODELS.items() if entry.system]
    return list(dict.fromkeys([*own, *rest]))


def _system(name: str, tables: Sequence[Table], commands: Sequence[str]) -> list[str]:
    found = _published(name)
    cells = [safe(name), "–", "–", "–"]
    if found is not None:
        experiment, row = found
        cells = [safe(name), _printed(row), safe(_where(experiment, row)), _leak(row)]
    run = _ours(name, sorted(tables, key=lambda table: not found or table["name"] != found[0].name))
    if run is None:
        return [*cells, safe(_why_not(name, tables)), *["–"] * 5]
    table, cell, data = run
    low, high = cell["interval"].get("UF1") or (None, None)
    uf1 = ratio(cell["ours"]["UF1"])
    on = f"{data_name(data['dataset'])} ({data['protocol']}), {data['samples']} samples of "
    on += f"{data['subjects']} subjects" + ", rendered" * data["rendered"]
    on += ", smoke" * table["smoke"]
    return [
        *cells, uf1 if low is None else f"{uf1} ({ratio(low)} to {ratio(high)})",
        ratio(cell["ours"]["UAR"]), ratio(cell["ours"]["accuracy"]), safe(on),
        ", ".join(map(str, table["seeds"])), str(commands.index(table["command"]) + 1),
    ]  # fmt: skip


def _published(name: str) -> tuple[Experiment, Published] | None:
    """Return the row that is quoted for a system: on the composite of MEGC2019, or the first."""
    found = [
        (experiment, row)
        for experiment in EXPERIMENTS.values()
        for row in experiment.rows
        if row.model == name and row.figures
    ]
    whole = [
        (experiment, row)
        for experiment, row in found
        if WHOLE in row.figures and experiment.setups == (MEGC2019,)
    ]
    return next(iter([*whole, *found]), None)


def _printed(row: Published) -> str:
    column = _column(row)
    values = row.figures[column]
    told = ", ".join(f"{METRICS[name]} {value}" for name, value in values.items())
    return safe(f"{told} ({data_name(column)})")


def _column(row: Published) -> str:
    return WHOLE if WHOLE in row.figures else next(iter(row.figures))


def _where(experiment: Experiment, row: Published) -> str:
    column = _column(row)
    setup = next(each for each in experiment.setups if column in each.columns)
    paper = experiment.name.rsplit("_", 1)[0]
    return f"{setup.protocol}; {paper}, {experiment.place}"


def _leak(row: Published) -> str:
    return "yes ‡" if row.leaky else "not told"


def _why_not(name: str, tables: Sequence[Table]) -> str:
    rows = [row for table in tables for row in table["rows"] if row["model"] == name]
    reasons = [str(row["reason"]) for row in rows if row["reason"]]
    if reasons:
        return reasons[0]
    return "not run" if name in MODELS else "its model is not there"


def _ours(
    name: str, tables: Sequence[Table]
) -> tuple[Table, Mapping[str, Any], Mapping[str, Any]] | None:
    """Return the first run of a model: its table, the figures of all samples, the data."""
    for table in tables:
        for row in table["rows"]:
            if row["model"] != name:
                continue
            for column, cell in row["columns"].items():
                if cell["interval"]:
                    return table, cell, _data_of(table, column)
    return None


def _data_of(table: Table, column: str) -> Mapping[str, Any]:
    return next((each for each in table["data"] if each["dataset"] == column), table["data"][0])


def _recipes(tables: Sequence[Table]) -> list[str]:
    commands = dict.fromkeys(
        command for table in tables for data in table["data"] for command in data["recipe"]
    )
    if not commands:
        return []
    return ["The data are rendered by", "", *(f"- `{command}`" for command in commands), ""]
