"""The folder of compiled engines: whose turn it is, what lies there, how entries come and go."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engines.backend import EngineError
from engines.store import file_lock, private_folder
from engines.store.manifest import Entry, Manifest, bad_entry, good_entry

FOLDER_VARIABLE, KEY_VARIABLE = "MER_ENGINE_CACHE", "MER_ENGINE_KEY_DIR"
_TURN = ".turn.lock"
_LEFT_OVER = (".partial", ".old", ".refused")
_DAY_S = 86_400
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class StoreFolder:
    """A private folder with one sub-folder for each key; nothing is touched when it is made.

    Parameters
    ----------
    folder, key_folder
        As ``EngineStore``.
    """

    def __init__(self, folder: Path | None, key_folder: Path | None) -> None:
        self.path = (
            Path(folder).absolute()
            if folder is not None
            else private_folder.user_folder(
                FOLDER_VARIABLE, "XDG_CACHE_HOME", ".cache", "realtime-mer", "engines"
            )
        )
        self.key_path = (
            Path(key_folder).absolute()
            if key_folder is not None
            else private_folder.user_folder(
                KEY_VARIABLE, "XDG_CONFIG_HOME", ".config", "realtime-mer"
            )
        )

    def make(self) -> None:
        """Make the folder if need be. Raises ``EngineError`` if it is not private."""
        private_folder.make_private(self.path)

    def has(self, name: str = "") -> bool:
        """Whether ``name`` is there. Raises ``EngineError`` if the folder is not private."""
        if not os.path.lexists(self.path):
            return False
        private_folder.check_private(self.path, self.path.lstat(), folder=True)
        return os.path.lexists(self.path / name)

    def keys(self) -> list[str]:
        """Return the names of the entries. Raises ``EngineError`` if the folder is not private."""
        if not self.has():
            return []
        names = sorted(path.name for path in self.path.iterdir())
        return [name for name in names if re.fullmatch("[0-9a-f]{64}", name)]

    def secret(self) -> bytes:
        """Return the user's signing secret. Raises ``EngineError``."""
        return private_folder.read_secret(self.key_path)

    def beside(self, key: str, suffix: str) -> Path:
        """Return a free hidden path for something of ``key`` that is no entry."""
        return self.path / f".{key}.{secrets.token_hex(8)}.{suffix}"

    @contextlib.contextmanager
    def turn(self, *, shared: bool = False) -> Iterator[None]:
        """Keep entries from being replaced while one is read, for the moment that it takes."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(file_lock.hold(self.path / _TURN, shared=shared))
            except OSError as error:
                if error.errno not in _READ_ONLY:  # what nobody can write to needs no lock
                    raise EngineError(f"{self.path}: no lock: {error.strerror}") from error
            yield

    @contextlib.contextmanager
    def builder(self, key: str, waiting: Callable[[], None] | None) -> Iterator[None]:
        """Be the only one to build ``key``. Raises ``EngineError`` on entering."""
        self.make()
        with contextlib.ExitStack() as stack:
            try:
                path = self.path / f"{key}.lock"
                stack.enter_context(file_lock.hold(path, waiting=waiting))
            except OSError as error:
                raise self.cannot_write(error, 0) from error
            yield

    def add(self, key: str, files: dict[str, bytes]) -> None:
        """Write an entry aside, then put it in its place all at once; an older one goes.

        Raises
        ------
        EngineError
            If it cannot be written. What was there before stays.
        """
        partial = self.beside(key, "partial")
        try:
            partial.mkdir(mode=0o700)
            for name, data in files.items():
                private_folder.write_private(partial / name, data)
            private_folder.sync_folder(partial)
            self._swap_in(partial, key)
        except OSError as error:
            private_folder.remove(partial)  # before the free space is told
            raise self.cannot_write(error, sum(map(len, files.values()))) from error
        finally:
            private_folder.remove(partial)

    def rewrite(self, key: str, name: str, data: bytes) -> None:
        """Replace one file of an entry all at once. Raises ``EngineError``; then the old stays."""
        partial = self.beside(key, "partial")
        try:
            private_folder.write_private(partial, data)
            partial.replace(self.path / key / name)
            private_folder.sync_folder(self.path / key)
        except OSError as error:
            raise self.cannot_write(error, len(data)) from error
        finally:
            private_folder.remove(partial)

    def listed(self, check: Callable[[Path, bytes], Manifest]) -> list[Entry]:
        """Return an entry for each key, by name; ``check`` reads one and raises ``EngineError``."""
        keys = self.keys()
        if not keys:
            return []
        entries, secret = [], self.secret()
        with self.turn(shared=True):
            for key in keys:
                try:
                    entries.append(good_entry(check(self.path / key, secret)))
                except EngineError as error:
                    if self.has(key):
                        entries.append(bad_entry(self.path / key, str(error)))
        return entries

    def set_aside(self, key: str, suffix: str) -> Path | None:
        """Rename an entry, so that nobody loads it; return its new path, None if there is none."""
        try:
            return (self.path / key).rename(self.beside(key, suffix))
        except FileNotFoundError:
            return None

    def drop(self, keys: list[str]) -> tuple[int, int]:
        """Remove entries, free locks and day-old left-overs; return entries and bytes removed.

        Raises ``EngineError`` if the folder cannot be written to.
        """
        count, freed = 0, 0
        try:
            with self.turn():
                for key in keys:
                    if aside := self.set_aside(key, "old"):
                        count, freed = count + 1, freed + private_folder.remove(aside)
                for path in sorted(self.path.iterdir()):
                    if path.suffix == ".lock" and path.name != _TURN:
                        file_lock.remove_if_free(path)
                    elif _is_left_over(path):
                        freed += private_folder.remove(path)
        except OSError as error:
            raise EngineError(f"{self.path}: cannot remove engines: {error.strerror}") from error
        return count, freed

    def _swap_in(self, partial: Path, key: str) -> None:
        """Rename ``partial`` to ``key``; what was there goes, or comes back if that fails."""
        with self.turn():
            old = self.set_aside(key, "old")
            try:
                partial.rename(self.path / key)
            except OSError:
                if old:
                    old.rename(self.path / key)
                raise
            private_folder.sync_folder(self.path)
        if old:
            private_folder.remove(old)

    def cannot_write(self, error: OSError, needed: int) -> EngineError:
        """Return an error that says why ``needed`` bytes were not written, and what to do."""
        elsewhere = f"set {FOLDER_VARIABLE} to a folder"
        if error.errno not in _NO_ROOM:
            return EngineError(
                f"{self.path}: cannot write an engine: {error.strerror}; make the folder "
                f"writable for you alone (chmod 700), or {elsewhere} that is"
            )
        free = ""
        with contextlib.suppress(OSError):
            free = f", {shutil.disk_usage(self.path).free / 1e6:.1f} MB are free"
        return EngineError(
            f"{self.path}: no room for an engine of {needed / 1e6:.1f} MB ({error.strerror}"
            f"{free}): free some, remove engines with `mer engine clear`, or {elsewhere} elsewhere"
        )


def _is_left_over(path: Path) -> bool:
    """Whether ``path`` is what a builder that died more than a day ago did not remove."""
    if not path.name.startswith(".") or path.suffix not in _LEFT_OVER:
        return False
    with contextlib.suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime > _DAY_S
    return False
