"""Results found below a folder, counted again from their rows, and nothing outside shown."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from demos import bench_views
from demos.bench_figures import confusion_svg, subjects_svg
from demos.bench_results import chosen, confined, find_results, read_run, read_table
from offline.experiments.compared import FORMAT, RENDERED, SMOKE
from offline.scores.metrics import confusion_matrix, score
from offline.scores.results import Row, Run, metrics_of, render_predictions
from offline.synthesis.tree_truth import RENDERED as RENDERED_COUNTS
from realtime_mer.errors import SourceError

CLASSES = ("negative", "positive", "surprise")


def rows(people=4, each=6):
    """Every third sample is taken for the next class."""
    made = []
    for person in range(people):
        for number in range(each):
            label = number % 3
            guess = (label + 1) % 3 if (person + number) % 3 == 0 else label
            odds = tuple(0.8 if k == guess else 0.1 for k in range(3))
            dataset = ("smic", "casme2", "samm")[person % 3]
            made.append(Row(f"s{person}_{number}", dataset, f"sub{person}", label, guess, odds))
    return made


def write_run(folder, made=None, **more):
    made = rows() if made is None else made
    told = {
        "dataset": "composite", "protocol": "megc2019", "classes": CLASSES, "model": "ststnet",
        "selection": "fixed: set beforehand", "seeds": {"bootstrap": 0}, "wall_s": 3.0,
    } | more  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "predictions.csv").write_text(render_predictions(made, 3))
    (folder / "metrics.json").write_text(json.dumps(metrics_of(made, Run(**told))))
    return folder


def table():
    cell = {
        "printed": {"UF1": "0.7353"}, "published": {"UF1": 0.7353}, "ours": {"UF1": 0.5},
        "interval": {"UF1": [0.4, 0.6]}, "samples": 24, "verdict": None, "no_verdict": RENDERED,
    }  # fmt: skip
    row = {
        "label": "STSTNet", "model": "ststnet", "marks": "", "leaky": False, "note": "",
        "state": "done", "reason": "", "columns": {"composite": cell},
    }  # fmt: skip
    return {
        "format": FORMAT, "name": "megc2019_table", "title": "Published <figures>",
        "source": "somebody, 2019", "chosen": "not told", "notes": [], "metrics": ["UF1"],
        "marks": {}, "warnings": [RENDERED, SMOKE], "command": "mer experiment megc2019_table",
        "seeds": [0], "selection": "fixed", "epochs": 3, "smoke": True, "rows": [row],
        "data": [{"dataset": "composite", "protocol": "megc2019", "missing": "", "rendered": True,
                  "recipe": [], "samples": 24, "subjects": 4, "classes": CLASSES,
                  "published_counts": RENDERED_COUNTS}],
    }  # fmt: skip


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "results"
    write_run(root / "runs" / "ststnet")
    write_run(root / "runs" / "leaky", leaky=True, model="off_apexnet@1234")
    write_run(root / "runs" / "rendered", published_counts=RENDERED_COUNTS, model="<b>evil")
    write_run(root / "runs" / "ststnet" / "folds" / "one")
    (root / "table").mkdir()
    (root / "table" / "table.json").write_text(json.dumps(table()))
    return root


def test_runs_and_tables_are_found_and_folds_passed_over(root):
    entries = find_results(root)
    assert [(e.kind, e.place) for e in entries] == [
        ("table", "table"), ("run", "runs/leaky"), ("run", "runs/rendered"), ("run", "runs/ststnet")
    ]  # fmt: skip
    assert [e.leaky for e in entries] == [False, True, False, False]
    assert [e.rendered for e in entries] == [True, False, True, False]
    assert entries[0].smoke
    assert all(e.uf1 == pytest.approx(entries[1].uf1) for e in entries[1:])
    assert (entries[3].samples, entries[3].subjects) == (24, 4)


def test_figures_are_counted_from_the_rows_not_copied(root):
    made, metrics = read_run(root, "runs/ststnet")
    counts = confusion_matrix([r.label for r in made], [r.prediction for r in made], 3)
    assert metrics["confusion"] == counts.tolist()
    assert metrics["UF1"] == pytest.approx(score(counts).uf1)
    assert metrics["differs"] == []
    path = root / "runs" / "ststnet" / "metrics.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"UF1": 0.99}))
    _, again = read_run(root, "runs/ststnet")
    assert again["UF1"] == metrics["UF1"]
    assert again["differs"] == ["UF1"]
    assert "does not belong to these rows" in bench_views.run_view("runs/ststnet", again)


def test_a_filter_wants_every_word(root):
    entries = find_results(root)
    assert [e.place for e in chosen(entries, "LEAKY run")] == ["runs/leaky"]
    assert len(chosen(entries, "")) == 4
    assert chosen(entries, "leaky table") == ()
    assert "Nothing fits" in bench_views.listing(())


@pytest.mark.parametrize(
    "place", ["..", "../other", "/etc", "runs/../../other", "runs/link", "none", "a\0b"]
)
def test_nothing_outside_the_folder_is_read(root, place):
    other = write_run(root.parent / "other")
    (root / "runs" / "link").symlink_to(other)
    with pytest.raises(SourceError, match="no result"):
        confined(root, place)
    for read in (read_run, read_table):
        with pytest.raises(SourceError, match="no result"):
            read(root, place)
    assert "runs/link" not in [e.place for e in find_results(root)]


def test_what_cannot_be_read_is_listed_with_its_problem(root):
    (root / "runs" / "leaky" / "predictions.csv").write_text("sample_id\nx\n")
    (root / "table" / "table.json").write_text("{")
    (root / "runs" / "rendered" / "metrics.json").write_text('{"classes": []}')
    problems = {e.place: e.problem for e in find_results(root)}
    assert "columns" in problems["runs/leaky"]
    assert "cannot read" in problems["table"]
    assert "names no classes" in problems["runs/rendered"]
    assert problems["runs/ststnet"] == ""
    assert "unreadable" in bench_views.listing(find_results(root))


def test_warnings_are_shown_where_they_belong(root):
    def view(place):
        return bench_views.run_view(place, read_run(root, place)[1])

    said = "says nothing about real micro-expressions"
    assert said in view("runs/rendered")
    assert "no verdict: differs from the published samples" in view("runs/rendered")
    assert "This run leaks" in view("runs/leaky")
    assert "this run chose on the people" in view("runs/leaky")
    plain = view("runs/ststnet")
    assert said not in plain
    assert "leaks." in plain.split("How it came about")[0]
    assert "inside: no winner" in plain
    shown = bench_views.table_view("table", read_table(root, "table"))
    assert said in shown
    assert ".7353" in shown


class Tags(HTMLParser):
    """Opening and closing tags must match."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        if tag not in ("rect", "line", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("rect", "line"):
            assert self.open.pop() == tag


def test_names_are_escaped_and_tags_balanced(root):
    _, metrics = read_run(root, "runs/rendered")
    texts = [
        bench_views.run_view("runs/rendered", metrics, "model"),
        bench_views.listing(find_results(root), "run:runs/leaky"),
        bench_views.table_view("table", read_table(root, "table")),
        bench_views.empty(True),
        bench_views.empty(False),
    ]
    for text in texts:
        parser = Tags()
        parser.feed(text)
        assert parser.open == []
        assert "<b>evil" not in text
        assert "<figures>" not in text
    assert "mer loso" in texts[3]
    assert "mer experiment" in texts[3]
    assert "--results" in texts[4]


def test_the_drawings_hold_the_numbers():
    svg = ElementTree.fromstring(confusion_svg([[5, 1], [2, 8]], ("no", "yes & no"), "all"))
    told = [g.find("title").text for g in svg.iter("g")]
    assert told == [
        "no taken for no: 5 of 6", "no taken for yes & no: 1 of 6",
        "yes & no taken for no: 2 of 10", "yes & no taken for yes & no: 8 of 10",
    ]  # fmt: skip
    shades = [float(r.get("opacity")) for r in svg.iter("rect") if r.get("opacity")]
    assert shades == pytest.approx([5 / 6, 1 / 6, 0.2, 0.8], abs=1e-3)
    people = {"smic": {"a": {"samples": 4, "accuracy": 0.5}, "b": {"samples": 2, "accuracy": 1.0}}}
    bars = ElementTree.fromstring(subjects_svg(people, "people"))
    heights = [float(r.get("height")) for r in bars.iter("rect")]
    assert heights[0] == pytest.approx(2 * heights[1])
    assert heights[2] == pytest.approx(heights[3]) == pytest.approx(heights[1])


def test_a_class_that_never_occurs_draws_nothing_wrong():
    ElementTree.fromstring(confusion_svg([[0, 0], [0, 3]], ("a", "b"), "one"))
    ElementTree.fromstring(subjects_svg({}, "none"))
