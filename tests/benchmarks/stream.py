"""How fast the stream runs on a 640×480 H.264 file, decoding included, beside the mesh alone.

Both read the same frames of the same clip in the same process, in turns, so that what else the
machine does hits both alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from realtime_mer.analysis import analyze_source
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.face.quiet import quiet_stderr
from realtime_mer.sources import Prefetch, open_source

SAMPLE = Path(__file__).parents[2] / "realtime_mer" / "data" / "sample.mp4"


def stream_fps(path: Path) -> tuple[float, dict[str, dict[str, float]]]:
    """Return frames a second of a whole analysis, and its latency book."""
    with open_source(path) as source:
        analysis = analyze_source(source)
    stages = analysis.summary["stages"]
    assert isinstance(stages, dict)
    wall_s = analysis.summary["wall_s"]
    assert isinstance(wall_s, float)
    return analysis.media.frames / wall_s, stages


def mesh_fps(path: Path) -> float:
    """Return frames a second of decoding and running the mesh on every frame."""
    count = 0
    with MediaPipeMesh() as mesh, open_source(path) as source, Prefetch(source) as frames:
        for frame in islice(frames, 1):  # opening the graph is not the mesh
            with quiet_stderr():
                mesh.detect(frame.image_rgb)
        begin = time.perf_counter()
        for frame in frames:
            mesh.detect(frame.image_rgb)
            count += 1
        return count / (time.perf_counter() - begin)


def main(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Measure; see ``--help``."""
    parser = argparse.ArgumentParser(prog="mer bench stream", description=__doc__)
    parser.add_argument("--clip", type=Path, default=SAMPLE, help="video to read")
    parser.add_argument("--rounds", type=int, default=5, help="times each is measured")
    given = parser.parse_args(list(arguments))
    stream_fps(given.clip)  # compiles the kernels
    ours, mesh = [], []
    stages: dict[str, dict[str, float]] = {}
    for _ in range(given.rounds):
        fps, stages = stream_fps(given.clip)
        ours.append(fps)
        mesh.append(mesh_fps(given.clip))
    frame = stages["frame"]
    return {
        "clip": given.clip.name,
        "fps": statistics.median(ours),
        "fps_worst": min(ours),
        "mesh_only_fps": statistics.median(mesh),
        "p50_ms": frame["p50_ms"],
        "p95_ms": frame["p95_ms"],
        "p99_ms": frame["p99_ms"],
        "stages": stages,
    }
