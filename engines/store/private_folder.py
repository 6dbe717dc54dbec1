"""Folders and files that are the user's alone: made, checked, read and written.

A compiled engine is code. So what is loaded must come from a place where nobody else can write,
and be signed with a secret that nobody else can read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from pathlib import Path

from engines.backend import EngineError

SECRET, SECRET_BYTES = "secret", 32
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def user_folder(variable: str, xdg: str, fallback: str, *inside: str) -> Path:
    """Return ``$variable``, else ``$xdg/inside…``, else ``~/fallback/inside…``; touches no disk.

    As the XDG specification asks, an ``xdg`` variable that is no absolute path is ignored.
    """
    own, base = os.environ.get(variable), os.environ.get(xdg, "")
    if own:
        return Path(own).absolute()
    if Path(base).is_absolute():
        return Path(base, *inside)
    try:
        return Path(Path.home(), fallback, *inside)
    except RuntimeError as error:
        raise EngineError(f"this user has no home folder: set {variable} to a folder") from error


def check_private(path: Path, info: os.stat_result, *, folder: bool) -> None:
    """Raise ``EngineError`` unless ``info`` is a real folder or file that only this user reads.

    Parameters
    ----------
    path
        Named in the message.
    info
        From ``lstat`` or ``fstat``, never from ``stat``, which would look through a link.
    folder
        Whether it has to be a folder or a file.
    """
    kind, right = ("folder", stat.S_ISDIR) if folder else ("file", stat.S_ISREG)
    if stat.S_ISLNK(info.st_mode):
        raise EngineError(f"{path} is a symbolic link: put a real {kind} there")
    if not right(info.st_mode):
        raise EngineError(f"{path} is no {kind}: move it away")
    if info.st_uid != os.geteuid():
        raise EngineError(
            f"{path} belongs to user {info.st_uid}, you are {os.geteuid()}: use your own {kind}"
        )
    if info.st_mode & 0o077:
        raise EngineError(
            f"{path} is open to other users (mode {info.st_mode & 0o777:04o}): check what is in "
            f"it, then `chmod {'700' if folder else '600'} {path}`"
        )


def make_private(folder: Path) -> None:
    """Make ``folder``, mode 0700, if need be; raise ``EngineError`` if it is not private."""
    try:
        if not os.path.lexists(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_private(folder, folder.lstat(), folder=True)
    except OSError as error:
        raise EngineError(f"{folder}: cannot make this folder: {error.strerror}") from error


def read_private(path: Path, most: int) -> bytes:
    """Return the bytes of a private file; links are not followed.

    Parameters
    ----------
    most
        Larger files, in bytes, are refused unread.

    Raises
    ------
    EngineError
        If the file is not private, or too large.
    OSError
        If it cannot be opened or read.
    """
    descriptor = os.open(path, _READ)
    try:
        info = os.fstat(descriptor)
        check_private(path, info, folder=False)
        if info.st_size > most:
            raise EngineError(f"{path} has {info.st_size} bytes, more than {most}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most + 1)
    finally:
        os.close(descriptor)


def write_private(path: Path, data: bytes) -> None:
    """Write a new file with mode 0600 and wait until it is on the disk. Raises ``OSError``."""
    with os.fdopen(os.open(path, _WRITE, 0o600), "wb", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk. Raises ``OSError``."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> int:
    """Remove a file, a link or a whole folder as far as possible; return its bytes."""
    freed = 0
    with contextlib.suppress(OSError):
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
        files = [Path(top, name) for top, _, names in os.walk(path) for name in names]
        freed = sum(file.lstat().st_size for file in (files if is_folder else [path]))
        shutil.rmtree(path, ignore_errors=True) if is_folder else path.unlink()
    return freed


def read_secret(folder: Path) -> bytes:
    """Return the user's 32 secret bytes in ``folder``; make them at the first call.

    The secret appears whole under its name or not at all, and the first of two makers wins.

    Raises
    ------
    EngineError
        If the folder or the secret is not private, or the secret is damaged.
    """
    make_private(folder)
    path, partial = folder / SECRET, folder / f".{SECRET}.{secrets.token_hex(8)}.partial"
    try:
        if not os.path.lexists(path):
            try:
                write_private(partial, secrets.token_bytes(SECRET_BYTES))
                with contextlib.suppress(FileExistsError):
                    os.link(partial, path)
                sync_folder(folder)
            finally:
                partial.unlink(missing_ok=True)
        secret = read_private(path, SECRET_BYTES)
    except OSError as error:
        raise EngineError(f"{path}: cannot make or read this file: {error.strerror}") from error
    if len(secret) != SECRET_BYTES:
        raise EngineError(
            f"{path} has {len(secret)} bytes, not {SECRET_BYTES}: remove it, engines are rebuilt"
        )
    return secret
