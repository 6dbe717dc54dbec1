"""The benchmarks tab in a real browser."""

import re

import pytest

from tests.demos.conftest import show_tab
from tests.demos.test_bench_results import table, write_run

pytestmark = pytest.mark.slow

pytest.importorskip("playwright.sync_api", reason="needs playwright (dev extra)")


@pytest.fixture(scope="module")
def benchmarks(start_demo, tmp_path_factory):
    import json

    root = tmp_path_factory.mktemp("results")
    write_run(root / "runs" / "ststnet")
    write_run(root / "runs" / "leaky", leaky=True, model="off_apexnet")
    (root / "table").mkdir()
    (root / "table" / "table.json").write_text(json.dumps(table()))
    return start_demo("--results", root)


def test_results_are_listed_filtered_and_shown(open_page, benchmarks):
    page = open_page(address=benchmarks.address)
    show_tab(page, "Benchmarks")
    page.locator(".b-result h2").filter(has_text="Published <figures>").wait_for()
    assert page.locator(".b-list button").count() == 3
    page.get_by_label("Filter").fill("run leaky")
    page.wait_for_function("document.querySelectorAll('.b-list button').length === 1")
    page.locator(".b-list button").click()
    page.locator(".b-tiles").wait_for()
    assert "This run leaks" in page.locator(".b-result").inner_text()
    assert page.locator(".b-list button[aria-current]").count() == 1
    page.get_by_label("Filter").fill("")
    page.wait_for_function("document.querySelectorAll('.b-list button').length === 3")
    page.locator("button[data-place='run:runs/ststnet']").click()
    page.locator(".b-result h2").filter(has_text=re.compile("^ststnet$")).wait_for()
    matrix = page.get_by_label("confusion matrix of all samples")
    assert matrix.locator("rect.b-hit").count() == 3
    assert page.get_by_label("samples by person of smic").locator("rect.b-got").count() == 2


def test_it_fits_a_phone(open_page, benchmarks):
    page = open_page(address=benchmarks.address, size=(390, 844), dark=True)
    show_tab(page, "Benchmarks")
    page.locator("button[data-place='run:runs/ststnet']").click()
    page.locator(".b-tiles").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_results_it_says_which_command_makes_some(page):
    show_tab(page, "Benchmarks")
    page.get_by_text("No results to show").wait_for()
    assert "mer loso" in page.locator(".b-empty").inner_text()
