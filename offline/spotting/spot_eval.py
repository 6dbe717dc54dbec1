"""Score the live stream on a spotting data set: its long videos in, intervals and figures out.

Every video is read from its folder of pictures at its true rate by the same pipeline that
`mer analyze` runs. The spotter is causal and looks for micro-expressions only; macro-expressions
are never reported, and all of them count as missed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from offline.bench.code_version import STREAM, code_version
from offline.bench.evaluation import find_package
from offline.bench.progress import Progress, silent
from offline.bench.row_store import RowStore
from offline.datasets.long_videos import LongVideo, SpottingDataset
from offline.datasets.spotting_registry import open_spotting_dataset
from offline.spotting.judged_videos import Watched
from offline.spotting.spot_results import SpotRun, write_spotting
from offline.spotting.spot_rows import (
    PACKAGES,
    ROWS,
    Detection,
    VideoRow,
    open_rows,
    video_key,
)
from offline.worker_life import end_with_parent
from realtime_mer.analysis import Options, analyze_source
from realtime_mer.doctor import versions
from realtime_mer.errors import ConfigError, SourceError
from realtime_mer.events import Event, Frame
from realtime_mer.recognizer import open_recognizer
from realtime_mer.sinks import check_writable
from realtime_mer.sinks.summary import unseen_s
from realtime_mer.sources import open_source
from realtime_mer.sources.folder import last_number, list_images, natural_order, positions


@dataclass(frozen=True, slots=True)
class SpotEvaluation:
    """What ``evaluate_spotting`` found and wrote.

    Attributes
    ----------
    watched
        Each video with what was found in it, in the order of the data set.
    metrics
        The content of ``metrics.json``.
    files
        File name → path.
    """

    watched: tuple[Watched, ...]
    metrics: dict[str, Any]
    files: dict[str, Path]


def evaluate_spotting(
    dataset: str,
    root: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    model: str | os.PathLike[str] = "default",
    limit: int | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> SpotEvaluation:
    """Run spotter and recogniser over a spotting data set; write intervals, figures and a report.

    What is found is kept video by video in ``out_dir/rows.jsonl``. A run that was stopped goes on
    where it was, and ends with the figures of one that was not.

    Parameters
    ----------
    dataset, root
        Name of the data set, see ``SPOTTING_DATASETS``, and the folder that holds it.
    out_dir
        Made if it is missing.
    model
        Folder of a model package, or the name of a bundled one.
    limit
        Only so many videos, the first by subject and name.
    workers
        Processes at once; they change nothing but the time taken.
    progress
        Called with the number of videos done and in all.

    Raises
    ------
    SourceError
        The data set cannot be read, or not one of its videos.
    ConfigError
        The data set's name is unknown, a number is too small, or a worker died.
    ModelError
        The package or its engine cannot be used.
    OutputError
        ``out_dir`` cannot be written; found out before the work.
    """
    if workers < 1 or (limit is not None and limit < 1):
        raise ConfigError(f"workers is {workers} and limit {limit}: give at least 1")
    started = time.perf_counter()
    out = Path(out_dir)
    check_writable(out)
    data = open_spotting_dataset(dataset, root)
    options = Options(model=find_package(model))
    identity, facts = _identity(options)
    videos = data.videos[:limit]
    with open_rows(out) as store:
        watched = _watch_all(videos, identity, options, workers, store, progress)
    if all(each.row is None for each in watched):
        raise SourceError(
            f"none of the {len(videos)} videos in {root} could be watched; the first: "
            f"{watched[0].reason}"
        )
    run = _run_of(data, identity, facts, limit, workers, time.perf_counter() - started)
    metrics, files = write_spotting(out, watched, run)
    return SpotEvaluation(tuple(watched), metrics, files | {ROWS: out / ROWS})


def spot_video(video: LongVideo, options: Options, key: str = "") -> VideoRow:
    """Watch one video from its folder of pictures, as `mer analyze --fps` does.

    Raises
    ------
    SourceError
        The folder cannot be read, or holds pictures that have no place in its numbering.
    ModelError
        The model package cannot be used.
    """
    started = time.perf_counter()
    numbers, fps = _numbering(video), video.picture_fps
    seen: list[int] = []

    def note(frame: Frame, _: int) -> None:
        seen.append(numbers[round(frame.time_s * fps)])

    with open_source(video.folder, fps=fps) as source:
        analysis = analyze_source(source, options=options, on_frame=note)
        remarks = tuple(str(problem) for problem in source.problems)
    return VideoRow(
        key=key,
        video=video.video_id,
        frames=len(seen),
        unseen_s=round(unseen_s(analysis.gaps, 0.0, video.duration_s), 4),
        wall_s=round(time.perf_counter() - started, 3),
        found=tuple(_detection(event, seen) for event in analysis.events),
        remarks=remarks,
    )


def _numbering(video: LongVideo) -> dict[int, int]:
    """Return place in time → number in the file name, as the folder will be read."""
    names = natural_order(list_images(video.folder, str(video.folder)))
    numbers = tuple(last_number(name) for name in names)
    if numbers != video.numbers:
        odd = len(names) - len(video.numbers)
        raise SourceError(
            f"{odd} pictures in {video.folder} have no number of their own, so nobody can tell "
            "when they were taken; move them elsewhere"
        )
    return dict(zip(positions(names), video.numbers, strict=True))


def _detection(event: Event, seen: Sequence[int]) -> Detection:
    candidate = event.candidate
    return Detection(
        onset=seen[candidate.onset_frame],
        apex=seen[candidate.apex_frame],
        offset=seen[candidate.offset_frame],
        emotion=event.emotion,
        confidence=round(event.confidence, 6),
        p_none=round(event.p_none, 6),
        spot_score=round(candidate.spot_score, 6),
        regions=candidate.regions,
    )


def _watch_all(
    videos: Sequence[LongVideo],
    identity: Mapping[str, Any],
    options: Options,
    workers: int,
    store: RowStore[VideoRow],
    progress: Progress,
) -> list[Watched]:
    """Watch what the store does not have yet; return every video with its row or its reason."""
    keys = [_key_of(video, identity) for video in videos]
    todo = [
        (video, key)
        for video, key in zip(videos, keys, strict=True)
        if key is not None and key not in store.rows
    ]
    reasons: dict[str, str] = {}
    done = len(videos) - len(todo)
    progress(done, len(videos))
    for video, answer in _attempts(todo, options, workers):
        if isinstance(answer, VideoRow):
            store.append(answer)
        else:
            reasons[video.video_id] = answer
        done += 1
        progress(done, len(videos))
    return [
        Watched(
            video,
            store.rows.get(key),
            reasons.get(video.video_id, "" if key else "a picture vanished while it was read"),
        )
        for video, key in zip(videos, keys, strict=True)
    ]


def _key_of(video: LongVideo, identity: Mapping[str, Any]) -> str | None:
    try:
        return video_key(video, identity)
    except OSError:
        return None


def _attempts(
    todo: Sequence[tuple[LongVideo, str]], options: Options, workers: int
) -> Iterator[tuple[LongVideo, VideoRow | str]]:
    """Yield each video with its row, or with the reason why there is none, as they get ready."""
    if workers == 1 or len(todo) < 2:
        for video, key in todo:
            yield video, _attempt(video, options, key)
        return
    size = min(workers, len(todo))
    with ProcessPoolExecutor(size, get_context("spawn"), end_with_parent) as pool:
        futures = {pool.submit(_attempt, video, options, key): video for video, key in todo}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise ConfigError(
                f"one of {workers} workers died, perhaps for want of memory; give fewer --workers "
                "and run it again: it goes on where it was"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _attempt(video: LongVideo, options: Options, key: str) -> VideoRow | str:
    try:
        return spot_video(video, options, key)
    except SourceError as error:
        return str(error)


def _identity(options: Options) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all that decides what is found, and what the model says about itself."""
    recognizer = open_recognizer(options.model, options.engine)
    try:
        identity = {
            "model": recognizer.model,
            "engine": recognizer.engine,
            "spotter": asdict(options.spotter),
            "program": code_version(STREAM),
            "packages": versions(PACKAGES),
        }
        return identity, {"trained_on": recognizer.trained_on}
    finally:
        recognizer.close()


def _run_of(
    data: SpottingDataset,
    identity: Mapping[str, Any],
    facts: Mapping[str, str],
    limit: int | None,
    workers: int,
    wall_s: float,
) -> SpotRun:
    return SpotRun(
        dataset=data.name,
        model=identity["model"],
        engine=identity["engine"],
        settings=identity["spotter"],
        program=identity["program"],
        videos=len(data.videos),
        limit=limit,
        workers=workers,
        wall_s=wall_s,
        problems=data.problems,
        trained_on=facts["trained_on"],
    )
