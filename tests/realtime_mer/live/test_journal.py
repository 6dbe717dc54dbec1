import json
import os
import signal
import subprocess
import sys
import threading
import time
from math import inf
from pathlib import Path

import pytest

from realtime_mer.errors import OutputError
from realtime_mer.live.account import PICTURED, Ledger, filled
from realtime_mer.live.journal import THREAD_NAME, Clerk, Journal, JournalSettings
from realtime_mer.sinks import COLUMNS, FILES
from realtime_mer.sinks.apart import ApartWriter, write_set
from realtime_mer.sources import Problem
from tests.realtime_mer.live.scripted import Clock
from tests.realtime_mer.live.stand_in import StandIn, event
from tests.realtime_mer.sinks import makers

PATIENCE_S = 60


def ids(folder):
    """Event numbers of the table on disk."""
    header, *lines = (folder / "events.csv").read_text("utf-8").splitlines()
    assert header == ",".join(COLUMNS)
    return [int(line.split(",")[0]) for line in lines]


class Sets:
    """Notes when a set was written, and takes its time for it."""

    def __init__(self, clock, takes_s=0.0):
        self.clock, self.takes_s = clock, takes_s
        self.moments, self.events = [], []
        self.error = None

    def __call__(self, analysis, folder):
        self.moments.append(self.clock.now_s)
        self.clock.now_s += self.takes_s
        if self.error is not None:
            raise self.error
        self.events.append(len(analysis.events))


class Desk:
    """A clerk with a clock and a session, without a thread."""

    def __init__(self, folder, takes_s=0.0):
        self.clock = Clock(0.0)
        self.sets = Sets(self.clock, takes_s)
        self.folder = folder
        self.clerk = Clerk(folder, JournalSettings(), self.sets, self.clock)
        self.session, self.ledger = StandIn(), Ledger(clock=self.clock)

    def frame(self, *events):
        self.ledger.take(self.session.goes_on(self.clock.now_s, *events))
        for one in events:
            self.clerk.give_event(one)
        account = self.ledger.account(self.session)
        self.clerk.give_account(lambda: filled(account, self.session), news=bool(events))

    def until(self, end_s, step_s=0.05):
        while self.clock.now_s < end_s:
            self.clerk.step()
            self.clock.now_s += step_s


def test_the_table_is_there_from_the_first_moment(tmp_path):
    desk = Desk(tmp_path / "new")
    desk.clerk.step()
    assert ids(tmp_path / "new") == []


def test_an_event_is_in_the_table_within_a_second_however_slow_the_rest_is(tmp_path):
    desk = Desk(tmp_path, takes_s=0.4)
    for number in range(1, 40):
        desk.clock.now_s = max(desk.clock.now_s, 0.25 * number)
        due_s = desk.clock.now_s
        desk.frame(event(number, due_s))
        while number not in ids_or_none(tmp_path):
            desk.clerk.step()
            desk.clock.now_s += 0.05
        assert desk.clock.now_s - due_s <= 1.0
    assert ids(tmp_path) == list(range(1, 40))


def ids_or_none(folder):
    return ids(folder) if (folder / "events.csv").exists() else []


def test_the_table_is_ordered_by_onset(tmp_path):
    desk = Desk(tmp_path)
    desk.frame(event(1, 5.0), event(2, 4.0))
    desk.until(1.0)
    desk.frame(event(3, 4.5))
    desk.until(2.0)
    assert ids(tmp_path) == [2, 3, 1]


@pytest.mark.parametrize("takes_s", [0.02, 0.5, 3.0])
def test_making_pages_takes_no_more_than_a_tenth_of_the_time(tmp_path, takes_s):
    desk = Desk(tmp_path, takes_s)
    number = 0
    while desk.clock.now_s < 200:
        number += 1
        desk.frame(event(number, desk.clock.now_s))
        desk.until(desk.clock.now_s + 0.5, 0.1)
    spent_s = takes_s * len(desk.sets.moments)
    assert spent_s <= 0.11 * desk.clock.now_s + takes_s
    gaps_s = [b - a for a, b in zip(desk.sets.moments, desk.sets.moments[1:], strict=False)]
    assert min(gaps_s) >= max(1.0, 10 * takes_s)
    assert max(gaps_s) <= max(1.0, 10 * takes_s) + takes_s + 0.7


def test_where_nothing_happens_little_is_written(tmp_path):
    desk = Desk(tmp_path)
    desk.frame(event(1, 0.0))
    while desk.clock.now_s < 60:
        desk.until(desk.clock.now_s + 0.5)
        desk.frame()
    assert 5 <= len(desk.sets.moments) <= 8
    desk.clock.now_s += 20
    desk.clerk.step()
    assert desk.clerk.step() == inf  # nothing new at all: nothing to wait for


def test_a_failure_that_may_pass_is_told_and_tried_again(tmp_path):
    desk = Desk(tmp_path)
    desk.sets.error = OutputError("cannot write: the disk is full; free some space")
    desk.frame(event(1, 0.0))
    desk.until(5.0)
    assert "disk is full" in desk.clerk.trouble
    assert 2 <= len(desk.sets.moments) <= 4
    assert ids(tmp_path) == [1]
    desk.sets.error = None
    desk.until(10.0)
    assert desk.clerk.trouble == ""
    assert desk.sets.events[-1] == 1


def test_a_table_that_cannot_be_written_is_tried_again(tmp_path):
    desk = Desk(tmp_path / "place")
    (tmp_path / "place").touch()
    desk.frame(event(1, 0.0))
    desk.clerk.step()
    assert "cannot write" in desk.clerk.trouble
    (tmp_path / "place").unlink()
    desk.until(5.0)
    assert ids(tmp_path / "place") == [1]
    assert desk.clerk.trouble == ""


# ---- the thread ------------------------------------------------------------------------------


def drive(journal, ledger, session, moments, found=None):
    for time_s in moments:
        update = session.goes_on(time_s, *(found or {}).get(time_s, ()))
        ledger.take(update)
        journal.take(session, update)


def wait_for(condition):
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s
        threading.Event().wait(0.02)


@pytest.fixture(autouse=True)
def _no_writer_left_behind():
    yield
    assert not [t for t in threading.enumerate() if t.name == THREAD_NAME]


def test_all_files_grow_while_it_goes_on_and_are_whole_at_the_end(tmp_path):
    session, ledger = StandIn(), Ledger({"settings": {"live": {"faces": 1}}})
    folder = tmp_path / "camera0"
    with Journal(folder, ledger) as journal:
        assert not folder.exists()  # nothing seen, nothing written
        drive(journal, ledger, session, (1.0, 2.0), {2.0: (event(1, 1.5),)})
        wait_for(lambda: all((folder / name).exists() for name in FILES))
        wait_for(lambda: ids(folder) == [1])
        wait_for(lambda: json.loads((folder / "summary.json").read_text())["events"] == 1)
        assert journal.trouble == ""
        wait_for(lambda: "data:image/jpeg" in (folder / "report.html").read_text())
        session.problems = (Problem("camera lost", "the camera went away"),)
        drive(journal, ledger, session, (3.0,), {3.0: (event(2, 2.5),)})
        analysis = journal.finish(session, interrupted=True)
    assert [one.event_id for one in analysis.events] == [1, 2]
    assert ids(folder) == [1, 2]
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["interrupted"] is True
    assert summary["problems"] == ["the camera went away"]
    assert summary["settings"] == {"live": {"faces": 1}}
    assert summary["frames"] == 601
    assert summary["duration_s"] == pytest.approx(2.0)
    assert summary["live"]["state"] == "running"
    assert "python" in summary["versions"]


def test_a_fault_of_the_writer_reaches_the_session(tmp_path):
    session, ledger = StandIn(), Ledger()

    def broken(analysis, folder):
        raise ZeroDivisionError("a fault of ours")

    with Journal(tmp_path, ledger, write_set=broken) as journal:
        drive(journal, ledger, session, (1.0,))
        wait_for(lambda: journal._error is not None)
        with pytest.raises(ZeroDivisionError, match="a fault of ours"):
            drive(journal, ledger, session, (2.0,))
        with pytest.raises(ZeroDivisionError):
            journal.finish(session)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)  # yet all is written


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        Journal(tmp_path / "file", Ledger())


def test_pictures_of_the_highest_scores_only():
    session, ledger = StandIn(), Ledger()
    many = [event(number, float(number)) for number in range(1, PICTURED + 20)]
    ledger.take(session.goes_on(1.0, *many))
    told = filled(ledger.account(session), session)
    assert len(told.events) == len(many)
    assert len(told.evidence) == PICTURED


# ---- the child process -----------------------------------------------------------------------


def analysis_of(*events):
    session, ledger = StandIn(), Ledger()
    ledger.take(session.goes_on(1.0, *events))
    return filled(ledger.account(session), session)


def test_the_child_writes_what_would_be_written_here(tmp_path):
    analysis = analysis_of(event(1, 0.2), event(2, 0.6))
    here, there = tmp_path / "here", tmp_path / "there"
    write_set(analysis, here)
    writer = ApartWriter()
    writer(analysis, there)
    writer(analysis, there)
    writer.close()
    names = sorted(set(FILES) - {"events.csv"})
    assert sorted(path.name for path in there.iterdir()) == names
    for name in ("events.vtt", "summary.json", "report.html"):
        assert (here / name).read_bytes() == (there / name).read_bytes()


def test_what_goes_wrong_in_the_child_is_told_here(tmp_path):
    writer = ApartWriter()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        writer(analysis_of(), tmp_path / "file")
    bad = analysis_of(makers.event(1, probabilities=(0.5, 0.5)))
    with pytest.raises(RuntimeError, match="ValueError while writing"):
        writer(bad, tmp_path)
    writer(analysis_of(), tmp_path / "well")
    writer.close()
    assert (tmp_path / "well" / "report.html").exists()


def test_a_child_that_was_killed_is_started_again(tmp_path):
    writer = ApartWriter()
    writer(analysis_of(), tmp_path)
    os.kill(writer._child.pid, signal.SIGKILL)
    with pytest.raises(OutputError, match="started again"):
        writer(analysis_of(), tmp_path)
    writer(analysis_of(), tmp_path)
    writer.close()
    writer.close()


def test_the_child_ends_with_its_parent(tmp_path):
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.realtime_mer.live.test_journal import analysis_of\n"
        "from realtime_mer.sinks.apart import ApartWriter\n"
        "writer = ApartWriter()\n"
        f"writer(analysis_of(), Path({str(tmp_path)!r}))\n"
        "print(writer._child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    wait_for(lambda: not alive(child))


def alive(process):
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
        return stat.rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
