"""The challenges' files: what is written can be read, and says the same."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.spotting.megc_log import (
    LogRow,
    count_log,
    parse_log,
    render_log,
    render_submission,
)
from offline.spotting.megc_spotting import Counts
from realtime_mer.errors import ConfigError, SourceError

span = st.tuples(st.integers(-1, 9999), st.integers(0, 500)).map(lambda s: (s[0], s[0] + s[1]))
video = st.sampled_from(["006_1", "15_0101", "s01_ne_01"])
rows = st.lists(
    st.one_of(
        st.builds(LogRow, video, span, span),
        st.builds(LogRow, video, span, st.none()),
        st.builds(LogRow, video, st.none(), span),
    ),
    max_size=8,
).map(tuple)


@given(st.sampled_from(["samm-lv", "casme-sq", "smic-e"]), rows)
def test_a_log_can_be_read_again(name, written):
    assert parse_log(render_log(name, written)) == (name, written)


@given(rows)
def test_a_log_counts_what_it_says(written):
    text = render_log("samm-lv", written)
    counts = count_log(parse_log(text)[1])
    ends = [line.split()[-1] for line in text.splitlines()[1:]]
    assert counts == Counts(ends.count("TP"), ends.count("FP"), ends.count("FN"))


def test_a_log_looks_as_the_challenge_wants_it():
    text = render_log(
        "casme-sq",
        [
            LogRow("15_0101", (10, 20), (11, 21)),
            LogRow("15_0101", None, (40, 50)),
            LogRow("15_0102", (3, 9), None),
        ],
    )
    assert text.splitlines() == [
        "2",
        "15_0101 10 20 11 21 TP",
        "15_0101 - - 40 50 FP",
        "15_0102 3 9 - - FN",
    ]
    assert render_log("samm-lv", []) == "1\n"
    assert render_log("smic-e", []) == "smic-e\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 2\n",
        "1\n006_1 1 2 3 4\n",
        "1\n006_1 1 2 3 4 FP\n",
        "1\n006_1 1 2 - TP\n",
        "1\n006_1 1 2 x 4 TP\n",
        "1\n006_1 9 2 - - FN\n",
        "1\n006_1 - - - - FN\n",
    ],
)
def test_what_is_no_log_is_refused_in_one_line(text):
    with pytest.raises(SourceError) as caught:
        parse_log(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "006 1", " 006_1"])
def test_a_name_that_no_log_can_hold(name):
    with pytest.raises(ConfigError, match="blanks"):
        LogRow(name, (1, 2), None)


def test_a_submission():
    text = render_submission([("006_1", (10, 20), "micro"), ("006_1", (1, 200), "macro")])
    found = list(csv.DictReader(io.StringIO(text)))
    assert found[0] == {"vid": "006_1", "pred_onset": "10", "pred_offset": "20", "type": "me"}
    assert found[1]["type"] == "mae"
