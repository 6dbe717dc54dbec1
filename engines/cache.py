"""Compiled engines by key, in a folder of the user's own. What does not check is never loaded.

Compiled engines are code, and valid for one runtime, GPU and driver only. So each lies under the
hash of all that it depends on, beside a manifest with its SHA-256, signed with a secret of this
user: what was changed, copied from elsewhere or only half written is refused, and built again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines.backend import EngineError
from engines.spec import PROFILES, BuildSpec
from engines.store import private_folder
from engines.store.folder import StoreFolder
from engines.store.manifest import (
    MANIFEST,
    PLAN,
    Entry,
    Manifest,
    RefusedError,
    good_entry,
    read_manifest,
    read_plan,
    read_whole,
)

__all__ = ["EngineStore", "Entry"]

_log = logging.getLogger(__name__)


class EngineStore:
    """Compiled engines by key. Making one is cheap: the folder is touched by the first call.

    Threads and processes may share a folder, and may die at any time.

    Parameters
    ----------
    folder
        Where the engines lie: ``$MER_ENGINE_CACHE``, ``$XDG_CACHE_HOME/realtime-mer/engines`` or
        ``~/.cache/realtime-mer/engines`` if None. Nobody but the user may read or write it.
    key_folder
        Where the signing secret lies: ``$MER_ENGINE_KEY_DIR``, ``$XDG_CONFIG_HOME/realtime-mer``
        or ``~/.config/realtime-mer`` if None.

    Attributes
    ----------
    refusals
        Why entries were refused since the store was made, oldest first.
    """

    def __init__(self, folder: Path | None = None, key_folder: Path | None = None) -> None:
        self._place = StoreFolder(folder, key_folder)
        self.refusals: list[str] = []

    @property
    def folder(self) -> Path:
        """Where the engines lie; it need not be there yet."""
        return self._place.path

    @property
    def key_folder(self) -> Path:
        """Where the signing secret lies; it need not be there yet."""
        return self._place.key_path

    def put(
        self, spec: BuildSpec, plan: bytes | memoryview, model_name: str, build_s: float
    ) -> Entry:
        """Keep a compiled engine; an older one of the same spec is replaced when all is written.

        Parameters
        ----------
        plan
            What the builder gave.
        build_s
            How long it took, seconds.

        Raises
        ------
        EngineError
            If the disk is full, the folder is not private or cannot be written to, or ``plan``
            is empty. What was there before stays.
        """
        plan = bytes(plan)
        if not plan:
            raise EngineError(f"{model_name}: the builder gave an empty engine")
        self._place.make()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        digest = hashlib.sha256(plan).hexdigest()
        manifest = Manifest(spec, model_name, digest, len(plan), now, float(build_s))
        text = manifest.signed(self._place.secret())
        self._place.add(spec.key, {PLAN: plan, MANIFEST: text})
        return good_entry(manifest)

    def get(self, spec: BuildSpec) -> bytes | None:
        """Return the checked bytes of the engine for ``spec``, or None if it has to be built.

        An entry that does not check is removed; the reason is logged and goes to ``refusals``.

        Raises
        ------
        EngineError
            If the store's folder or the secret is not private or cannot be read.
        """
        if not self._place.has():
            return None
        with contextlib.suppress(RefusedError), self._place.turn(shared=True):
            return self._checked(spec.key)
        with self._place.turn():  # alone now: was it bad, or replaced by somebody else?
            try:
                return self._checked(spec.key)
            except RefusedError as error:
                self._discard(spec.key, str(error))
                return None

    def refuse(self, spec: BuildSpec, reason: str) -> None:
        """Remove the engine for ``spec``, if there is one: it was found unusable.

        Parameters
        ----------
        reason
            Why; it is logged and goes to ``refusals``.
        """
        if self._place.has():
            with self._place.turn():
                if self._place.has(spec.key):
                    self._discard(spec.key, reason)

    def describe(self, spec: BuildSpec) -> Entry | None:
        """Return what is known of the engine for ``spec``, or None; the engine is not read."""
        if not self._place.has():
            return None
        with contextlib.suppress(RefusedError), self._place.turn(shared=True):
            if self._place.has(spec.key):
                return good_entry(read_manifest(self.folder / spec.key, self._place.secret()))
        return None

    def annotate(
        self,
        spec: BuildSpec,
        verification: dict[str, Any] | None = None,
        timings: dict[str, Any] | None = None,
    ) -> Entry:
        """Record how an engine was judged; None keeps what was recorded before.

        Parameters
        ----------
        verification, timings
            Plain JSON, such as ``Agreement.as_dict()``.

        Raises
        ------
        EngineError
            If there is no such engine, it would be refused, or it cannot be written to.
        """
        given = {"verification": verification, "timings": timings}
        changes: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        missing = EngineError(f"{self.folder} has no engine {spec.key[:12]}: build it first")
        if not self._place.has():
            raise missing
        with self._place.turn():
            if not self._place.has(spec.key):
                raise missing
            secret = self._place.secret()
            manifest = replace(read_manifest(self.folder / spec.key, secret), **changes)
            self._place.rewrite(spec.key, MANIFEST, manifest.signed(secret))
        return good_entry(manifest)

    def find(
        self,
        model_sha256: str,
        flavour: str,
        runtime: str,
        precision: str,
        target: str,
        *,
        gpu: str = "",
        driver: str = "",
        profiles: tuple[tuple[int, int, int], ...] = PROFILES,
    ) -> BuildSpec | None:
        """Return the spec of an engine that runs on ``target``, perhaps built for more, or None.

        Of several, the one for the fewest targets, then the newest. Ask ``get`` for its bytes.

        Parameters
        ----------
        target
            One compute capability, such as ``sm89``.
        gpu, driver, profiles
            As in ``BuildSpec``; they have to be equal, too.
        """
        wanted = BuildSpec(
            model_sha256, flavour, runtime, precision, (target,), gpu, driver, profiles
        )
        found = self._place.listed(read_manifest)
        found.sort(key=lambda entry: entry.built_at, reverse=True)
        specs = [
            entry.spec
            for entry in found
            if entry.spec is not None
            and target in entry.spec.targets
            and replace(entry.spec, targets=wanted.targets) == wanted
        ]
        return min(specs, key=lambda spec: len(spec.targets), default=None)

    def specs(self) -> list[BuildSpec]:
        """Return what is kept, by the manifests alone: no engine is read, ``get`` checks it."""
        found = self._place.listed(read_manifest)
        return [entry.spec for entry in found if entry.spec is not None]

    def entries(self, fresh: Callable[[BuildSpec], bool] | None = None) -> list[Entry]:
        """Return all engines, every one checked as ``get`` would; nothing is removed.

        Parameters
        ----------
        fresh
            Whether this machine can still use an engine of this spec; if not, it is ``stale``.
        """
        listed = self._place.listed(read_whole)
        return [
            replace(entry, state="stale")
            if fresh is not None and entry.spec is not None and not fresh(entry.spec)
            else entry
            for entry in listed
        ]

    def clear(self, predicate: Callable[[Entry], bool] | None = None) -> tuple[int, int]:
        """Remove engines, and what interrupted builds left behind.

        Parameters
        ----------
        predicate
            Which engines; all if None. Left-overs older than a day and free locks always go.

        Returns
        -------
        tuple
            How many engines were removed, and how many bytes in all.

        Raises
        ------
        EngineError
            If the folder is not private or cannot be written to.
        """
        chosen = [entry for entry in self.entries() if predicate is None or predicate(entry)]
        if not self._place.has():
            return 0, 0
        return self._place.drop([entry.key for entry in chosen])

    def lock(
        self, spec: BuildSpec, waiting: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """Let one builder at a time, of all threads and processes, build ``spec``.

        Hold it around ``get``, build and ``put``: who had to wait then finds the engine built.
        It is freed when its holder ends, however it ends. Do not take it twice in one thread.

        Parameters
        ----------
        waiting
            Called once if somebody else is building.

        Raises
        ------
        EngineError
            On entering, if the folder is not private, cannot be written to or knows no locks.
        """
        return self._place.builder(spec.key, waiting)

    def _checked(self, key: str) -> bytes | None:
        """Return an engine's bytes, None if it is not there. Raises ``RefusedError``."""
        if not self._place.has(key):
            return None
        path = self.folder / key
        return read_plan(path, read_manifest(path, self._place.secret()))

    def _discard(self, key: str, reason: str) -> None:
        message = f"engine {key[:12]} in {self.folder} is refused: {reason}"
        self.refusals.append(message)
        _log.warning("%s", message)
        with contextlib.suppress(OSError):
            if aside := self._place.set_aside(key, "refused"):
                private_folder.remove(aside)
