"""Train the bundled recogniser from synthetic flow and write its model package.

``mer train default --out DIR --seed 0`` repeats the bundled model. Maps and networks are kept in
a folder beside the package while the work goes on, so a stopped run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from engines import Package
from offline.calibration import best_temperature
from offline.default_package import GENERATOR, write_default
from offline.fitting import FitJob, FitSettings
from offline.models.flow_cnn import Deployed
from offline.synthesis.aligned_faces import draw_faces
from offline.synthesis.conditions import Conditions
from offline.synthesis.flow_maps import Maps, draw_maps
from offline.synthesis.portrait import Portrait
from offline.worker_life import end_with_parent
from realtime_mer.errors import ConfigError

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How the default recogniser is trained; everything here is written into its card.

    Attributes
    ----------
    seed
        Of the faces, the maps and the networks.
    faces, maps
        Synthetic faces, and training maps drawn on them.
    held_out_faces, held_out
        Faces that training never shows, and maps on them: they set the temperature and give the
        card's figures, half each.
    members
        Convolutional networks in the ensemble. More is steadier and slower: each costs about
        0.1 ms an event.
    linear
        Share of the linear member in the averaged logits, 0 for none.
    prior
        How much of the class balance among published micro-expressions (``PUBLISHED``) is
        believed: 0 holds all classes equally likely, 1 takes the balance as it is.
    fit
        How each network is fitted.
    """

    seed: int = 0
    faces: int = 300
    maps: int = 40000
    held_out_faces: int = 75
    held_out: int = 4000
    members: int = 5
    linear: float = 0.2
    prior: float = 0.5
    fit: FitSettings = field(default_factory=FitSettings)

    def __post_init__(self) -> None:
        if self.members < 1 or not 0 <= self.linear < 1:
            raise ConfigError(
                f"members is {self.members} and linear {self.linear}; give at least one member, "
                "and a share from 0 to below 1"
            )


def train_default(
    out_dir: Path,
    settings: TrainSettings | None = None,
    conditions: Conditions | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Package:
    """Train the default recogniser and write its package into ``out_dir``.

    Under an hour on two cores. The same settings on the same machine and versions give the same
    weights, whatever the number of processes.

    Parameters
    ----------
    out_dir
        Folder of the package. Unfinished work lies in ``out_dir/.unfinished-…`` and is taken up
        again by the next call with equal settings; it is removed at the end.
    processes
        One for each core by default.
    """
    settings, conditions = settings or TrainSettings(), conditions or Conditions()
    processes = processes or os.cpu_count() or 1
    tell = progress or _silent
    work = out_dir / f".unfinished-{_digest(settings, conditions)}"
    work.mkdir(parents=True, exist_ok=True)
    held_out = _draw_once(work / "held_out.npz", settings, conditions, processes, tell)
    _draw_once(work / "maps.npz", settings, conditions, processes, tell)
    deployed = _deployed(_fit_all(work, settings, processes, tell), settings)
    half = len(held_out) // 2
    deployed.temperature = _temperature(deployed, held_out.part(slice(half)))
    judged = held_out.part(slice(half, None))
    package = write_default(out_dir, deployed, settings, conditions, judged)
    shutil.rmtree(work)
    return package


def _draw_once(
    path: Path, settings: TrainSettings, conditions: Conditions, processes: int, tell: Progress
) -> Maps:
    """Return stored maps, drawn before if need be; training and held-out ones share no face."""
    if path.exists():
        return Maps.load(path)
    training = path.stem == "maps"
    kind = "training" if training else "held-out"
    people = settings.faces if training else settings.held_out_faces
    count = settings.maps if training else settings.held_out
    stream = [settings.seed, 0 if training else 1]
    tell(f"{kind} faces", 0, people)
    faces = draw_faces(people, np.random.default_rng(stream), [Portrait.astronaut()])
    tell(f"{kind} faces", people, people)
    done = 0

    def advance(drawn: int) -> None:
        nonlocal done
        done += drawn
        tell(f"{kind} maps", done, count)

    seed = int(np.random.default_rng(stream).integers(2**31))
    maps = draw_maps(count, faces, seed, conditions, processes, advance)
    maps.save(path)
    return maps


def _fit_all(work: Path, settings: TrainSettings, processes: int, tell: Progress) -> list[FitJob]:
    """Fit the networks that are not there yet, some at a time, and return all jobs."""
    kinds = ["cnn"] * settings.members + ["linear"] * (settings.linear > 0)
    jobs = [
        FitJob(
            work / "maps.npz",
            settings.fit,
            settings.seed * 1000 + number,
            kind,
            work / f"member-{number}.pt",
        )
        for number, kind in enumerate(kinds)
    ]
    missing = [job for job in jobs if not job.weights.exists()]
    done = len(jobs) - len(missing)
    tell("networks", done, len(jobs))
    if missing:
        size = min(processes, len(missing))
        with ProcessPoolExecutor(size, get_context("spawn"), end_with_parent) as pool:
            for _ in pool.map(FitJob.run, missing):
                done += 1
                tell("networks", done, len(jobs))
    return jobs


def _deployed(jobs: list[FitJob], settings: TrainSettings) -> Deployed:
    share = (1 - settings.linear) / settings.members
    shares = [settings.linear if job.kind == "linear" else share for job in jobs]
    net = Deployed([job.network() for job in jobs], settings.prior, shares=shares)
    net.eval()
    return net


def _temperature(net: Deployed, maps: Maps) -> float:
    with torch.no_grad():
        classes, _ = net.logits(torch.from_numpy(maps.flow))
    found = best_temperature(classes.numpy(), maps.labels)
    log.info("temperature %.3f", found)
    return found


def _digest(settings: TrainSettings, conditions: Conditions) -> str:
    made_by = [GENERATOR, torch.__version__, np.__version__]
    text = json.dumps([asdict(settings), asdict(conditions), made_by], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _silent(stage: str, done: int, total: int) -> None:
    log.info("%s: %d of %d", stage, done, total)
