import pytest

from offline.reports.other_protocols import LEAKY, other_protocol
from offline.scores.published import MEGC2018_HDE, OWN_CLASSES

METRICS = {
    "accuracy": 0.5, "UF1": 0.4,
    "per_dataset": {"casme2": {"UAR": 0.3}, "samm": {"UAR": 0.6}},
}  # fmt: skip


@pytest.mark.parametrize("protocol", sorted(OWN_CLASSES))
def test_every_published_row_of_a_protocol_stands_beside_the_run(protocol):
    table = other_protocol(METRICS | {"protocol": protocol})
    assert table["own"] == (0.5, 0.4)
    assert {method.rstrip("‡") for method, *_ in table["rows"]} == {
        row.method for row in OWN_CLASSES[protocol]
    }
    firsts = [values[0] for _, values, _ in table["rows"]]
    assert firsts == sorted(firsts)


def test_the_leak_is_marked():
    methods = [row[0] for row in other_protocol(METRICS | {"protocol": "au5"})["rows"]]
    assert methods == [LEAKY + "‡"]


def test_holdout_figures_are_those_of_the_tested_data_set():
    table = other_protocol(METRICS | {"protocol": "megc2018-hde"})
    assert table["columns"] == ("SAMM", "CASME II")
    assert table["own"] == (0.6, 0.3)
    assert len(table["rows"]) == len(MEGC2018_HDE)
    one = other_protocol({"protocol": "megc2018-hde", "per_dataset": {"samm": {"UAR": 0.6}}})
    assert one["own"] == (0.6, None)


def test_objective_classes_have_one_column():
    table = other_protocol(METRICS | {"protocol": "objective"})
    assert table["own"] == (0.4,)
    assert all(len(values) == 1 for _, values, _ in table["rows"])


def test_protocols_nobody_published_have_no_table():
    assert other_protocol(METRICS | {"protocol": "samm-5"}) is None
