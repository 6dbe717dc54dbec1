import io
import threading
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from realtime_mer.errors import ConfigError
from realtime_mer.live import preview
from realtime_mer.live.dashboard import View, draw, event_words, link_words, look
from realtime_mer.live.link import Link, LinkState
from realtime_mer.live.updates import Counters, LiveUpdate
from realtime_mer.live.watch import Dashboard, Lines, TerminalGone, Watch, show_for
from realtime_mer.sources import Problem
from tests.realtime_mer.live.scripted import Clock
from tests.realtime_mer.live.stand_in import StandIn, event, face
from tests.realtime_mer.sinks import makers


def view(**changes):
    facts = {
        "name": "camera 0",
        "size": (640, 480),
        "link": Link(LinkState.RUNNING, 0.0),
        "counters": Counters(captured=1200, processed=1190, segments=1, captured_fps=200.0),
        "latency": {
            "signal": (1.5, 2.5, 3.5),
            "provisional": (20.0, 30.0, 40.0),
            "event": (float("nan"),) * 3,
        },
    }
    return View(**(facts | changes))


def shown(what, width=100):
    console = Console(file=io.StringIO(), width=width, height=60)
    console.print(draw(what))
    return console.file.getvalue()


def test_what_a_person_wants_to_know_is_on_it():
    text = shown(
        view(
            wall_s=3723.0,
            faces=(face(), face("turn to the camera", "too dark", face_id=2, share=1.5)),
            recent=(event(1, 3.0), makers.telling(2, 7.0, 7.1, 7.25, face_id=2)),
            found=2,
            notes=("too slow for the source",),
        )
    )
    for part in (
        "camera 0  640×480  1:02:03  running",
        "200.0 fps captured",
        "1190 frames",
        "0 dropped",
        "face 0  well seen",
        "face 2  turn to the camera, too dark",
        "brow left",
        "0.50 % of 1.00 %",
        "1.50 % of 1.00 %",
        "2 candidates",
        "#1 surprise 0.70  3.00–3.20 s, 200 ms, score 6.4, brow left, brow right",
        "#2 surprise 0.62  face 2, 7.00–7.25 s",
        "too slow for the source",
        "no proof of a feeling or a lie",
    ):
        assert part in text, part
    assert [line.split() for line in text.splitlines() if "frame to signal" in line] == [
        ["frame", "to", "signal", "1.5", "2.5", "3.5"]
    ]
    assert [line.split()[-3:] for line in text.splitlines() if "offset to event" in line] == [
        ["–", "–", "–"]
    ]


def test_bars_grow_with_the_excursion_and_stay_within_their_room():
    def length(share):
        line = next(x for x in shown(view(faces=(face(share=share),))).splitlines() if "nose" in x)
        return line.count("█"), len(line.split("%")[0])

    lengths = [length(share) for share in (0.0, 0.2, 0.9, 1.5, 9.0)]
    counts = [count for count, _ in lengths]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert len({width for _, width in lengths}) == 1


def test_nobody_in_view_and_numbers_that_are_none():
    gone = replace(face(), view=None)
    unknown = replace(face(), excursions=np.full(6, np.nan, np.float32))
    assert "no face in view" in shown(view(faces=(gone,)))
    assert "·" * 24 in shown(view(faces=(unknown,)))
    assert "something moves: brow left" in shown(view(recent=(event(1, 2.0).candidate,)))


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_every_width_will_do(width):
    text = shown(view(faces=(face("hold still"),), recent=(event(1, 3.0),)), width)
    assert max(map(len, text.splitlines())) <= width


def test_how_the_link_stands_in_words():
    lost = Link(LinkState.RECONNECTING, 5.0, attempts=2, retry_at_s=14.0, reason="cable\x1b[2J out")
    words = link_words(view(link=lost, now_s=10.0))
    assert words == "reconnecting, try 3 in 4 s: cable\\x1b[2J out"
    assert link_words(view(link=Link(LinkState.ENDED, 1.0, reason="it ended"))) == "ended"


def test_names_cannot_write_to_the_terminal():
    assert "\x1b" not in shown(view(name="a\x1b]0;b\x07", notes=("c\x1bd",)))
    assert "[bold]" in shown(view(name="[bold]x"))


def test_drops_are_told_in_both_kinds():
    text = shown(view(counters=Counters(declared_drops=7, undeclared_drops=1)))
    assert "7 dropped" in text
    assert "1 lost undeclared" in text


# ---- watching --------------------------------------------------------------------------------


def watched(session, out, clock):
    return Watch(session, Lines(out), clock=clock)


def test_lines_tell_each_thing_once():
    session, out, clock = StandIn(), io.StringIO(), Clock(0.0)
    notes = []
    watch = Watch(session, Lines(out), notes=lambda: tuple(notes), clock=clock)
    watch.step()
    watch.take(session.goes_on(1.0, event(1, 0.5)))
    watch.step()
    notes.append("the camera went away")
    session.link = Link(LinkState.STALLED, 2.0, reason="no frame for 2 s")
    watch.step()
    watch.step()
    clock.now_s = 11.0
    watch.step()
    watch.step()
    assert out.getvalue().splitlines() == [
        "camera 0 running",
        event_words(event(1, 0.5)),
        "camera 0 stalled: no frame for 2 s",
        "the camera went away",
        "11 s: 200.0 fps captured, 0.0 processed, 0 dropped, 0 lost undeclared, signal p99 nan ms",
    ]


def test_waiting_to_reconnect_is_one_line_not_a_countdown():
    session, out, clock = StandIn(), io.StringIO(), Clock(0.0)
    session.link = Link(LinkState.RECONNECTING, 0.0, retry_at_s=8.0, reason="lost")
    watch = watched(session, out, clock)
    for _ in range(5):
        clock.now_s += 1
        watch.step()
    assert len(out.getvalue().splitlines()) == 1


def test_a_thread_refreshes_and_the_end_is_shown_too():
    session, out = StandIn(), io.StringIO()
    ticks = []
    ticked = threading.Event()

    def tick(wall_s):
        ticks.append(wall_s)
        ticked.set()

    with Watch(session, Lines(out), on_tick=tick) as watch:
        assert ticked.wait(60)
        watch.take(session.goes_on(1.0, event(1, 0.5)))
    assert event_words(event(1, 0.5)) in out.getvalue()
    assert not [t for t in threading.enumerate() if t.name == "mer-watch"]


class Full(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


def test_a_terminal_that_is_gone_ends_the_session_and_is_told():
    session = StandIn()
    stopped = threading.Event()
    session.stop = stopped.set
    with pytest.raises(TerminalGone, match="No space"), Watch(session, Lines(Full())):
        assert stopped.wait(60)


def test_an_error_of_the_loop_is_not_hidden_by_the_shows():
    session = StandIn()
    stopped = threading.Event()
    session.stop = stopped.set

    def loop():
        with Watch(session, Lines(Full())):
            assert stopped.wait(60)
            raise KeyError("loop")

    with pytest.raises(KeyError):
        loop()


def test_the_dashboard_is_gone_when_it_is_over():
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=50)
    session = StandIn()
    session.pipeline.faces = (face(),)
    with Watch(session, Dashboard(console)) as watch:
        watch.take(session.goes_on(1.0, event(1, 0.5)))
        watch.step()
    text = console.file.getvalue()
    assert "well seen" in text
    assert text.endswith("\x1b[2K")  # the last line taken away again


def test_a_dashboard_only_on_a_terminal():
    terminal = Console(file=io.StringIO(), force_terminal=True)
    assert isinstance(show_for(Console(file=io.StringIO()), plain=False), Lines)
    assert isinstance(show_for(terminal, plain=True), Lines)
    dashboard = show_for(terminal, plain=False)
    assert isinstance(dashboard, Dashboard)
    dashboard.close()


def test_a_look_takes_everything_from_the_session():
    session = StandIn(problems=(Problem("too slow", "too slow"),))
    session.latency.add("signal", 0.002)
    session.goes_on(2.0)
    seen = look(session, wall_s=3.0, now_s=9.0, found=4, notes=("a",))
    assert (seen.name, seen.size, seen.time_s, seen.found) == ("camera 0", (640, 480), 2.0, 4)
    assert seen.latency["signal"][2] == pytest.approx(2.0, rel=0.1)
    session.info = None
    assert look(session, wall_s=0.0, now_s=0.0).name == ""


def test_taking_an_update_costs_next_to_nothing():
    watch = Watch(StandIn(), Lines(io.StringIO()))
    watch.take(LiveUpdate(0.0, 0))
    assert not watch._fresh


# ---- the window ------------------------------------------------------------------------------


def test_without_a_display_the_preview_says_so(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"needs a display.*leave out --preview"):
        preview.Preview()


def test_a_display_that_does_not_answer_is_found_out_without_dying(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":4242")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(ConfigError, match="cannot open a window on this display"):
        preview.Preview()


def test_faces_are_framed_and_told_of():
    picture = np.full((340, 340, 3), 30, np.uint8)
    plain = preview.annotated(picture, (replace(face(), view=None),))
    assert (plain == picture).all()
    calm, moving = (preview.annotated(picture, (face(share=share),)) for share in (0.5, 1.5))
    assert (picture == 30).all()
    assert calm[:, :, 1].max() > 150 > calm[:, :, 2].max()
    assert moving[:, :, 2].max() > 150
    advised = preview.annotated(picture, (face("too dark"),))
    assert (advised != calm).any()
