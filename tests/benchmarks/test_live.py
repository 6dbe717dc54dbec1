"""The live comparison over a few seconds of the bundled clip."""

from __future__ import annotations

import json

import pytest

from realtime_mer.bench_command import run_benchmark
from tests.benchmarks import live

pytestmark = pytest.mark.slow

FEW = ("--clip", str(live.SAMPLE), "--seconds", "2", "--hour", "4", "--frames", "60")


def test_the_last_line_holds_what_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    run_benchmark("live", True, FEW)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    asked = {"fps", "declared_drops", "undeclared_drops", "rss_mb", "unpaced_fps", "two_faces_fps"}
    stages = {f"{stage}_p99_ms" for stage in ("signal", "event", "provisional")}
    assert asked | stages | {"rss_growth_mb", "events"} <= told.keys()
    assert told["undeclared_drops"] == 0
    assert told["frames"] + told["declared_drops"] == 120
    assert told["fps"] <= 61
    assert told["signal_p99_ms"] > 0
    assert told["hour"]["frames"] == 240
    assert 100 < told["rss_mb"] < 4000


def test_a_face_beside_itself_is_two_faces_of_the_same_picture() -> None:
    with live.open_source(live.SAMPLE) as source:
        frame = next(iter(source))
        (doubled,) = live.beside_itself([frame])
    assert doubled.image_rgb.shape == frame.image_rgb.shape
    assert (doubled.image_rgb[:, :320] == doubled.image_rgb[:, :319:-1]).all()


def test_memory_is_judged_from_when_it_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter((100.0, 300.0, 310.0, 305.0))
    monkeypatch.setattr(live, "resident_mb", lambda: next(seen))
    memory = live.Memory()
    for settled in (False, True, True, True):
        memory.look(settled)
    assert memory.highest_mb == 310.0
    assert memory.growth_mb == 5.0
