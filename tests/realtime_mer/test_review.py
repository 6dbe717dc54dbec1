import csv
import io
import warnings
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import ConfigError
from realtime_mer.review import (
    LABELS,
    LONGEST_NOTE,
    NOT_JUDGED,
    REVIEW_COLUMNS,
    Judgement,
    Review,
    Verdict,
    apply,
    read_csv,
    read_elan,
    render_csv,
    render_elan,
)
from realtime_mer.sinks import COLUMNS, csv_sink, rows
from realtime_mer.sinks.summary import summary_of
from tests.realtime_mer.sinks import makers

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pympi = pytest.importorskip("pympi.Elan", reason="pympi reads ELAN files back")

FORMULAS = ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "'=1", "''", "'", "'tis", "＝1")
judgements = st.builds(
    Judgement,
    st.sampled_from(Verdict),
    st.sampled_from((None, *LABELS)),
    st.sampled_from(FORMULAS) | st.text(max_size=40),
)
reviews = st.builds(Review, st.dictionaries(st.integers(1, 3), judgements))


def _three():
    events = [
        makers.event(1, 3.0, 3.1, 3.25),
        makers.event(2, 3.2, 3.3, 3.4, face_id=0),
        makers.event(3, 8.0, 8.1, 8.2, face_id=1),
    ]
    return makers.analysis(events, signals=None, evidence={})


@given(review=reviews)
def test_csv_round_trip(review):
    assert read_csv(render_csv(_three(), review)) == review


@given(review=reviews)
def test_elan_round_trip(review):
    assert read_elan(render_elan(_three(), review, Path("/out"))) == review


@given(review=reviews)
def test_csv_is_events_csv_with_three_columns_more(review):
    analysis = _three()
    table = list(csv.reader(io.StringIO(render_csv(analysis, review))))
    plain = list(csv.reader(io.StringIO(csv_sink.render(rows(analysis)))))
    assert [line[: len(COLUMNS)] for line in table] == plain
    assert tuple(table[0][len(COLUMNS) :]) == ("review", "reviewed_emotion", "note")
    for line in table[1:]:
        assert not line[-1].startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


def test_elan_holds_a_review_tier_that_pympi_reads(tmp_path):
    note = 'raised "left" <b>&</b> brow\n=1+1'
    review = Review().rejected(1).relabelled(2, "positive").accepted(2).noted(2, note)
    path = tmp_path / "reviewed.eaf"
    path.write_text(render_elan(_three(), review, tmp_path), encoding="utf-8")
    eaf = pympi.Eaf(str(path))
    first = sorted(a[:3] for a in eaf.get_annotation_data_for_tier("face0/review"))
    assert first == [(3000, 3250, "#1 rejected")]
    overlapping = sorted(a[:3] for a in eaf.get_annotation_data_for_tier("face0/review/2"))
    said = '#2 accepted → positive: raised "left" <b>&</b> brow =1+1'
    assert overlapping == [(3200, 3400, said)]
    assert [a[2] for a in eaf.get_annotation_data_for_tier("face1/review")] == ["#3 unseen"]
    assert {"face0/candidate", "face0/emotion", "gaps"} <= set(eaf.get_tier_names())


def test_annotation_numbers_count_the_review_too(tmp_path):
    document = ET.fromstring(render_elan(_three(), Review().accepted(1), tmp_path))
    last = document.find("HEADER/PROPERTY[@NAME='lastUsedAnnotationId']")
    numbers = [a.get("ANNOTATION_ID") for a in document.iter("ALIGNABLE_ANNOTATION")]
    assert last.text == str(len(numbers)) == str(len(set(numbers)))


def test_changes_keep_the_rest_of_a_judgement():
    review = Review().noted(2, "lid").relabelled(2, "surprise").accepted(2).rejected(2)
    assert review.of(2) == Judgement(Verdict.REJECTED, "surprise", "lid")
    assert review.of(1) == NOT_JUDGED
    assert review.judged(2, NOT_JUDGED) == Review()


def test_apply_leaves_out_what_was_rejected_and_counts():
    analysis = makers.analysis([makers.event(n, n, n + 0.1, n + 0.2) for n in (1, 2, 3)])
    review = Review().rejected(2).accepted(3).relabelled(3, "none").relabelled(2, "positive")
    done = apply(review, analysis)
    assert [event.event_id for event in done.events] == [1, 3]
    assert set(done.evidence) == {1, 3}
    assert done.summary["review"] == {
        "unseen": 1,
        "accepted": 1,
        "rejected": 1,
        "reviewed_emotion": {"3": "none"},
    }
    assert summary_of(done)["events"] == 2
    assert [e.event_id for e in apply(review, analysis, unseen=False).events] == [3]
    assert len(analysis.events) == 3


def test_a_review_of_another_recording_is_refused(tmp_path):
    strange = Review().accepted(9)
    for use in (
        lambda: apply(strange, _three()),
        lambda: render_csv(_three(), strange),
        lambda: render_elan(_three(), strange, tmp_path),
    ):
        with pytest.raises(ConfigError, match=r"none with the number 9"):
            use()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"emotion": "joy"}, "negative, positive, surprise, none; got 'joy'"),
        ({"verdict": "maybe"}, "unseen, accepted, rejected; got 'maybe'"),
        ({"note": "x" * (LONGEST_NOTE + 1)}, "up to 500 characters, got 501"),
    ],
)
def test_judgements_that_make_no_sense_are_refused(what, message):
    with pytest.raises(ConfigError, match=message):
        Judgement(**what)


def _table(*lines: str) -> str:
    return "\n".join(("event_id,review,reviewed_emotion,note", *lines)) + "\n"


def test_a_table_edited_by_hand_is_read():
    text = "\ufeff" + _table("2, Accepted ,Positive,'tis", "3,,,", "4,rejected,,'=1")
    assert read_csv(text).judgements == {
        2: Judgement(Verdict.ACCEPTED, "positive", "'tis"),
        4: Judgement(Verdict.REJECTED, note="=1"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the columns event_id, review"),
        ("event_id;review\n1;accepted\n", "not a reviewed table"),
        (_table("1,accepted,,", "1,rejected,,"), "line 3: event 1 is there twice"),
        (_table("x,accepted,,"), "line 2: event_id must be a number, got 'x'"),
        (_table("1,yes,,"), "line 2: a review is unseen, accepted, rejected; got 'yes'"),
        (_table("1,accepted,joy,"), "line 2: a candidate can be"),
        (_table('1,accepted,,"open'), "is not CSV"),
        (_table("1"), None),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(text, message):
    if message is None:
        assert read_csv(text) == Review()
        return
    with pytest.raises(ConfigError, match=message):
        read_csv(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<a/>", "no tier faceN/review"),
        ("no xml", "not an ELAN file"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "no document type"),
    ],
)
def test_a_document_that_is_no_review_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        read_elan(text)


def test_an_annotation_that_is_not_understood_is_named(tmp_path):
    text = render_elan(_three(), Review(), tmp_path).replace("#3 unseen", "#3 yes")
    with pytest.raises(ConfigError, match="'#3 yes' in a tier review is not understood"):
        read_elan(text)


def test_columns_of_the_contract_come_first():
    assert REVIEW_COLUMNS[: len(COLUMNS)] == COLUMNS
