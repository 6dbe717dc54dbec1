"""The same folds on a Ray cluster: the inputs go there once, outcomes come back as they are ready.

Every node needs the same version of this project; a node with another one is refused, for its
numbers would not belong to the same digest.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from offline.bench.code_version import code_version
from offline.bench.executors import Executor, Work, learnt, parted
from offline.bench.learning import Done, Job, Outcome
from realtime_mer.errors import ConfigError

AHEAD = 2
"""Parts that wait for each core of the cluster, so that none is idle."""
PATIENCE_S = 3.0
"""How long a cluster may take to answer the door."""


def ray_cluster(address: str) -> Executor:
    """Return what learns on a Ray cluster.

    Parameters
    ----------
    address
        As ``ray start`` prints it, ``host:port``; ``auto`` for the one this machine belongs to,
        ``local`` for a new one on this machine alone.

    Raises
    ------
    ConfigError
        Ray is not installed, or there is no cluster at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "--ray needs Ray: pip install 'realtime-mer[cluster]', on every node of the cluster"
        ) from error

    def execute(work: Work, jobs: Sequence[Job], done: Done) -> None:
        own = not ray.is_initialized()
        if own:
            _connect(ray, address)
        try:
            _run(ray, work, jobs, done)
        finally:
            if own:
                ray.shutdown()

    return execute


def _connect(ray: Any, address: str) -> None:
    _reach(address)
    try:
        ray.init(
            address=address, log_to_driver=False, logging_level=logging.ERROR,
            include_dashboard=False if address == "local" else None,
        )  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _unreachable(address, str(error).splitlines()[0]) from error


def _reach(address: str) -> None:
    """Find out in seconds what Ray finds out in minutes: that nobody listens."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE_S).close()
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error)) from error


def _unreachable(address: str, reason: str) -> ConfigError:
    return ConfigError(
        f"no Ray cluster at {address!r}: {reason}; give HOST:PORT as `ray start --head` prints "
        "it, auto, or local"
    )


def _run(ray: Any, work: Work, jobs: Sequence[Job], done: Done) -> None:
    """Keep every core busy, and report each part as soon as it is there."""
    remote = ray.remote(num_cpus=1, max_retries=3)(_learn_there)
    sent = ray.put(work)
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    parts = list(parted(jobs, cores))
    code = code_version()
    waiting: dict[Any, Sequence[Job]] = {}
    while parts or waiting:
        while parts and len(waiting) < AHEAD * cores:
            part = parts.pop(0)
            waiting[remote.remote(sent, part, code)] = part
        ready, _ = ray.wait(list(waiting), num_returns=1)
        for reference in ready:
            part = waiting.pop(reference)
            try:
                outcomes = ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                raise error.cause or error from error
            for job, outcome in zip(part, outcomes, strict=True):
                done(job, outcome)


def _learn_there(work: Work, jobs: Sequence[Job], code: str) -> list[Outcome]:
    """Learn a part on a node."""
    if code_version() != code:
        raise ConfigError(
            f"this node has another version of realtime-mer ({code_version()}) than the one that "
            f"asks ({code}): install the same on every node"
        )
    material = work.material
    own = replace(material, inputs=material.inputs.copy(), targets=material.targets.copy())
    return learnt(replace(work, material=own), jobs)  # what Ray hands out cannot be written
