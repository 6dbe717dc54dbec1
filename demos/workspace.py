"""Where one browser session keeps its files, and which files of this machine it may name.

Each session has one private folder with an unguessable name below one private root. What is
uploaded or written goes there; closing the page removes it, the end of the program removes all.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from realtime_mer.errors import ConfigError, OutputError
from realtime_mer.sources import printable

if TYPE_CHECKING:
    from demos.safety import DemoSettings

SAMPLE = Path(__file__).parents[1] / "realtime_mer" / "data" / "sample.mp4"
"""The bundled clip, which every visitor may name as ``sample``."""
_NAME_BYTES = 24


class Part(Protocol):
    """Something that works for one session and ends with it."""

    def close(self) -> None:
        """Stop working; what it wrote may be removed after this."""


P = TypeVar("P", bound=Part)


class Workspace:
    """The private folder of one browser session; safe to use from several threads.

    ``folder`` exists until ``close``, which also calls what was given to ``on_close``.
    """

    def __init__(self, root: Path) -> None:
        self.token = secrets.token_urlsafe(_NAME_BYTES)
        self.folder = root / self.token
        self.folder.mkdir(mode=0o700)
        self.closed = False
        self._lock = threading.Lock()
        self._at_close: list[Callable[[], None]] = []
        self._parts: dict[type[Any], Any] = {}

    def part(self, kind: type[P], make: Callable[[], P]) -> P:
        """Return this session's only ``kind``, made by ``make`` when it is first asked for."""
        with self._lock:
            found: P | None = self._parts.get(kind)
            if found is not None:
                return found
            made: P = make()
            self._parts[kind] = made
        self.on_close(made.close)
        return made

    def adopt(self, upload: str | Path) -> Path:
        """Move an uploaded file into the folder and return its new path.

        A file that is in the folder already stays where it is, so that a page may hand the same
        one over twice.

        Raises
        ------
        OutputError
            The file is gone, or cannot be moved.
        """
        path = Path(upload)
        if path.resolve().is_relative_to(self.folder.resolve()):
            return path
        target = self.new_folder("upload") / path.name
        try:
            shutil.move(path, target)
        except OSError as error:
            raise OutputError(
                f"the uploaded file {printable(path.name)!r} is not there any more; upload it again"
            ) from error
        return target

    def show(self, path: str | Path) -> Path:
        """Return a name within the folder under which a browser may load an allowed file.

        The file is linked, or copied where it lies on another disk. ``resolve_allowed`` must have
        let it pass: nothing is checked here.

        Raises
        ------
        OutputError
            It can be neither linked nor copied.
        """
        source = Path(path).resolve()
        if source.is_relative_to(self.folder.resolve()):
            return source
        target = self.new_folder("shown") / source.name
        try:
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
        except OSError as error:
            raise OutputError(
                f"{printable(source.name)!r} cannot be shown: {error.strerror or error}; "
                "free some space or check that it may be read"
            ) from error
        return target

    def new_folder(self, name: str) -> Path:
        """Make an empty folder whose name begins with ``name`` and return its path."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def on_close(self, then: Callable[[], None]) -> None:
        """Have ``then`` called when the session ends, before the files go; at once if it did."""
        with self._lock:
            if not self.closed:
                self._at_close.append(then)
                return
        then()

    def close(self) -> None:
        """Call what waits for the end, then remove the folder and all in it; once is enough."""
        with self._lock:
            self.closed = True
            waiting, self._at_close = self._at_close, []
        for then in waiting:
            with suppress(Exception):  # one that fails must not keep the others from ending
                then()
        shutil.rmtree(self.folder, ignore_errors=True)


class Workspaces:
    """All sessions' folders, made when first asked for.

    ``root`` is a folder of its own that only this user may enter, below the system's temporary
    folder unless ``parent`` says where.
    """

    def __init__(self, parent: Path | None = None) -> None:
        made = tempfile.mkdtemp(prefix="mer-demo-", dir=parent)
        self.root = Path(made).resolve()
        self.uploads = self.root / "uploads"
        self.sessions = self.root / "sessions"
        for folder in (self.uploads, self.sessions):
            folder.mkdir(mode=0o700)
        self._lock = threading.Lock()
        self._open: dict[str, Workspace] = {}

    def of(self, session: str | None) -> Workspace:
        """Return the folder of a browser session, ``gr.Request.session_hash``.

        Raises
        ------
        ConfigError
            There is no session: the call did not come from a page.
        """
        if not session:
            raise ConfigError("this call belongs to no browser session; open the page again")
        with self._lock:
            if session not in self._open:
                self._open[session] = Workspace(self.sessions)
            return self._open[session]

    def by_token(self, token: str) -> Workspace | None:
        """Return the open workspace with that unguessable name, None if there is none."""
        with self._lock:
            found = list(self._open.values())
        wanted = token.encode()
        return next((w for w in found if secrets.compare_digest(w.token.encode(), wanted)), None)

    def close_session(self, session: str | None) -> None:
        """End a session: its page was closed."""
        with self._lock:
            found = self._open.pop(session or "", None)
        if found is not None:
            found.close()

    def close(self) -> None:
        """End all sessions and remove the root."""
        with self._lock:
            found, self._open = list(self._open.values()), {}
        for workspace in found:
            workspace.close()
        shutil.rmtree(self.root, ignore_errors=True)


def resolve_allowed(path: str | Path, settings: DemoSettings) -> Path:
    """Return the real path of a file on this machine that a visitor named, if that is allowed.

    Allowed are ``sample`` and files below ``settings.videos``, after every ``..`` and every
    symbolic link has been followed. A relative path is looked for in each of these folders.

    Raises
    ------
    ConfigError
        It is not allowed, or not there: the same words for both, so that nobody can find out
        what else this machine holds.
    """
    text = str(path).strip()
    if text == "sample":
        return SAMPLE
    for root in settings.videos if text and "\0" not in text else ():
        try:
            real = (root / Path(text)).resolve(strict=True)
        except (OSError, RuntimeError):
            continue
        if real.is_file() and real.is_relative_to(root.resolve()):
            return real
    shared = (
        "the folders shared with mer demo --videos DIR"
        if settings.videos
        else "a folder, and mer demo --videos DIR has shared none"
    )
    raise ConfigError(
        f"{printable(text)!r} is not one of the videos allowed here; give 'sample', or the path of "
        f"a file in {shared}"
    )


__all__ = ["SAMPLE", "Workspace", "Workspaces", "resolve_allowed"]
