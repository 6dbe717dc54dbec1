import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.flow_archive import stem
from offline.datasets.flow_picture import find_planes
from offline.datasets.inputs import InputReader
from offline.datasets.registry import open_dataset
from realtime_mer.errors import ConfigError, SourceError
from realtime_mer.recipes import archive_flow, archive_flow_strain

NAMES = (
    ("sub91", 0, "sub91_EP02_01f .png"),
    ("sub91", 1, "sub91_EP02_02f.png"),
    ("s91", 2, "s91_s91_sur_01"),
    ("906", 0, "906_906_1_2 .png"),
    ("906", 2, "906_906_1_3 .PNG"),
    ("mine", 1, "mine_1.png"),
)


def planes(seed, side=28):
    """u, v and strain of a bump of motion, each scaled to 0…255."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    u, v = np.zeros((2, side, side))
    for _ in range(4):
        (cx, cy), (du, dv) = rng.uniform(0.2, 0.8, 2), rng.normal(0, 1, 2)
        bump = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.02)
        u, v = u + du * bump, v + dv * bump
    ux, uy, vx, vy = *np.gradient(u)[::-1], *np.gradient(v)[::-1]
    strain = np.sqrt(ux**2 + vy**2 + 0.5 * (uy + vx) ** 2)
    scale = [(255 * (p - p.min()) / np.ptp(p)).astype(np.uint8) for p in (u, v, strain)]
    return scale


def encode(channels):
    """PNG bytes of channels in OpenCV's order."""
    return cv2.imencode(".png", np.dstack(channels))[1].tobytes()


def usual(seed):
    u, v, strain = planes(seed)
    return encode((strain, v, u))


def swapped(seed):
    return encode(planes(seed))


def tree(root, write=usual, names=NAMES):
    for seed, (subject, label, name) in enumerate(names):
        folder = root / subject / "u_test" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(write(seed))
        copies = root / "906" / "u_train" / str(label)
        copies.mkdir(parents=True, exist_ok=True)
        (copies / name).write_bytes(write(seed))


@pytest.mark.parametrize(
    "inner", [".", "three_norm_u_v_os", "datasets/three_norm_u_v_os", "any", "net/net/datasets/any"]
)
def test_a_tree_of_tests_is_read_and_its_training_copies_are_not(tmp_path, inner):
    tree(tmp_path / inner)
    dataset = open_dataset("flow-archive", tmp_path)
    assert [(s.dataset, s.subject, s.sample_id, s.emotion) for s in dataset.samples] == [
        ("casme2", "sub91", "sub91_EP02_01f", "negative"),
        ("casme2", "sub91", "sub91_EP02_02f", "positive"),
        ("flow-archive", "mine", "mine_1", "positive"),
        ("samm", "906", "906_906_1_2", "negative"),
        ("samm", "906", "906_906_1_3", "surprise"),
        ("smic", "s91", "s91_s91_sur_01", "surprise"),
    ]
    assert dataset.problems == ()


@pytest.mark.parametrize(("write", "expected", "notes"), [(usual, (0, 1), 0), (swapped, (2, 1), 1)])
def test_the_order_of_channels_is_told_by_their_values(tmp_path, write, expected, notes):
    tree(tmp_path, write)
    dataset = open_dataset("flow-archive", tmp_path)
    assert {sample.source.planes for sample in dataset.samples} == {expected}
    assert [p.action for p in dataset.problems] == ["noted"] * notes
    mine = next(s for s in dataset.samples if s.sample_id == "mine_1")
    u, v, strain = (plane.astype(np.float32) for plane in planes(5))
    with InputReader() as reader:
        np.testing.assert_array_equal(reader.read(mine, "onset_apex_flow"), archive_flow(u, v))
        both = reader.read(mine, "onset_apex_strain")
        np.testing.assert_array_equal(both, archive_flow_strain(u, v, strain))
        with pytest.raises(ConfigError, match="needs pictures; a flow archive holds only motion"):
            reader.read(mine, "no_such_recipe")


def test_channels_that_look_alike_are_taken_as_usual_and_told(tmp_path):
    u, v, _ = planes(0)
    tree(tmp_path, lambda seed: encode((u, v, u)))
    dataset = open_dataset("flow-archive", tmp_path)
    assert dataset.samples[0].source.planes == (0, 1)
    assert "cannot tell" in dataset.problems[0].reason


@given(st.integers(0, 10_000))
def test_many_pictures_together_tell_the_order(seed):
    pictures = [np.dstack(planes(seed * 10 + k, 14)) for k in range(10)]
    assert find_planes(pictures) == ((0, 1), True)
    assert find_planes([picture[..., ::-1] for picture in pictures]) == ((2, 1), True)


def test_what_is_no_flow_picture_is_dropped_with_its_reason(tmp_path):
    tree(tmp_path)
    folder = tmp_path / "906" / "u_test" / "0"
    (folder / "906_906_1_4 .png").write_bytes(b"no picture")
    (folder / "906_906_1_5 .png").write_bytes(b"")
    (folder / "906_906_1_6 .png").write_bytes(
        cv2.imencode(".png", np.zeros((28, 28), np.uint8))[1].tobytes()
    )
    (folder / ".DS_Store").write_bytes(b"")
    (folder / "Thumbs.db").write_bytes(b"")
    (tmp_path / "907" / "u_train").mkdir(parents=True)
    (tmp_path / "906" / "u_test" / "7").mkdir()
    (tmp_path / "readme.txt").write_text("hello")
    dataset = open_dataset("flow-archive", tmp_path)
    assert len(dataset.samples) == len(NAMES)
    assert sorted(problem.where for problem in dataset.problems) == [
        "906 906_906_1_4",
        "906 906_906_1_5",
        "906 906_906_1_6",
        "906/u_test/7",
        "907",
        "readme.txt",
    ]
    assert {problem.action for problem in dataset.problems} == {"dropped"}


def test_a_name_counts_once_and_a_contradiction_not_at_all(tmp_path):
    again = [("906", 0, "906_906_1_2.png"), ("sub91", 0, "sub91_EP02_02f")]
    tree(tmp_path, names=[*NAMES, *again])
    dataset = open_dataset("flow-archive", tmp_path)
    names = [sample.sample_id for sample in dataset.samples]
    assert names.count("906_906_1_2") == 1
    assert "sub91_EP02_02f" not in names
    assert [problem.where for problem in dataset.problems] == ["906_906_1_2", "sub91_EP02_02f"]


def test_mere_numbers_are_told_apart_by_their_subject(tmp_path):
    tree(tmp_path, names=[("a", 0, "001.png"), ("b", 0, "001.png"), ("b", 1, "002.png")])
    dataset = open_dataset("flow-archive", tmp_path)
    assert [sample.sample_id for sample in dataset.samples] == ["a_001", "002", "b_001"]


ROWS = (
    ("casme2", "sub91", "EP02_01f", 0),
    ("smic", "s91", "s91_sur_01", 2),
    ("samm", "6", "006_9_2", 1),
    ("samm", "6", "006_9_3", 1),
)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("where", ["inside", "beside"])
def test_a_flat_folder_with_a_list_of_labels(tmp_path, header, where):
    root = tmp_path / "pictures"
    folder = root / "STSNet_whole_norm_u_v_os"
    folder.mkdir(parents=True)
    names = ("sub91_EP02_01f .png", "s91_s91_sur_01", "006_006_9_2.png", "spare .png")
    for seed, name in enumerate(names):
        (folder / name).write_bytes(usual(seed))
    head = "dataset,sub,filename_o,label,apex,imagename\r\n" if header else ""
    lines = [",".join(map(str, row)) + (",,x.jpg" if header else "") for row in ROWS]
    lines.append("samm,6,006_9_9,5" + (",,x.jpg" if header else ""))
    csv = (root if where == "inside" else tmp_path) / "combined_3class_gt.csv"
    csv.write_text(head + "\r\n".join(lines) + "\r\n", newline="")
    dataset = open_dataset("flow-archive", root)
    assert [(s.dataset, s.subject, s.sample_id, s.emotion) for s in dataset.samples] == [
        ("casme2", "sub91", "sub91_EP02_01f", "negative"),
        ("samm", "006", "006_006_9_2", "positive"),
        ("smic", "s91", "s91_s91_sur_01", "surprise"),
    ]
    assert [problem.where for problem in dataset.problems] == [
        f"{csv.name}, row {len(ROWS) + 1 + header}",
        "006 006_006_9_3",
        "spare",
    ]


def test_of_two_flat_folders_the_one_named_after_motion_counts(tmp_path):
    for folder in ("Faces", "whole_norm_u_v_os"):
        (tmp_path / "datasets" / folder).mkdir(parents=True)
        for seed, (_, subject, clip, _) in enumerate(ROWS):
            subject = subject.zfill(3)
            (tmp_path / "datasets" / folder / f"{subject}_{clip}.png").write_bytes(usual(seed))
    lines = [",".join(map(str, row)) for row in ROWS]
    (tmp_path / "combined_3class_gt.csv").write_text("\n".join(lines))
    for root in (tmp_path, tmp_path / "datasets" / "whole_norm_u_v_os"):
        samples = open_dataset("flow-archive", root).samples
        assert len(samples) == len(ROWS)
        assert {sample.source.path.parent.name for sample in samples} == {"whole_norm_u_v_os"}


def test_an_opaque_fourth_channel_does_not_matter(tmp_path):
    tree(tmp_path, lambda seed: encode((*planes(seed)[::-1], np.full((28, 28), 255, np.uint8))))
    dataset = open_dataset("flow-archive", tmp_path)
    assert {sample.source.planes for sample in dataset.samples} == {(0, 1)}
    assert dataset.problems == ()


def test_what_is_no_archive_says_what_was_expected(tmp_path):
    (tmp_path / "archive.zip").write_bytes(b"")
    with pytest.raises(SourceError, match=r"<subject>/u_test/.*found archive.zip"):
        open_dataset("flow-archive", tmp_path)
    tree(tmp_path, lambda seed: b"torn")
    with pytest.raises(SourceError, match="none of the 6 files"):
        open_dataset("flow-archive", tmp_path)


@given(st.text("ab_01", min_size=1), st.sampled_from(["", ".png", " .png", ".PNG", "  .jpg"]))
def test_stems(name, tail):
    assert stem(name + tail) == name
