from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.clip_tree import SNAP_FRAMES, ClipFolder, cut_clip, picture_folders
from tests.offline.datasets import trees

NUMBERS = st.sets(st.integers(0, 60), min_size=1).map(sorted)
MOMENTS = st.tuples(*[st.integers(-9, 70)] * 3)


def folder_of(numbers):
    names = tuple(f"img{n}.jpg" for n in numbers)
    return ClipFolder(Path("clip"), ("clip",), tuple(numbers), names, 0)


@given(NUMBERS, MOMENTS, st.booleans())
def test_a_clip_is_in_order_or_there_is_a_reason(numbers, moments, to_the_ends):
    clip, told = cut_clip(folder_of(numbers), moments, 30.0, to_the_ends=to_the_ends)
    if clip is None:
        assert told
        return
    assert 0 <= clip.onset < clip.apex <= clip.offset == len(clip.frames) - 1
    assert list(clip.time_s) == sorted(set(clip.time_s))
    found = [int(clip.frames[k].stem[3:]) for k in (clip.onset, clip.apex, clip.offset)]
    assert bool(told) == (found != list(moments))
    spread = (numbers[-1] - numbers[0]) / max(1, len(numbers) - 1)
    if not to_the_ends:
        assert abs(found[0] - moments[0]) <= max(SNAP_FRAMES, spread)
    kept = len([n for n in numbers if found[0] <= n <= found[2]])
    assert abs(found[1] - moments[1]) <= max(SNAP_FRAMES, (found[2] - found[0]) / (kept - 1))


@pytest.mark.parametrize(
    ("numbers", "moments", "found"),
    [
        (
            (10, 70),
            (10, 28, 70),
            (10, 70, 70),
        ),  # the apex was repaired, and only the ends are there
        ((10, 70, 79), (10, 44, 70), (10, 70, 70)),
        ((10, 40, 70), (10, 28, 70), (10, 40, 70)),
        ((10, 40), (10, 40, 70), (10, 40, 40)),
        (range(0, 90, 10), (14, 36, 71), (10, 40, 70)),
        (range(10, 31), (10, 28, 70), (10, 28, 30)),
        ((*range(10, 31), *range(60, 81)), (10, 28, 45), (10, 28, 30)),
        ((40, 70), (10, 40, 70), None),
        ((*range(10, 21), *range(60, 81)), (10, 40, 70), None),
        ((10,), (10, 28, 70), None),
        (range(10, 81), (10, 9, 70), None),
        (range(10, 81), (10, 71, 70), None),
    ],
)
def test_missing_pictures_have_neighbours_as_far_as_pictures_are_apart(numbers, moments, found):
    clip, told = cut_clip(folder_of(tuple(numbers)), moments, 200.0)
    assert told
    if found is None:
        assert clip is None
    else:
        places = (clip.onset, clip.apex, clip.offset)
        assert tuple(int(clip.frames[place].stem[3:]) for place in places) == found


def test_only_wanted_folders_are_looked_into_and_links_do_not_go_round(tmp_path):
    for name in ("a", "b", ".hidden", "__MACOSX"):
        trees.write_pictures(tmp_path / name, ["img2.jpg", "img10.jpg", "._img3.jpg", "cover.png"])
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (folder,) = picture_folders(tmp_path, lambda parts: parts == ("a",))
    assert (folder.numbers, folder.names) == ((2, 10), ("img2.jpg", "img10.jpg"))
    assert folder.unnumbered == 1
    assert len(list(picture_folders(tmp_path, bool))) == 2
