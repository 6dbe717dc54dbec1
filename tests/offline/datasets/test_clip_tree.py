from pathlib import Path

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
    assert abs(found[1] - moments[1]) <= SNAP_FRAMES
    if not to_the_ends:
        assert max(abs(a - b) for a, b in zip(found, moments, strict=True)) <= SNAP_FRAMES


def test_only_wanted_folders_are_looked_into_and_links_do_not_go_round(tmp_path):
    for name in ("a", "b", ".hidden", "__MACOSX"):
        trees.write_pictures(tmp_path / name, ["img2.jpg", "img10.jpg", "._img3.jpg", "cover.png"])
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (folder,) = picture_folders(tmp_path, lambda parts: parts == ("a",))
    assert (folder.numbers, folder.names) == ((2, 10), ("img2.jpg", "img10.jpg"))
    assert folder.unnumbered == 1
    assert len(list(picture_folders(tmp_path, bool))) == 2
