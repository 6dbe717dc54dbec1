"""A published table with our figures beside the paper's: Markdown, CSV, HTML and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from offline.experiments.table import METRICS, WHOLE
from offline.reports.pages import environment, ratio
from offline.reports.report import NAMES, VERDICTS
from offline.scores.result_files import json_ready, render_json
from offline.scores.result_metrics import HEADLINES
from realtime_mer.sinks.text import plain, spreadsheet_safe

Table = Mapping[str, Any]
"""The content of ``table.json``: what ``offline.experiments.compared.compared`` returned."""

JSON, MARKDOWN, CSV, PAGE = "table.json", "table.md", "table.csv", "table.html"
COLUMNS = (
    "experiment", "row", "model", "marks", "leaky", "state", "data", "metric", "published", "ours",
    "low", "high", "samples", "verdict", "warnings", "command",
)  # fmt: skip
"""Of the CSV; one line for each row, data set and metric."""
LONG = 30
"""Characters of a remark from which on it is not repeated."""
_DATA = {**NAMES, "casme": "CASME", WHOLE: "composite"}
_SPECIAL = str.maketrans({mark: "\\" + mark for mark in "\\|*_`[]#"} | {"<": "&lt;", ">": "&gt;"})


def table_files(table: Table) -> dict[str, bytes]:
    """Return file name → content of everything that is written for a table."""
    return {
        JSON: render_json(json_ready(dict(table))),
        MARKDOWN: markdown(table).encode(),
        CSV: csv_of(table).encode(),
        PAGE: page(table).encode(),
    }


def data_name(column: str) -> str:
    """Return a data set's name as papers write it."""
    return _DATA.get(column, column)


def shown_metrics(table: Table) -> tuple[str, ...]:
    """Return what the paper prints, then what we always count."""
    printed = table["metrics"]
    return (*printed, *(name for name in HEADLINES if name not in printed))


def markdown(table: Table, level: int = 1) -> str:
    """Return a table as Markdown; ``level`` is that of its heading, 1 the highest."""
    lines = [f"{'#' * level} {safe(table['title'])}", "", safe(table["source"]) + ".", ""]
    lines += [f"**{safe(words[0].upper() + words[1:])}.**\n" for words in table["warnings"]]
    head = headings(table)
    lines += [row_line(head), row_line(["---"] * 3 + ["---:"] * (len(head) - 4) + ["---"])]
    lines += [row_line(map(safe, cells)) for cells in body(table)]
    lines += ["", *(f"- {safe(words)}" for words in facts(table)), ""]
    return "\n".join(lines) + f"\nPrinted by `{plain(table['command'])}`.\n"


def headings(table: Table) -> list[str]:
    """Return the heads of the columns."""
    found = ["method", "our model", "data"]
    for name in shown_metrics(table):
        found += [f"{METRICS[name]}, paper"] * (name in table["metrics"])
        found.append(f"{METRICS[name]}, ours")
    return [*found, "beside each other"]


def body(table: Table) -> Iterator[list[str]]:
    """Yield the cells of each line: one for each row and data set with a figure."""
    for row in table["rows"]:
        parts = {
            column: cell
            for column, cell in row["columns"].items()
            if cell["printed"] or cell["ours"]
        }
        label = f"{row['label']} {row['marks']}".rstrip()
        if not parts:
            blank = ["–"] * (len(headings(table)) - 4)
            yield [label, row["model"] or "–", "–", *blank, row["reason"]]
        told = ""
        for column, cell in parts.items():
            beside = _beside(row, cell)
            figures = _figures(table, cell)
            again = "as above" if len(beside) > LONG and beside == told else beside
            yield [label, row["model"] or "–", data_name(column), *figures, again]
            told = beside


def _figures(table: Table, cell: Mapping[str, Any]) -> Iterator[str]:
    for name in shown_metrics(table):
        if name in table["metrics"]:
            yield _printed(cell["printed"].get(name))
        value = ratio(cell["ours"].get(name))
        low, high = cell["interval"].get(name) or (None, None)
        yield value if low is None else f"{value} ({ratio(low)} to {ratio(high)})"


def _printed(value: str | None) -> str:
    return "–" if value is None else value.replace("0.", ".", 1)


def _beside(row: Mapping[str, Any], cell: Mapping[str, Any]) -> str:
    if not cell["ours"]:
        return str(row["reason"]) or "not in these data"
    said: str | None = cell["verdict"]
    if said:
        return VERDICTS.get(said, said)
    return f"no verdict: {cell['no_verdict']}" if cell["no_verdict"] else ""


def facts(table: Table) -> list[str]:
    """Return what to know of a table, a sentence each."""
    found = [f"Chosen: {table['chosen']}."]
    found += [f"{mark} {words}." for mark, words in table["marks"].items()]
    found += [f"{row['label']}: {row['note']}." for row in table["rows"] if row["note"]]
    found += [f"In the paper: {note}." for note in table["notes"]]
    found += [f"Ours, {_told(each)}." for each in table["data"]]
    epochs = table["epochs"]
    seeds = ", ".join(map(str, table["seeds"]))
    taught = (
        f"networks for {epochs} epoch{'s' * (epochs != 1)}" if epochs else "each model's own epochs"
    )
    found.append(f"Ours, all rows: seeds {seeds}, {taught}, selection {table['selection']}.")
    found.append("Intervals are over subjects, 95 %; a difference inside one means nothing.")
    return found


def _told(data: Mapping[str, Any]) -> str:
    words = f"{data_name(data['dataset'])}, protocol {data['protocol']}"
    if data["missing"]:
        return f"{words}: {data['missing']}"
    if data["samples"] is None:
        return f"{words}: no row was run"
    words += f": {data['samples']} samples of {data['subjects']} subjects"
    if data["rendered"]:
        return f"{words}, rendered by {'; '.join(data['recipe']) or 'mer synth dataset'}"
    return f"{words}, {data['published_counts']}" if data["published_counts"] else words


def row_line(cells: Any) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def safe(text: str) -> str:
    """Return text as Markdown shows it, on one line."""
    return plain(text).translate(_SPECIAL)


def csv_of(table: Table) -> str:
    """Return a table as CSV: one line for each row, data set and metric, at full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_csv_lines(table))
    return text.getvalue()


def _csv_lines(table: Table) -> Iterator[Sequence[str | float]]:
    warnings = "; ".join(table["warnings"])
    for row in table["rows"]:
        first = [
            table["name"], row["label"], row["model"], row["marks"],
            "yes" if row["leaky"] else "no", row["state"],
        ]  # fmt: skip
        for column, cell in row["columns"].items():
            for name in shown_metrics(table):
                published, ours = cell["printed"].get(name, ""), cell["ours"].get(name)
                if published == "" and ours is None:
                    continue
                ends = [_number(end) for end in cell["interval"].get(name) or (None, None)]
                yield [
                    *map(spreadsheet_safe, [*first, column, name]), published, _number(ours), *ends,
                    _number(cell["samples"]),
                    *map(spreadsheet_safe, [_beside(row, cell), warnings, table["command"]]),
                ]  # fmt: skip


def _number(value: float | None) -> str | float:
    return "" if value is None else value


def page(table: Table) -> str:
    """Return a table as a page of its own."""
    return (
        environment()
        .get_template("experiment.html.j2")
        .render(
            table=table,
            head=headings(table),
            body=list(body(table)),
            facts=facts(table),
            leaky=any(words.startswith("selected") for words in table["warnings"]),
            warning="; ".join(table["warnings"]),
        )
    )
