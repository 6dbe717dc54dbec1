"""Several faces: whose is whose, across crossing, hiding, leaving and coming back."""

from collections import Counter
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest

from realtime_mer.events import Frame
from realtime_mer.face import people as people_module
from realtime_mer.face.mesh import MediaPipeMesh, Mesh
from realtime_mer.face.people import People
from tests.realtime_mer.face.scenes import FPS, HEIGHT, WIDTH, Scene, stay, walk

LEFT, RIGHT = 160.0, 480.0
AWAY = -120.0


class Counted:
    """A mesh that counts its runs on every picture."""

    def __init__(self, mesh: MediaPipeMesh) -> None:
        self.runs: Counter[int] = Counter()
        self.resets = 0
        self._mesh = mesh

    def detect(self, image_rgb: np.ndarray) -> list[Mesh]:
        self.runs[id(image_rgb)] += 1
        return self._mesh.detect(image_rgb)

    def reset(self) -> None:
        self.resets += 1
        self._mesh.reset()

    def close(self) -> None:
        self._mesh.close()


class Seen:
    """Who was followed where, picture by picture."""

    def __init__(self, frames: Iterator[Frame], faces: int = 2) -> None:
        self.rows: list[tuple[float, dict[int, np.ndarray]]] = []
        self.mesh = Counted(MediaPipeMesh(max_faces=faces))
        self.people = People(self.mesh, faces)
        self.kept: Sequence[Frame] = list(frames)  # so that no picture's id comes again
        for frame in self.kept:
            picture = self.people.begin(frame)
            views = {}
            for person in self.people.awake:
                view = person.tracker.step(frame, None, picture)
                if view is not None:
                    assert view.face_id == person.face_id
                    views[person.face_id] = person
            self.people.end(frame)
            self.rows.append((
                frame.time_s,
                {k: p.place.middle for k, p in views.items() if p.followed and p.place},
            ))  # fmt: skip
        self.mesh.close()

    def numbers(self, scene: Scene, name: str, start_s: float, end_s: float) -> Counter[int]:
        """Return how often somebody had which number in a stretch of time."""
        counted: Counter[int] = Counter()
        for time_s, faces in self.rows:
            middle = scene.middle(name, time_s)
            if middle is not None and start_s <= time_s < end_s:
                counted.update(k for k, at in faces.items() if np.hypot(*(at - middle)) < 25)
        return counted

    def number(self, scene: Scene, name: str, start_s: float, end_s: float) -> int:
        """Return the one number that somebody has, in at least four fifths of the stretch."""
        [(number, count)] = self.numbers(scene, name, start_s, end_s).items()
        assert count >= 0.8 * (end_s - start_s) * FPS
        return number


@pytest.mark.parametrize("front", ["astronaut", "pale"])
@pytest.mark.parametrize("seconds", [1.2, 2.4])
def test_two_who_cross_keep_their_numbers(front, seconds):
    ways = {
        "astronaut": walk((0, LEFT), (1, LEFT), (1 + seconds, RIGHT)),
        "pale": walk((0, RIGHT), (1, RIGHT), (1 + seconds, LEFT)),
    }
    names = sorted(ways, key=lambda name: name == front)
    scene = Scene({name: ways[name] for name in names}, 2.5 + seconds)
    seen = Seen(scene.frames())
    before = {name: seen.number(scene, name, 0.2, 1.0) for name in names}
    after = {name: seen.number(scene, name, 1.7 + seconds, 2.5 + seconds) for name in names}
    assert set(before.values()) == {0, 1}
    assert after == before


@pytest.mark.parametrize("hidden_s", [0.3, 1.0, 1.9])
def test_a_face_behind_a_board_comes_back_under_its_number(hidden_s):
    scene = Scene(
        {"astronaut": stay(LEFT), "pale": stay(RIGHT)},
        2.5 + hidden_s,
        lambda t: [(70, 20, 250, 340)] if 1.0 <= t < 1.0 + hidden_s else (),
    )
    seen = Seen(scene.frames())
    hidden = seen.number(scene, "astronaut", 0.2, 1.0)
    other = seen.number(scene, "pale", 0.2, 2.5 + hidden_s)
    assert not seen.numbers(scene, "astronaut", 1.2, 1.0 + hidden_s)
    assert seen.number(scene, "astronaut", 1.5 + hidden_s, 2.5 + hidden_s) == hidden != other


def test_two_who_swap_places_behind_a_wall_are_told_apart():
    scene = Scene(
        {
            "pale": walk((0, 105), (1, 105), (2.5, 535)),
            "dark": walk((0, 535), (1, 535), (2.5, 105)),
        },
        4.5,
        lambda t: [(235, 0, 405, HEIGHT)],
    )
    seen = Seen(scene.frames())
    before = [seen.number(scene, name, 0.3, 1.0) for name in ("pale", "dark")]
    after = [seen.number(scene, name, 3.5, 4.5) for name in ("pale", "dark")]
    assert after == before
    assert sorted(before) == [0, 1]


@pytest.mark.parametrize("side", [AWAY, WIDTH - AWAY])
def test_who_leaves_and_returns_is_known_whichever_way_they_come(side):
    scene = Scene(
        {
            "astronaut": stay(LEFT),
            "pale": walk((0, RIGHT), (1, RIGHT), (1.6, WIDTH - AWAY), (3.8, side), (4.6, RIGHT)),
        },
        6.0,
    )
    seen = Seen(scene.frames())
    gone = seen.number(scene, "pale", 0.2, 1.0)
    assert seen.number(scene, "pale", 5.2, 6.0) == gone
    assert seen.number(scene, "astronaut", 4.9, 6.0) == 1 - gone


def test_somebody_new_gets_a_new_number_and_the_old_one_is_kept_for_its_owner():
    gone = float("nan")
    scene = Scene(
        {
            "astronaut": walk((0, 320), (1, 320), (1.6, AWAY), (5.0, AWAY), (5.7, 320)),
            "dark": walk((0, gone), (2, WIDTH - AWAY), (2.7, 320), (3.8, 320), (4.5, -AWAY - 240)),
        },
        7.0,
    )
    seen = Seen(scene.frames())
    assert seen.number(scene, "astronaut", 0.1, 1.0) == 0
    assert seen.number(scene, "dark", 3.2, 3.8) == 1
    assert seen.number(scene, "astronaut", 6.2, 7.0) == 0
    assert [person.face_id for person in seen.people.known] == [0, 1]


def test_the_first_number_is_the_largest_face():
    scene = Scene({"pale": stay(LEFT, iod=58), "astronaut": stay(RIGHT, iod=72)}, 0.7)
    seen = Seen(scene.frames())
    assert seen.number(scene, "astronaut", 0.2, 0.7) == 0
    assert seen.number(scene, "pale", 0.2, 0.7) == 1


def test_the_mesh_runs_at_most_once_a_picture_and_seldom_while_all_is_well():
    scene = Scene({"astronaut": stay(LEFT), "pale": stay(RIGHT)}, 3.0)
    seen = Seen(scene.frames())
    assert max(seen.mesh.runs.values()) == 1
    assert sum(seen.mesh.runs.values()) == seen.people.mesh_runs
    assert 10 <= seen.people.mesh_runs <= 20  # five a second are asked for
    assert seen.mesh.resets == 1  # at the start


def test_a_cut_resets_the_mesh_once_and_the_same_people_are_known_after_it():
    scene = Scene({"astronaut": stay(LEFT), "pale": stay(RIGHT)}, 1.0)
    swapped = Scene({"astronaut": stay(RIGHT), "pale": stay(LEFT)}, 1.0)

    def both():
        yield from scene.frames()
        for frame in swapped.frames():
            negative = 255 - frame.image_rgb[::-1]
            shown = negative if frame.time_s < 0.1 else frame.image_rgb
            yield Frame(shown, frame.time_s + 1, frame.index + 30)

    seen = Seen(both())
    before = [seen.number(scene, name, 0.2, 1.0) for name in ("astronaut", "pale")]
    seen.rows = [(t - 1, faces) for t, faces in seen.rows if t >= 1]
    assert [seen.number(swapped, name, 0.5, 1.0) for name in ("astronaut", "pale")] == before
    assert 2 <= seen.mesh.resets <= 3  # the start, and the cuts into and out of the negative


def test_no_more_faces_are_followed_than_asked_for():
    scene = Scene({"astronaut": stay(120), "pale": stay(320), "dark": stay(520)}, 1.0)
    seen = Seen(scene.frames())
    assert max(len(faces) for _, faces in seen.rows) == 2
    assert len(seen.people.known) == 2
    three = Seen(scene.frames(), faces=3)
    numbers = [three.number(scene, name, 0.3, 1.0) for name in scene.people]
    assert sorted(numbers) == [0, 1, 2]


def test_who_was_not_seen_for_longest_is_forgotten_first_but_never_the_first(monkeypatch):
    monkeypatch.setattr(people_module, "MEMORY", 2)
    gone = float("nan")
    scene = Scene(
        {
            "dark": walk((0, 320), (0.5, gone)),
            "pale": walk((0, gone), (2.8, 320), (3.6, gone)),
            "astronaut": walk((0, gone), (5.8, 320)),
        },
        6.6,
    )
    seen = Seen(scene.frames())
    assert [person.face_id for person in seen.people.known] == [0, 2]


def test_a_single_grey_picture_has_nobody():
    empty = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    cv2.circle(empty, (320, 180), 60, (200, 180, 160), -1)
    seen = Seen(iter([Frame(empty, k / FPS, k) for k in range(10)]))
    assert seen.people.known == []
