"""Video files: opened with care, read to the last picture that decodes."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

import av
from av.error import FFmpegError

from realtime_mer.errors import SourceError
from realtime_mer.sources.base import Problem
from realtime_mer.sources.reel import AvSource
from realtime_mer.sources.spec import ALLOWED, printable

SHORT_BY_S = 0.25
"""A video that ends this much before its declared duration ends early …"""
SHORT_BY_INTERVALS = 1.5
"""… if it is also more than so many frames."""
MAX_BOXES = 100_000


class FileSource(AvSource):
    """Frames of a video file; the times are the file's own presentation timestamps.

    Raises
    ------
    SourceError
        On opening: missing, unreadable, empty, not a regular file, not a video, audio only, cut
        off before its index was written, or without a single picture that decodes.
    """

    def __init__(self, path: Path, *, fps: float | None = None) -> None:
        self._path = path
        where = printable(str(path))
        check_regular(path, where)
        super().__init__(
            open_container(path, where), where, printable(path.name), live=False, fps=fps
        )

    def _no_video(self) -> str:
        if len(self._container.streams):
            return super()._no_video()
        return _diagnose(self._path, self.redacted, ValueError("nothing to play"))

    def _finish(self) -> None:
        super()._finish()
        end = f"frame {self._count} ({self._last_s:.2f} s)"
        trouble = self._decoder.damage
        if trouble:
            message = f"decoding broke at {end}: {trouble}; analysed what came before"
            self._log.add(Problem("decode error", message, self._count, self._last_s))
        shortfall = self._shortfall()
        if shortfall:
            message = f"the video ends early, at {end}: {shortfall}; analysed what came before"
            self._log.add(Problem("truncated", message, self._count, self._last_s))

    def _shortfall(self) -> str:
        """Return what the container promised beyond the last frame, empty if it kept its word.

        A count alone proves nothing (edit lists hide pictures), nor does a duration alone (sound
        may go on after the video), so both must fall short where both are declared.
        """
        promised, read = self._video.frames, self._decoder.pictures + self._decoder.discarded
        if promised and read >= promised:
            return ""
        video, base = self._video, self._video.time_base
        interval_s = self._timeline.interval_s
        if video.duration and base:
            start_s = float((video.start_time or 0) * base)
            end_s = start_s + float(video.duration * base)
        elif promised or not self._container_times_video():
            return f"it declares {promised} frames" if promised else ""
        else:
            end_s = float(self._container.duration or 0) / 1e6
        tolerance_s = SHORT_BY_INTERVALS * interval_s
        if not promised:
            tolerance_s = max(SHORT_BY_S, tolerance_s)
        if end_s - self._last_s <= tolerance_s:
            return ""
        return f"it declares {f'{promised} frames, ' if promised else ''}{end_s:.2f} s"

    def _container_times_video(self) -> bool:
        """Return whether the duration of the whole is that of the video, and not a guess."""
        alone = len(self._container.streams) == 1
        return alone and "matroska" in self._container.format.name


def check_regular(path: Path, where: str) -> None:
    """Raise `SourceError` unless ``path`` is a regular file with something in it."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"no such file: {where}; give {ALLOWED}") from None
    except PermissionError:
        raise SourceError(_no_permission(where)) from None
    except OSError as error:
        raise SourceError(f"cannot open {where}: {error.strerror}; give {ALLOWED}") from None
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(
            f"{where} is {_kind(status.st_mode)}, not a file; save the video to a file first, "
            f"or give {ALLOWED}"
        )
    if status.st_size == 0:
        raise SourceError(f"{where} is empty (0 bytes); copy or record the video again")


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a folder",
    }
    return kinds.get(stat.S_IFMT(mode), "something special")


def _no_permission(where: str) -> str:
    return f"no permission to read {where}; change its permissions or run as a user who may read it"


def open_container(path: Path, where: str) -> av.container.InputContainer:
    """Open a file that exists, or say what is wrong with it."""
    try:
        container = av.open(f"file:{path.absolute()}")
    except PermissionError:
        raise SourceError(_no_permission(where)) from None
    except (FFmpegError, OSError, ValueError) as error:
        raise SourceError(_diagnose(path, where, error)) from None
    return container


def _diagnose(path: Path, where: str, error: Exception) -> str:
    try:
        with path.open("rb") as stream:
            boxes = top_boxes(stream)
            stream.seek(0)
            head = stream.read(16)
    except OSError:
        boxes, head = [], b""
    if "moov" not in boxes and {"mdat", "ftyp"} & set(boxes):
        return (
            f"{where} cannot be read: the index (moov) is missing, the recording was cut off "
            "before it was finished; repair it with a tool such as untrunc, or record again"
        )
    why = getattr(error, "strerror", None) or error
    guess = "a PDF document" if head.startswith(b"%PDF") else "not a video"
    return f"{where} is {guess} or damaged beyond reading ({str(why).lower()}); give {ALLOWED}"


def top_boxes(stream: BinaryIO) -> list[str]:
    """Return the types of the top-level boxes of an MP4/MOV file, as far as they make sense.

    An index (``moov``) that is cut off itself does not count.
    """
    size = stream.seek(0, 2)
    at = 0
    boxes: list[str] = []
    while at + 8 <= size and len(boxes) < MAX_BOXES:
        stream.seek(at)
        head = stream.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if not all(32 <= c < 127 for c in kind):
            break
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if kind != b"moov" or at + length <= size:
            boxes.append(kind.decode("ascii"))
        if length < 8:
            break  # 0: up to the end of the file
        at += length
    return boxes
