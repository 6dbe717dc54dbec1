"""How the live pipeline keeps up: a rendered 640×480 clip of 200 frames/s, replayed at its pace.

First the clip is looped, with journal and dashboard as in `mer live --out`, and every delay from
capture is noted. Then the same frames go through without pace, decoding left out of the clock; then
two faces; at last an hour of the bundled clip is run through at speed to see whether memory rises.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from math import inf
from pathlib import Path

import numpy as np
from rich.console import Console

from offline.synthesis.portrait import Portrait
from offline.synthesis.render import write_clip
from offline.synthesis.sample import sample_clip
from realtime_mer.events import Frame
from realtime_mer.face.quiet import quiet_stderr
from realtime_mer.live import LiveSession, open_live
from realtime_mer.live.account import Ledger
from realtime_mer.live.bounded_signals import BoundedSignals
from realtime_mer.live.evidence_store import EvidenceStore
from realtime_mer.live.journal import Journal
from realtime_mer.live.watch import Dashboard, Watch
from realtime_mer.sources import open_source
from realtime_mer.threads import one_thread_each

SAMPLE = Path(__file__).parents[2] / "realtime_mer" / "data" / "sample.mp4"
RATE = 200.0
SETTLED = 0.1
"""Share of the hour after which memory is first read: buffers are filled by then."""


@dataclass(slots=True)
class Memory:
    """Resident memory of this process, MB: highest seen, and how much it rose since it settled."""

    settled_mb: float = float("nan")
    last_mb: float = float("nan")
    highest_mb: float = 0.0

    def look(self, settled: bool) -> None:
        """Read it now; ``settled`` from the moment on from which it should not rise."""
        self.last_mb = resident_mb()
        self.highest_mb = max(self.highest_mb, self.last_mb)
        if settled and np.isnan(self.settled_mb):
            self.settled_mb = self.last_mb

    @property
    def growth_mb(self) -> float:
        """Rise since it settled."""
        return self.last_mb - self.settled_mb


def resident_mb() -> float:
    """Return the resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def clip(folder: Path | None = None) -> Path:
    """Return the 200 frames/s clip, rendered when it is first asked for (a minute)."""
    spec = replace(sample_clip(), fps=RATE, preset="veryfast", gop=200)
    name = sha256(repr(spec).encode()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = folder or Path(cache, "realtime-mer", "bench")
    path = folder / f"live-{name}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch, quiet_stderr():
            write_clip(spec, Portrait.astronaut(), Path(scratch, "clip.mp4"))
            Path(scratch, "clip.mp4").replace(path)
    return path


def run(session: LiveSession, stack: ExitStack, out: Path, length_s: float) -> dict[str, object]:
    """Go through a session with everything that `mer live --out` does; return its figures."""
    ledger = Ledger()
    journal = stack.enter_context(Journal(out, ledger))
    watch = Watch(session, Dashboard(Console(file=io.StringIO(), force_terminal=True, width=100)))
    memory = Memory()
    begin_s = looked_s = time.monotonic()
    first_s: float | None = None
    last_s = begin_s
    with watch, session:
        for update in session.updates():
            last_s = time.monotonic()
            if first_s is None and session.latest is not None:
                first_s, begin_s = update.time_s, session.latest.captured_s
            ledger.take(update)
            watch.take(update)
            journal.take(session, update)
            if last_s - looked_s >= 1:
                looked_s = last_s
                memory.look(first_s is not None and update.time_s - first_s >= SETTLED * length_s)
    journal.finish(session)
    memory.look(settled=True)
    counters, latency = session.counters, session.latency
    figures: dict[str, object] = {
        "fps": (counters.processed - 1) / max(last_s - begin_s, 1e-9),
        "frames": counters.processed,
        "declared_drops": counters.declared_drops,
        "undeclared_drops": counters.undeclared_drops,
        "events": len(ledger.events),
        "rss_mb": memory.highest_mb,
        "rss_growth_mb": memory.growth_mb,
    }
    for stage in ("signal", "event", "provisional"):
        for percent in (50, 95, 99):
            figures[f"{stage}_p{percent}_ms"] = latency.percentile_ms(stage, percent)
    figures |= {"mesh_runs": session.pipeline.mesh_runs}
    figures |= {"stages": session.pipeline.latency.table()}
    return figures


def live_run(path: Path, length_s: float, speed: float = 1.0) -> dict[str, object]:
    """Replay a clip over and over for so many seconds of media."""
    with ExitStack() as stack:
        out = Path(stack.enter_context(tempfile.TemporaryDirectory()), "out")
        session = open_live(
            path,
            speed=speed,
            loop=True,
            duration_s=length_s,
            evidence=stack.enter_context(EvidenceStore(out.parent)),
            recorder=BoundedSignals,
        )
        stack.enter_context(closing(session.pipeline))
        return run(session, stack, out, length_s)


def unpaced_fps(path: Path, frames: int, faces: int = 1) -> float:
    """Return how many decoded frames a second the pipeline takes in."""
    session = open_live(path, faces=faces)
    with closing(session.pipeline) as pipeline, open_source(path) as source, one_thread_each():
        pictures: Iterable[Frame] = islice(source, frames)
        spent_s, count = 0.0, 0
        for frame in pictures if faces == 1 else beside_itself(pictures):
            begin_s = time.perf_counter()
            pipeline.step(frame)
            spent_s += time.perf_counter() - begin_s
            count += 1
    return count / spent_s


def beside_itself(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Yield frames of the same size with the face twice in them, once mirrored."""
    for frame in frames:
        width = frame.image_rgb.shape[1]
        half = frame.image_rgb[:, width // 4 : width // 4 + width // 2]
        yield replace(frame, image_rgb=np.ascontiguousarray(np.hstack([half, half[:, ::-1]])))


def main(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Measure; see ``--help``."""
    parser = argparse.ArgumentParser(prog="mer bench live", description=__doc__)
    parser.add_argument("--clip", type=Path, help="video to replay instead of the rendered one")
    parser.add_argument("--seconds", type=float, default=300.0, help="length of the paced replay")
    parser.add_argument(
        "--hour", type=float, default=3600.0, help="media seconds run at speed; 0 leaves it out"
    )
    parser.add_argument("--frames", type=int, default=1500, help="frames of the unpaced runs")
    given = parser.parse_args(list(arguments))
    path = given.clip or clip()
    paced = live_run(path, given.seconds)
    figures: dict[str, object] = {
        "clip": path.name,
        "seconds": given.seconds,
        **{key: value for key, value in paced.items() if key != "rss_growth_mb"},
        "unpaced_fps": unpaced_fps(path, given.frames),
        "two_faces_fps": unpaced_fps(path, given.frames, faces=2),
    }
    if given.hour:
        hour = live_run(SAMPLE, given.hour, speed=inf)
        figures |= {
            "rss_growth_mb": hour["rss_growth_mb"],
            "hour": {name: hour[name] for name in ("frames", "fps", "events", "rss_mb")},
        }
    return figures
