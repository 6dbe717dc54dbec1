import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.events import Evidence, Gap, Signals
from realtime_mer.face.topology import REGIONS
from tests.realtime_mer.sinks import makers
from tests.realtime_mer.sinks.page import page_of, sha256, unpack

HOSTILE = [
    '</script><script>alert(1)</script>.mp4',
    '"><img src=x onerror=alert(1)>.mp4',
    "<!--<script>.mp4",
    "{{ 7 * 7 }}{% raw %}.mp4",
    "' onmouseover='alert(1)",
    "clip\udcff\u202e\x00.mp4",
]  # fmt: skip


def _csp(page) -> dict[str, str]:
    (policy,) = (
        m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"
    )
    return {part.split()[0]: part.strip().partition(" ")[2] for part in policy.split("; ")}


def test_the_page_asks_the_network_for_nothing():
    page = page_of(makers.analysis())
    assert page.addresses()
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in page.addresses())
    assert not re.search(r"https?:|//[a-z]", page.source.replace("base64,//", ""), re.IGNORECASE)
    assert not page.all("link") + page.all("iframe") + page.all("object")


def test_its_policy_allows_only_its_own_style_and_script():
    page = page_of(makers.analysis())
    policy = _csp(page)
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    assert policy["style-src"] == f"'{sha256(page.style)}'"
    assert policy["script-src"] == f"'{sha256(page.scripts['text/javascript'])}'"
    inline = [key for _, found in page.elements for key in found if re.match("on|style$", key)]
    assert inline == []


def test_an_event_shows_pictures_times_and_probabilities():
    page = page_of(makers.analysis([makers.event(4, 3.0, 3.1, 3.25, (0.12, 0.2, 0.68))]))
    (card,) = page.all("article")
    assert card["id"] == "event-4"
    assert [picture["alt"] for picture in page.all("img")] == [
        "Face at onset, candidate 4",
        "Face at apex, candidate 4",
        "Face at offset, candidate 4",
        "What changed from onset to apex, candidate 4",
    ]
    for words in (
        "00:03.100",
        "frame 620",
        "250 ms",
        "left brow, right brow",
        "Most like surprise",
    ):
        assert words in page.said()
    for bar in (("negative", "12.0%"), ("positive", "20.0%"), ("surprise", "68.0%")):
        assert [found["width"] for found in page.all("rect", class_=bar[0]) if "rx" in found] == [
            bar[1]
        ]
    assert "6.4 × noise" in page.said()


def test_a_model_that_tells_no_more_shows_no_more():
    page = page_of(makers.analysis())
    for words in ("none of these", "action unit", "AU "):
        assert words not in page.said()
    assert not page.all("ul", class_="units")


def test_action_units_are_drawn_for_both_sides_of_the_face():
    page = page_of(makers.analysis([makers.telling()]))
    assert "Moves as in brow raise , left lip corner pull The model’s reading" in page.said()
    assert "lid tighten AU 6+7" in page.said()
    assert len(page.all("li", class_="shown")) == 2
    both = [svg["aria-label"] for svg in page.all("svg", role="img") if "id" not in svg]
    assert len(both) == 10
    assert both[0] == "right 93 %, left 88 %"
    right, left, *_ = [bar for bar in page.all("rect", class_="count") if bar.get("height") == "8"]
    assert (right["x"], right["width"]) == ("3.5%", "46.5%")
    assert (left["x"], left["width"]) == ("50%", "44.0%")
    still = makers.telling(action_units={"dimple": (0.1, float("nan"))})
    said = page_of(makers.analysis([still])).said()
    assert "No action unit stands out" in said
    assert "nan" not in re.findall(r"[a-z]+", said.lower())


def test_none_of_these_is_said_in_words_and_shares_the_whole_with_the_three():
    page = page_of(makers.analysis([makers.telling(p_none=0.8), makers.event(2, 8.0, 8.1, 8.2)]))
    said = page.said()
    assert "Looks like none of these" in said
    assert "1 surprise, 1 none of these" in said
    assert "#1 none of these, apex at" in said
    assert "negative 2 % positive 4 % surprise 14 % none of these 80 %" in said
    assert [bar["width"] for bar in page.all("rect", class_="none") if "rx" in bar] == ["80.0%"]
    assert said.count("Most like surprise") == 1


def test_without_a_clear_class_it_says_so():
    page = page_of(makers.analysis([makers.event(probabilities=(0.4, 0.3, 0.3))]))
    assert "No class stands out" in page.said()
    assert "Most like" not in page.said()


def test_the_page_says_how_often_it_alarms_and_what_it_is_not():
    said = page_of(makers.analysis()).said()
    assert "Alarms per minute 2.1 candidates per minute of followed face" in said
    assert "This recording gave 2.1 alarms per minute" in said
    for words in ("Limits of use", "No sign of lying", "Not a felt emotion", "synthetic"):
        assert words in said


def test_rejections_gaps_notes_and_details_are_listed():
    summary = {
        "rejected": {"blink": 9, "slow_expression": 2, "none of these": 0},
        "notes": ["The file breaks off at 00:12.000."],
        "versions": {"numpy": "1.26.4"},
        "trained_on": "Synthetic flow of 12 action units.",
    }
    said = page_of(makers.analysis(summary=summary)).said()
    for words in ("blink 9", "slow expression 2", "00:10.000 00:11.500 no face", "numpy 1.26.4"):
        assert words in said
    assert "The file breaks off at 00:12.000." in said
    assert "Synthetic flow of 12 action units." in said
    assert "none of these" not in said


def test_settings_and_stages_can_be_unfolded():
    summary = {
        "settings": {"spotter": {"smooth_s": 0.022, "names": ["a", "b"]}, "deep": {"x": {"y": 1}}},
        "stages": {"face": {"count": 600, "total_s": 3.25}},
        "mesh_runs": 49,
        "seeds": {},
        "model": "flow@12ab",
        "interrupted": True,
    }
    page = page_of(makers.analysis((), summary=summary))
    assert len(page.all("details")) == 2
    said = page.said()
    for words in (
        "mesh runs 49",
        "spotter · smooth s 0.022",
        "spotter · names a, b",
        "deep · x y 1",
        "face count 600, total s 3.25",
        "model flow@12ab on an unnamed engine",
        "The analysis was stopped early.",
    ):
        assert words in said


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_stay_text(name):
    event = makers.event(model=name, engine=name, regions=(name, "nose"))
    analysis = makers.analysis(
        [event],
        media=makers.media(name=name, codec=name),
        gaps=(Gap(1, 2, name),),
        summary={"rejected": {name: 3}, "notes": [name], name: name, "trained_on": name},
        signals=makers.signals(regions=(name, "nose")),
    )
    harmless, page = page_of(makers.analysis()), page_of(analysis)
    page.source.encode("utf-8")
    assert len(page.all("script")) == len(harmless.all("script")) == 2
    assert len(page.all("img")) == len(harmless.all("img")) == 4
    assert not [key for _, found in page.elements for key in found if key.startswith("on")]
    assert page.data()["events"] == [[1, 3.0, 3.1, 3.25]]
    assert name.startswith("{{") <= (name in page.said())


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=80))
def test_any_name_leaves_the_page_whole(name):
    page = page_of(makers.analysis((), media=makers.media(name=name), signals=NO_SIGNALS))
    assert len(page.all("h1")) == 1
    page.source.encode("utf-8")


NOTHING = np.zeros((0, 6), np.float32)
NO_SIGNALS = Signals(np.zeros(0), NOTHING, NOTHING, REGIONS)
_BLIND = np.full((50, 6), np.nan, np.float32)
BLIND = Signals(np.arange(50) / 25, _BLIND, _BLIND, REGIONS)


@pytest.mark.parametrize("signals", [NO_SIGNALS, BLIND])
def test_nothing_seen_makes_a_sensible_page(signals):
    page = page_of(makers.empty(signals=signals))
    assert "No candidates found." in page.said()
    assert "No face was followed" in page.said()
    assert not page.all("script")
    assert "nan" not in re.findall(r"[a-z]+", page.said().lower())


def test_one_frame_and_flat_signals_draw():
    one = Signals(
        np.array([0.5]), np.zeros((1, 6), np.float32), np.zeros((1, 6), np.float32), REGIONS
    )
    page = page_of(makers.empty(signals=one, media=makers.media(frames=1, duration_s=0.0)))
    assert page.data()["overview"]["n"] == 1
    assert "nan" not in page.source.partition("</style>")[2].lower().replace("nanny", "")


def test_an_event_without_pictures_keeps_its_card():
    broken = Evidence(b"", b"GIF89a", b"<svg onload=alert(1)>", makers.jpeg())
    page = page_of(makers.analysis([makers.event(1), makers.event(2)], evidence={2: broken}))
    assert len(page.all("article")) == 2
    assert len(page.all("img")) == 1
    assert page.said().count("no picture") == 7


def test_signals_reach_the_script_unharmed():
    analysis = makers.analysis(signals=makers.signals([makers.event()], fps=100.0))
    data = page_of(analysis).data()
    values = unpack(data["overview"], "lo", 6)
    assert data["overview"]["n"] == 3000
    assert "hi" not in data["overview"]
    np.testing.assert_allclose(values, analysis.signals.displacement_iod.T, atol=5.1e-5)
    assert data["windows"] == []


def test_time_marks_lie_where_the_events_are():
    page = page_of(makers.analysis([makers.event(1, 15.0, 15.1, 15.2)]))
    (span,) = page.all("rect", class_="span")
    assert float(span["x"].rstrip("%")) == pytest.approx(50, abs=0.01)
    assert float(span["width"].rstrip("%")) == pytest.approx(100 * 0.2 / 30, abs=0.001)
    (gap,) = page.all("g", class_="gap")
    assert (gap["data-a"], gap["data-b"]) == ("10.0", "11.5")


def test_lanes_are_readable_without_the_script():
    page = page_of(makers.analysis())
    bands = page.all("path", class_="band")
    assert len(bands) == len(page.all("path", class_="threshold")) == 6
    assert all(band["d"].startswith("M") and band["d"].count("L") > 100 for band in bands)
    assert all(region in page.said() for region in ("left brow", "right cheek", "mouth"))
    assert [found for found in page.all("button") if "hidden" not in found] == page.all("button")[
        :3
    ]
    assert "hidden" in page.all("div", id="controls")[0]


def test_an_hour_at_200_frames_per_second_stays_below_3_mb():
    events = [makers.event(n + 1, 60 * n + 3.0, 60 * n + 3.1, 60 * n + 3.25) for n in range(60)]
    signals = makers.signals(events, duration_s=3600.0)
    heavy = makers.evidence(smooth=64)
    assert 60 * sum(map(len, (heavy.onset, heavy.apex, heavy.offset, heavy.residual))) > 6e6
    analysis = makers.analysis(
        events,
        signals=signals,
        evidence={one.event_id: heavy for one in events},
        media=makers.media(duration_s=3600.0, frames=len(signals.time_s)),
    )
    page = page_of(analysis)
    assert 1e6 < len(page.source.encode()) < 3e6
    assert len(page.all("img")) == 240
    data = page.data()
    assert len(data["windows"]) == 60
    assert all(300 <= window["n"] <= 340 for window in data["windows"])
    for event, window in zip(events, data["windows"], strict=True):
        peak = np.nanmax(unpack(window, "hi" if "hi" in window else "lo", 6)[0])
        assert peak == pytest.approx(event.candidate.amplitude_iod, rel=0.4)


def test_a_replaced_fact_changes_only_its_place():
    before = page_of(makers.analysis()).said()
    after = page_of(replace(makers.analysis(), media=makers.media(name="other.mp4"))).said()
    assert before.replace("interview.mp4", "other.mp4") == after
