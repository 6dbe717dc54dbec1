"""Folders of numbered images, as the research data sets come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import SourceError
from realtime_mer.events import Frame, Gap
from realtime_mer.sources.base import Problem, Source, SourceInfo
from realtime_mer.sources.spec import printable
from realtime_mer.sources.timeline import Timeline

EXTENSIONS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
VIDEO_EXTENSIONS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".mts", ".webm", ".wmv")
ASSUMED_FPS = 30.0

_DIGITS = re.compile(r"([0-9]+)")


def last_number(name: str) -> int | None:
    """Return the last run of digits in a file's name (without extension), None without one."""
    runs = _DIGITS.findall(Path(name).stem)
    return int(runs[-1]) if runs else None


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key by which ``img2`` comes before ``img10``."""
    parts = _DIGITS.split(name.casefold())
    return (*((1, int(p), p) if k % 2 else (0, 0, p) for k, p in enumerate(parts)), (2, 0, name))


def natural_order(names: Sequence[str]) -> list[str]:
    """Return file names in the order of their frames.

    By their last number if all have different ones (``img1.jpg, reg_img46.jpg``); otherwise part
    by part, letters by letters and numbers by size.
    """
    numbers = [last_number(name) for name in names]
    if None not in numbers and len(set(numbers)) == len(names):
        return [name for _, name in sorted(zip(numbers, names, strict=True))]
    return sorted(names, key=natural_key)


def positions(names: Sequence[str]) -> list[int]:
    """Return the place in time of every image, in frames from the first.

    Names that count (1, 2, 3, 5 …) leave a hole where a number is missing; the usual step
    between neighbours may be any (every second frame was kept). Names that do not rise throughout
    are taken as one after the other.
    """
    numbers = [last_number(name) for name in names]
    steps = [0 if a is None or b is None else b - a for a, b in pairwise(numbers)]
    if not steps or min(steps) <= 0:
        return list(range(len(names)))
    usual, places = sorted(steps)[(len(steps) - 1) // 2], [0]
    for step in steps:
        places.append(places[-1] + max(1, round(step / usual)))
    return places


class FolderSource(Source):
    """Images of one folder as frames, ``1 / fps`` apart.

    Parameters
    ----------
    fps
        How many images make a second; None assumes 30 and declares it as a problem.

    Raises
    ------
    SourceError
        On opening: no images in the folder, or none that can be read. While reading: an image of
        another size than the first.
    """

    def __init__(self, path: Path, *, fps: float | None = None) -> None:
        super().__init__(printable(str(path)))
        self._path = path
        self._names = natural_order(list_images(path, self.redacted))
        self._places = positions(self._names)
        self._fps = fps or ASSUMED_FPS
        if fps is None:
            message = "no timing in a folder of images: assumed 30 fps; pass --fps"
            self._log.add(Problem("timing", message))
        self._declare_sequences()
        self._start, self._first_image = self._find_first()

    def _declare_sequences(self) -> None:
        stems = {_DIGITS.split(Path(name).stem.casefold())[0] for name in self._names}
        numbers = [last_number(name) for name in self._names]
        if len(stems) > 1 and len(set(numbers)) < len(numbers):
            message = (
                f"the images seem to be several sequences ({', '.join(sorted(stems)[:3])} …) in "
                "one folder: read one after the other; better keep each in its own folder"
            )
            self._log.add(Problem("several sequences", printable(message)))

    def _find_first(self) -> tuple[int, NDArray[np.uint8]]:
        for k in range(len(self._names)):
            image = self._read(k)
            if image is not None:
                return k, image
        raise SourceError(
            f"none of the {len(self._names)} images in {self.redacted} can be read; check that "
            f"they are complete {', '.join(EXTENSIONS)} files"
        )

    @property
    def info(self) -> SourceInfo:
        """What the folder holds."""
        height, width = self._first_image.shape[:2]
        return SourceInfo(
            path=self.redacted,
            name=printable(self._path.absolute().name),
            width=width,
            height=height,
            codec="images",
            fps=self._fps,
            frames=len(self._names),
            duration_s=(self._places[-1] + 1) / self._fps,
            start_s=self._places[self._start] / self._fps,
        )

    def _read(self, k: int) -> NDArray[np.uint8] | None:
        path = self._path / self._names[k]
        image = read_image(path)
        if image is None:
            message = f"the image {printable(path.name)} cannot be read: skipped"
            time_s = self._places[k] / self._fps
            problem = Problem("unreadable image", message, self._count, time_s)
            self._log.add(problem, same_as="unreadable image")
        return image

    def _frames(self) -> Iterator[Frame]:
        timeline, segment, index = Timeline(1 / self._fps), 0, 0
        skipped = False
        for k in range(self._start, len(self._names)):
            image = self._first_image if k == self._start else self._read(k)
            if image is None:
                skipped = True
                continue
            self._check_size(k, image)
            placed = timeline.place(self._places[k] / self._fps)
            if skipped:
                self._gaps.append(Gap(self._last_s, placed.time_s, "decode error"))
            if self._missing_before(k, placed.gap_from_s, placed.time_s) or skipped:
                segment += 1
            yield Frame(image, placed.time_s, index, segment)
            index, skipped = index + 1, False

    def _missing_before(self, k: int, gap_from_s: float | None, time_s: float) -> bool:
        """Declare images whose numbers are missing; return whether they make a gap in time."""
        lost = 0 if k == self._start else self._places[k] - self._places[k - 1] - 1
        if lost:
            name = printable(self._names[k])
            message = f"{lost} image(s) are missing before {name}: their time is left empty"
            problem = Problem("missing image", message, self._count, time_s)
            self._log.add(problem, same_as="missing image")
        if gap_from_s is None:
            return False
        self._gaps.append(Gap(gap_from_s, time_s, "time gap"))
        return True

    def _check_size(self, k: int, image: NDArray[np.uint8]) -> None:
        if image.shape != self._first_image.shape:
            height, width = image.shape[:2]
            first_height, first_width = self._first_image.shape[:2]
            raise SourceError(
                f"the image {printable(str(self._path / self._names[k]))} is {width}x{height}, but "
                f"the first of the folder, {printable(self._names[self._start])}, is "
                f"{first_width}x{first_height}; all images of a folder must have one size"
            )

    def _release(self) -> None:
        pass


def list_images(path: Path, where: str) -> list[str]:
    """Return the names of the images in a folder, unsorted; hidden files do not count."""
    try:
        entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    except PermissionError:
        message = f"no permission to read the folder {where}; change its permissions"
        raise SourceError(message) from None
    except OSError as error:
        raise SourceError(f"cannot read the folder {where}: {error.strerror}") from None
    names = [e.name for e in entries if e.suffix.lower() in EXTENSIONS and e.is_file()]
    if names:
        return names
    raise SourceError(
        f"no images in the folder {where}{_hint(entries)}; "
        f"give a folder with {', '.join(EXTENSIONS)} files"
    )


def _hint(entries: list[Path]) -> str:
    videos = sorted(e.name for e in entries if e.suffix.lower() in VIDEO_EXTENSIONS)
    if videos:
        return f", but a video: give {printable(videos[0])} itself"
    for folder in sorted(e for e in entries if e.is_dir()):
        try:
            inner = sum(e.suffix.lower() in EXTENSIONS for e in folder.iterdir())
        except OSError:
            continue
        if inner:
            return f", but {inner} in its subfolder {printable(folder.name)}: give that"
    return ""


def read_image(path: Path) -> NDArray[np.uint8] | None:
    """Read an image as RGB, (H, W, 3) uint8, upright by its EXIF data; None if it cannot be."""
    try:
        data = np.fromfile(path, np.uint8)
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        return None
    if bgr is None:
        return None
    rgb: NDArray[np.uint8] = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return rgb
