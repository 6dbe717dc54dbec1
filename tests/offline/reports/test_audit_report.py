import io
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

from offline.reports.audit_report import (
    Difference,
    audit_json,
    audit_rows,
    differences_of,
    print_audit,
    render_audit,
    write_audit,
)
from offline.scores.comparison import paired_difference
from offline.scores.result_metrics import STAMP
from offline.scores.results import metrics_of
from realtime_mer.errors import ConfigError
from tests.offline.judged_rows import WORDS, Page, a_run, better, some_rows

SHARES = {"fixed": 0.3, "inner": 0.4, "test-fold": 0.8}


def an_audit(shares=SHARES, rows=None):
    found = {}
    for selection, share in shares.items():
        leaky = selection == "test-fold"
        judged = better(rows or some_rows(), share)
        run = a_run(
            selection=f"{selection}: in words", leaky=leaky, warning=WORDS if leaky else "",
            seeds={"bootstrap": 0, "training": [0, 1]},
        )  # fmt: skip
        found[selection] = SimpleNamespace(metrics=metrics_of(judged, run), rows=judged)
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("audit") / "deep"
    runs = an_audit()
    return runs, *write_audit(out, dict(reversed(runs.items())), seed=7)


def test_three_files_and_nothing_else(written):
    _, found, files = written
    assert set(files) == {"audit.json", "audit.png", "audit.html"}
    folder = files["audit.json"].parent
    assert {path.name for path in folder.iterdir()} == set(files)
    assert json.loads(files["audit.json"].read_text(), parse_constant=pytest.fail) == found


def test_the_figures_of_each_selection_are_those_of_its_run(written):
    runs, found, _ = written
    assert list(found["selections"]) == ["fixed", "inner", "test-fold"]
    for selection, run in runs.items():
        for key, value in found["selections"][selection].items():
            assert value == run.metrics[key]
    assert [part["leaky"] for part in found["selections"].values()] == [False, False, True]
    assert found["selections"]["test-fold"]["warning"] == WORDS
    assert (found["samples"], found["model"]) == (60, "tiny@12345678")


def test_differences_are_in_points_and_paired_over_people(written):
    runs, found, _ = written
    pairs = [(each["selection"], each["against"]) for each in found["differences"]]
    assert pairs == [("test-fold", "inner"), ("test-fold", "fixed"), ("inner", "fixed")]
    for each in found["differences"]:
        after, before = runs[each["selection"]], runs[each["against"]]
        value, ends = paired_difference(after.rows, before.rows, 3, 7)
        assert each["UF1"] == pytest.approx(100 * value, abs=1e-3)
        assert each["UF1_interval"] == pytest.approx([100 * end for end in ends], abs=1e-3)
        for key in ("UF1", "UAR", "accuracy"):
            points = 100 * (after.metrics[key] - before.metrics[key])
            assert each[key] == pytest.approx(points, abs=1e-3)


def test_published_leaks_stand_beside(written):
    _, found, _ = written
    assert [
        (leak["method"], leak["UF1"], leak["UF1_leaky"], leak["points"])
        for leak in found["published"]
    ] == [("STSTNet", 0.7127, 0.7740, 6.13), ("OFF-ApexNet", 0.7032, 0.8390, 13.58)]


def test_the_page_tells_what_the_leak_is_worth(written):
    _, found, files = written
    page = Page(files["audit.html"].read_text())
    assert page.asks_nobody()
    assert len(page.links) == 2
    first = found["differences"][0]
    low, high = first["UF1_interval"]
    assert (
        f"moves UF1 by +{first['UF1']:.1f} points against the selection inner (95 %: +{low:.1f} to "
        f"+{high:.1f}, the same people drawn for both). Nothing was recognised better"
    ) in page.said
    assert STAMP in page.said
    assert "tiny@12345678 on composite" in page.said
    assert "OFF-ApexNet .703 .839 +13.6" in page.said
    assert "bootstrap 0; training 0, 1" in page.said
    assert b"not a result" in files["audit.png"].read_bytes()


def test_an_earlier_audit_is_replaced_by_equal_bytes(written, tmp_path):
    runs, _, files = written
    (tmp_path / "audit.json").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    _, again = write_audit(tmp_path, runs, seed=7)
    for name, path in files.items():
        assert again[name].read_bytes() == path.read_bytes()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def page_of(runs, title="<b>mine</b>"):
    rows = audit_rows(runs)
    return Page(render_audit(rows, differences_of(rows), title, b"", b"")).said


def test_a_leak_that_cannot_be_told_from_nothing():
    said = page_of(an_audit({"inner": 0.4, "test-fold": 0.4}))
    assert "The interval holds 0: on so few people it may be nothing." in said
    assert "<b>mine</b>" in said
    assert "against the selection inner" in said


def test_one_person_has_no_interval():
    rows = [replace(row, dataset="samm", subject="006") for row in some_rows()]
    runs = an_audit(rows=rows)
    assert "there is one subject" in page_of(runs)
    audit = audit_rows(runs)
    (first, *_) = audit_json(audit, differences_of(audit))["differences"]
    assert first["UF1_interval"] == [None, None]


def test_what_is_undefined_is_a_dash():
    audit = audit_rows(an_audit())
    blank = [replace(row, metrics=row.metrics | {"UF1": None, "UAR": None}) for row in audit]
    differences = [Difference("test-fold", "inner", None, None, None)]
    said = Page(render_audit(blank, differences, "x", b"", b"")).said
    assert "cannot be told" in said
    assert "test-fold inner – – –" in said
    (found,) = audit_json(blank, differences)["differences"]
    assert (found["UF1"], found["UAR"]) == (None, None)


def test_honest_runs_alone_name_no_leak(tmp_path):
    audit = an_audit({"fixed": 0.3, "inner": 0.4})
    assert "there is nothing to compare" in page_of(audit)
    _, files = write_audit(tmp_path, audit, "fair")
    assert b"not a result" not in files["audit.png"].read_bytes()


def test_runs_that_do_not_compare(tmp_path):
    audit = an_audit()
    with pytest.raises(ConfigError, match="two or more"):
        write_audit(tmp_path / "out", {"inner": audit["inner"]})
    fewer = SimpleNamespace(metrics=audit["inner"].metrics, rows=audit["inner"].rows[1:])
    with pytest.raises(ConfigError, match="in one of the two runs only"):
        write_audit(tmp_path / "out", audit | {"inner": fewer})
    units = SimpleNamespace(metrics={"AU_average": 0.3}, rows=[])
    with pytest.raises(ConfigError, match="not of action units"):
        write_audit(tmp_path / "out", {"fixed": units, "inner": units})
    assert not (tmp_path / "out").exists()


def test_what_is_printed(written):
    _, found, _ = written
    print_audit(found, Console(width=120, file=(paper := io.StringIO())))
    said = paper.getvalue()
    first = found["differences"][0]
    low, high = first["UF1_interval"]
    assert f"test-fold over inner: +{first['UF1']:.1f} points of UF1" in said
    assert f"(95 %: +{low:.1f} to +{high:.1f})" in said
    assert f"test-fold: {STAMP}" in said
    for part in found["selections"].values():
        assert f"{part['UAR']:.3f}".removeprefix("0") in said
