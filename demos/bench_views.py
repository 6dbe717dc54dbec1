"""What the benchmarks tab shows, as HTML: the list of results, one run, one published table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from demos.bench_figures import confusion_svg, strip_html, subjects_svg
from demos.bench_results import Entry
from offline.experiments.compared import RENDERED, SMOKE
from offline.reports.experiment_report import body, facts, headings
from offline.reports.other_protocols import other_protocol
from offline.scores.published import MEGC2019

COMMANDS = (
    ("one model on your data",
     "mer loso --dataset casme2 --root DIR --model ststnet --out RESULTS/ststnet"),
    ("a published table, ours beside it", "mer experiment megc2019_table --root DIR --out RESULTS"),
    ("faces to try it with", "mer synth dataset --layout composite --out DIR"),
)  # fmt: skip
VERDICTS = {"inside the interval": "inside: no winner", "above": "run above", "below": "run below"}


def empty(folder_given: bool) -> str:
    """Return what is said where there are no results, and which commands make some."""
    told = (
        "There is no result in the folder yet."
        if folder_given
        else "No folder was given: start with <code>mer demo --results RESULTS</code>."
    )
    lines = "".join(
        f"<dt>{escape(what)}</dt><dd><code>{escape(command)}</code></dd>"
        for what, command in COMMANDS
    )
    return (
        f'<div class="b-empty"><h2>No results to show</h2><p>{told} These commands make some:</p>'
        f"<dl>{lines}</dl></div>"
    )


def listing(entries: Sequence[Entry], current: str = "") -> str:
    """Return the list: one button a result, ``current`` (kind and place) marked."""
    if not entries:
        return '<p class="b-none">Nothing fits this filter.</p>'
    parts: list[str] = []
    for kind, heading in (("table", "Published tables"), ("run", "Runs")):
        group = [entry for entry in entries if entry.kind == kind]
        if group:
            items = "".join(_item(entry, current) for entry in group)
            parts.append(f"<h3>{heading} <small>{len(group)}</small></h3><ul>{items}</ul>")
    return f'<nav class="b-list" aria-label="results">{"".join(parts)}</nav>'


def _item(entry: Entry, current: str) -> str:
    name = f"{entry.kind}:{entry.place}"
    told = entry.problem or " · ".join(filter(None, (entry.place, entry.dataset, entry.protocol)))
    figure = f"<b>{_ratio(entry.uf1)}</b>" if entry.kind == "run" and not entry.problem else ""
    pressed = ' aria-current="true"' if name == current else ""
    return (
        f'<li><button type="button" data-place="{escape(name, quote=True)}"{pressed}>'
        f"<span>{escape(entry.title)}{_badges(entry)}</span>{figure}"
        f"<small>{escape(told)}</small></button></li>"
    )


def _badges(entry: Entry) -> str:
    marks: tuple[str, ...] = ("unreadable",) if entry.problem else ()
    marks += tuple(name for name in ("leaky", "rendered", "smoke") if getattr(entry, name))
    return "".join(f'<em class="b-{name}">{name}</em>' for name in marks)


# One run ----------------------------------------------------------------------------------------


def run_view(place: str, metrics: Mapping[str, Any], model_title: str = "") -> str:
    """Return a run: warnings, headline figures, matrices, people, published figures, facts.

    Parameters
    ----------
    place
        Where it lies below the root.
    metrics
        As ``bench_results.read_run`` counted them.
    model_title
        What the model is, in words; empty if it is not known.
    """
    classes = metrics["classes"]
    parts = metrics["per_dataset"]
    smaller = "".join(
        f"<figure><figcaption>{escape(name)}, {part['samples']} samples</figcaption>"
        f"{confusion_svg(part['confusion'], classes, f'confusion matrix of {name}')}</figure>"
        for name, part in parts.items()
    )
    people = "".join(
        f"<div>{subjects_svg({name: part}, f'samples by person of {name}')}</div>"
        for name, part in metrics["per_subject"].items()
    )
    return (
        f'<article class="b-result">{_run_head(place, metrics, model_title)}'
        f"{_warnings(metrics)}{_tiles(metrics)}"
        '<div class="b-figures"><figure><figcaption>All samples: rows are the truth</figcaption>'
        f"{confusion_svg(metrics['confusion'], classes, 'confusion matrix of all samples')}"
        f"</figure>{smaller if len(parts) > 1 else _per_class(metrics)}</div>"
        '<figure class="b-people"><figcaption>Every person: samples, and how many were recognised'
        f"</figcaption>{people}"
        f"</figure>{_published(metrics)}{_facts(metrics)}</article>"
    )


def _run_head(place: str, metrics: Mapping[str, Any], model_title: str) -> str:
    told = " · ".join(filter(None, (metrics["dataset"], metrics["protocol"])))
    title = f"<p>{escape(model_title)}</p>" if model_title else ""
    return (
        f'<header><p class="b-kicker">{escape(told)}</p><h2>{escape(metrics["model"])}</h2>{title}'
        f'<p class="b-soft-text"><code>{escape(place)}</code></p></header>'
    )


def _warnings(metrics: Mapping[str, Any]) -> str:
    found = []
    if metrics["leaky"]:
        words = metrics["warning"] or "selected on the test subjects: not a result"
        found.append(("b-stop", f"This run leaks. {words[0].upper()}{words[1:]}"))
    if metrics["rendered"]:
        found.append(("b-warn", RENDERED[0].upper() + RENDERED[1:] + "."))
    if metrics["smoke"]:
        found.append(("b-warn", SMOKE[0].upper() + SMOKE[1:] + "."))
    if metrics["differs"]:
        found.append((
            "b-stop",
            f"metrics.json says otherwise about {', '.join(metrics['differs'])}: it does not "
            "belong to these rows. What stands here is counted from the rows.",
        ))  # fmt: skip
    return "".join(f'<p class="b-banner {kind}">{escape(words)}</p>' for kind, words in found)


def _tiles(metrics: Mapping[str, Any]) -> str:
    interval = metrics["interval"]
    tiles = []
    for name in ("UF1", "UAR", "accuracy"):
        low, high = interval.get(name) or (None, None)
        more = "" if low is None else f"{_ratio(low)} to {_ratio(high)}, 95 % over people"
        tiles.append((name, _ratio(metrics[name]), more))
    tiles.append(("samples", str(metrics["samples"]), f"{metrics['subjects']} people"))
    leak = "yes" if metrics["leaky"] else "none known"
    tiles.append(("leak", leak, metrics["selection"]))
    cells = "".join(
        f"<li><span>{name}</span><b>{escape(value)}</b><small>{escape(more)}</small></li>"
        for name, value, more in tiles
    )
    return f'<ul class="b-tiles">{cells}</ul>'


def _per_class(metrics: Mapping[str, Any]) -> str:
    rows = [
        (name, _ratio(part["F1"]), _ratio(part["recall"]), _ratio(part["precision"]),
         str(part["samples"]))
        for name, part in metrics["per_class"].items()
    ]  # fmt: skip
    head = ("class", "F1", "recall", "precision", "samples")
    return f"<figure><figcaption>Each class</figcaption>{_table(head, rows)}</figure>"


def _published(metrics: Mapping[str, Any]) -> str:
    beside = metrics["comparison"]
    if beside:
        return _beside(metrics, beside)
    other = other_protocol(metrics)
    if other is None:
        return ""
    own = ("this run", *map(_ratio, other["own"]))
    rows = [(method, *map(_ratio, values)) for method, values, _ in other["rows"]]
    return (
        "<section><h3>Beside published figures</h3>"
        f"{_table(('method', *other['columns']), [own, *rows], own=True)}"
        f'<p class="b-soft-text">{escape(other["note"])}</p></section>'
    )


def _beside(metrics: Mapping[str, Any], beside: Sequence[Mapping[str, Any]]) -> str:
    low, high = metrics["interval"]["UF1"]
    band = None if low is None else (low, high)
    values = [entry["UF1"] for entry in beside] + [v for v in (low, high, metrics["UF1"]) if v]
    span = (min(values) - 0.02, max(values) + 0.02)
    marks = {row.method: row.marks for row in MEGC2019}
    own = (
        '<tr class="b-own"><th>this run</th>'
        f'<td class="b-hide">{strip_html(metrics["UF1"] or 0, span, band)}</td>'
        f'<td class="n">{_ratio(metrics["UF1"])}</td><td></td></tr>'
    )
    rows = "".join(
        f"<tr><th>{escape(entry['method'] + marks.get(entry['method'], ''))}"
        f"<small>{escape(entry['note'])}</small></th>"
        f'<td class="b-hide">{strip_html(entry["UF1"], span, band)}</td>'
        f'<td class="n">{_ratio(entry["UF1"])}</td>'
        f"<td class='b-said'>{VERDICTS.get(entry['verdict'] or '', 'no verdict')}</td></tr>"
        for entry in sorted(beside, key=lambda entry: -entry["UF1"])
    )
    why = "a published figure inside the band is neither beaten nor missed"
    if metrics["leaky"]:
        why = "no verdict: this run chose on the people that it was tested on"
    elif metrics["published_counts"].startswith("differs"):
        why = f"no verdict: {metrics['published_counts']}"
    return (
        f"<section><h3>Beside published figures of {escape(metrics['protocol'])}</h3>"
        '<div class="b-scroll"><table><thead><tr><th>method</th>'
        '<th class="b-hide">UF1, and this run’s interval</th><th class="n">UF1</th>'
        "<th>verdict</th></tr></thead><tbody>"
        f'{own}{rows}</tbody></table></div><p class="b-soft-text">{escape(why)}. † what is called '
        "UAR is precision. ‡ leaks.</p></section>"
    )


def _facts(metrics: Mapping[str, Any]) -> str:
    settings = metrics["settings"]
    pairs = [
        ("selection", metrics["selection"]),
        ("split", str(settings.get("split", ""))),
        ("seeds", ", ".join(f"{k} {v}" for k, v in metrics["seeds"].items())),
        ("epochs", str(settings.get("epochs") or "each model's own")),
        ("samples", metrics["published_counts"]),
        ("calibration", f"ECE {_ratio(metrics['calibration']['ECE'])}"),
        ("time", f"{metrics['wall_s']:.0f} s"),
    ]
    told = "".join(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in pairs if v)
    return f'<section class="b-facts"><h3>How it came about</h3><dl>{told}</dl></section>'


# One published table ----------------------------------------------------------------------------


def table_view(place: str, table: Mapping[str, Any]) -> str:
    """Return a published table with ours beside it."""
    head = headings(table)
    numbers = range(3, len(head) - 1)
    warnings = "".join(
        f'<p class="b-banner b-warn">{escape(words[0].upper() + words[1:])}.</p>'
        for words in table["warnings"]
    )
    told = "".join(f"<li>{escape(words)}</li>" for words in facts(table))
    return (
        f'<article class="b-result"><header><p class="b-kicker">Published table</p>'
        f"<h2>{escape(table['title'])}</h2><p>{escape(table['source'])}</p>"
        f'<p class="b-soft-text"><code>{escape(place)}</code></p></header>{warnings}'
        f'<div class="b-wide">{_table(head, list(body(table)), numbers=numbers)}</div>'
        f'<ul class="b-told">{told}</ul><p class="b-soft-text">Printed by '
        f"<code>{escape(table['command'])}</code></p></article>"
    )


def _table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    own: bool = False,
    numbers: range | None = None,
) -> str:
    right = numbers if numbers is not None else range(1, len(head))
    kinds = ['class="n"' if place in right else "" for place in range(len(head))]
    heads = "".join(
        f"<th {kind}>{escape(name)}</th>" for kind, name in zip(kinds, head, strict=True)
    )
    lines = []
    for number, row in enumerate(rows):
        cells = "".join(
            f"<td {kind}>{escape(str(value))}</td>"
            for kind, value in zip(kinds[1:], row[1:], strict=True)
        )
        mark = ' class="b-own"' if own and number == 0 else ""
        lines.append(f"<tr{mark}><th>{escape(str(row[0]))}</th>{cells}</tr>")
    return (
        f'<div class="b-scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _ratio(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3f}"
