import warnings
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.events import Gap
from realtime_mer.sinks import elan, rows
from tests.realtime_mer.sinks import makers

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pympi.Elan import Eaf


def _read(analysis, folder: Path) -> Eaf:
    path = folder / "events.eaf"
    path.write_text(elan.render(analysis, rows(analysis), folder), encoding="utf-8")
    return Eaf(str(path))


def _intervals(eaf: Eaf, tier: str) -> list[tuple[int, int, str]]:
    return sorted(tuple(found[:3]) for found in eaf.get_annotation_data_for_tier(tier))


def test_events_and_gaps_survive_the_round_trip(tmp_path):
    events = [
        makers.event(1, 3.0, 3.1, 3.25),
        makers.event(2, 8.0, 8.0501, 8.2004, (0.6, 0.3, 0.1), face_id=1),
    ]
    eaf = _read(makers.analysis(events), tmp_path)
    assert _intervals(eaf, "face0/candidate") == [(3000, 3250, "#1 brow_left+brow_right score 6.4")]
    assert _intervals(eaf, "face1/emotion") == [(8000, 8200, "negative 0.60")]
    assert _intervals(eaf, "face0/apex") == [(3100, 3105, "#1 apex")]
    assert _intervals(eaf, "gaps") == [(10000, 11500, "no face")]


def test_nothing_found_still_opens_with_its_tiers(tmp_path):
    eaf = _read(makers.empty(), tmp_path)
    assert set(eaf.get_tier_names()) == {
        "face0/candidate",
        "face0/apex",
        "face0/emotion",
        "face0/action units",
        "gaps",
    }
    assert not eaf.timeslots


def test_action_units_have_a_tier_with_the_events_that_show_any(tmp_path):
    events = [makers.telling(1), makers.event(2, 8.0, 8.1, 8.2, action_units={"dimple": (0.1, 0)})]
    eaf = _read(makers.analysis(events), tmp_path)
    tier = _intervals(eaf, "face0/action units")
    assert tier == [(3000, 3250, "brow_raise+lip_corner_pull_left")]
    assert _intervals(eaf, "face0/emotion") == [
        (3000, 3250, "surprise 0.62"),
        (8000, 8200, "surprise 0.70"),
    ]


@st.composite
def _crowds(draw):
    moments = st.floats(-1, 20, allow_nan=False)
    lengths = st.floats(0, 0.3)
    return [
        makers.event(
            number, onset := draw(moments), apex := onset + draw(lengths), apex + draw(lengths),
            face_id=draw(st.integers(0, 1)), regions=(draw(st.text(max_size=5)),),
        )
        for number in range(1, draw(st.integers(1, 9)))
    ]  # fmt: skip


@settings(deadline=None)
@given(events=_crowds(), gaps=st.lists(st.tuples(st.floats(-1, 9), st.floats(-1, 9)), max_size=4))
def test_tiers_never_overlap_and_intervals_are_never_empty(events, gaps):
    declared = tuple(Gap(min(pair), max(pair), "cut") for pair in gaps)
    analysis = makers.analysis(events, gaps=declared, signals=None, evidence={})
    tiers = elan.tiers_of(analysis, rows(analysis))
    for tier in tiers.values():
        assert all(0 <= interval.start_ms < interval.end_ms for interval in tier)
        assert all(before.end_ms <= after.start_ms for before, after in pairwise(tier))
    laid = [i for name, tier in tiers.items() if "/candidate" in name for i in tier]
    assert len(laid) == len(events)
    assert sum(len(tier) for name, tier in tiers.items() if name.startswith("gaps")) == len(gaps)


@settings(deadline=None)
@given(text=st.text(max_size=30))
def test_any_text_makes_a_document_that_parses(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    event = makers.event(regions=(text,))
    path = f"/videos/{text.replace('/', '')}.mp4"
    analysis = makers.analysis(
        [event], media=makers.media(path=path), gaps=(Gap(0, 1, text),), signals=None, evidence={}
    )
    eaf = _read(analysis, folder)
    assert len(_intervals(eaf, "face0/candidate")) == 1
    assert eaf.media_descriptors[0]["MEDIA_URL"].startswith("file:///videos/")


def test_media_is_linked_absolutely_and_relatively(tmp_path):
    video = tmp_path / "a b & <c>.mov"
    analysis = makers.analysis(media=makers.media(path=str(video)))
    (tmp_path / "out").mkdir()
    (linked,) = _read(analysis, tmp_path / "out").media_descriptors
    assert linked["MEDIA_URL"] == f"file://{video}"
    assert linked["RELATIVE_MEDIA_URL"] == "../a b & <c>.mov"
    assert linked["MIME_TYPE"] == "video/quicktime"
    assert "TIME_ORIGIN" not in linked


@pytest.mark.parametrize(
    ("suffix", "origin"), [(".mts", "-1400"), (".mpg", "-1400"), (".mp4", None)]
)
def test_time_origin_bridges_players_that_restart_the_clock(tmp_path, suffix, origin):
    analysis = makers.analysis(media=makers.media(path=f"/v/clip{suffix}", start_s=1.4))
    eaf = _read(analysis, tmp_path)
    assert eaf.media_descriptors[0].get("TIME_ORIGIN") == origin
    assert _intervals(eaf, "face0/candidate")[0][:2] == (3000, 3250)
    assert ("mediaStartMs", "1400") in eaf.properties


def test_what_no_player_opens_is_not_linked(tmp_path):
    for path in ("0", str(tmp_path)):
        assert not _read(makers.analysis(media=makers.media(path=path)), tmp_path).media_descriptors


def test_stream_passwords_are_left_out(tmp_path):
    address = "rtsp://user:secret@camera.example/live"
    (linked,) = _read(makers.analysis(media=makers.media(path=address)), tmp_path).media_descriptors
    assert linked["MEDIA_URL"] == "rtsp://camera.example/live"


@pytest.mark.parametrize(("fps", "length"), [(200, 5), (24, 40), (float("nan"), 1), (5000, 1)])
def test_an_apex_lasts_one_frame(tmp_path, fps, length):
    eaf = _read(makers.analysis(media=makers.media(fps=fps)), tmp_path)
    ((start, end, _),) = _intervals(eaf, "face0/apex")
    assert end - start == length
