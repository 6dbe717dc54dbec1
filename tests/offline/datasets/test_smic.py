import pytest

from offline.datasets.registry import open_dataset
from realtime_mer.errors import SourceError
from tests.offline.datasets import trees


def test_labels_come_from_names_and_the_apex_is_the_middle(tmp_path):
    trees.smic(tmp_path / "SMIC_all_raw")
    first, second, third = open_dataset("smic", tmp_path).samples
    assert (first.sample_id, first.group) == ("s01_s1_ne_01", ("smic", "s01"))
    assert [first.emotion, second.emotion, third.emotion] == ["negative", "positive", "surprise"]
    assert (first.source.onset, first.source.apex, first.source.offset) == (0, 5, 10)
    assert first.source.time_s[0] == pytest.approx(1.03)


def test_gaps_in_the_numbers_stay_gaps_in_time(tmp_path):
    trees.smic_clip(tmp_path, "s1_ne_01", 100, 110)
    (gone,) = tmp_path.rglob("image000104.bmp")
    gone.unlink()
    (sample,) = open_dataset("smic", tmp_path).samples
    assert len(sample.source.frames) == 10
    assert sample.source.time_s[4] - sample.source.time_s[3] == pytest.approx(0.02)


def test_padded_and_unpadded_names_are_one_clip_and_whole_pictures_come_first(tmp_path):
    trees.smic_clip(tmp_path / "SMIC_all_cropped", "s01_ne_01", 1, 30, form="reg_image{:06d}.bmp")
    trees.smic_clip(tmp_path / "SMIC_all_raw", "s1_ne_1", 1, 9)
    (sample,) = open_dataset("smic", tmp_path).samples
    assert not sample.source.cropped
    assert len(sample.source.frames) == 9


def test_other_cameras_contradictions_and_stubs_are_told(tmp_path):
    trees.smic(tmp_path)
    trees.smic_clip(tmp_path, "s11_ne_01", 1, 9, camera="VIS")
    trees.smic_clip(tmp_path, "s11_po_01", 1, 9, camera="SMIC_NIR")
    trees.smic_clip(tmp_path, "s11_po_01", 1, 99, camera="HS_long/SMIC-HS-E")
    trees.write_pictures(tmp_path / "HS/s3/micro/positive/s3_ne_01", ["image1.bmp", "image2.bmp"])
    trees.smic_clip(tmp_path, "s4_ne_01", 5, 5)
    trees.write_pictures(tmp_path / "HS/s4/non_micro/s4_n1", ["image1.bmp"])
    dataset = open_dataset("smic", tmp_path)
    assert len(dataset.samples) == 3
    assert [problem.where for problem in dataset.problems] == [
        "NIR",
        "SMIC-E",
        "VIS",
        "s3_ne_01",
        "s4_ne_01",
    ]


def test_of_two_pictures_the_second_is_the_apex(tmp_path):
    trees.smic_clip(tmp_path, "s4_ne_01", 5, 6)
    dataset = open_dataset("smic", tmp_path)
    (source,) = (sample.source for sample in dataset.samples)
    assert (source.onset, source.apex, source.offset) == (0, 1, 1)
    assert [(p.where, p.action) for p in dataset.problems] == [("s4_ne_01", "noted")]


def test_a_tree_without_clips_says_what_was_expected(tmp_path):
    (tmp_path / "SMIC_all_raw.zip").write_bytes(b"")
    with pytest.raises(SourceError, match=r"expected pictures such as HS/.*SMIC_all_raw.zip"):
        open_dataset("smic", tmp_path)


def test_the_root_itself_may_tell_that_pictures_are_cropped_or_of_another_camera(tmp_path):
    trees.smic_clip(tmp_path / "SMIC_all_cropped", "s1_ne_01", 1, 9)
    trees.smic_clip(tmp_path / "SMIC_all_cropped", "s1_ne_01", 1, 9, camera="VIS")
    for root in (tmp_path / "SMIC_all_cropped", tmp_path / "SMIC_all_cropped" / "HS"):
        assert open_dataset("smic", root).samples[0].source.cropped
    with pytest.raises(SourceError, match="another camera"):
        open_dataset("smic", tmp_path / "SMIC_all_cropped" / "VIS")


@pytest.mark.parametrize(("name", "camera"), [("smic-vis", "VIS"), ("smic-nir", "NIR")])
def test_the_slow_cameras_are_data_sets_of_their_own(tmp_path, name, camera):
    trees.smic(tmp_path)
    form = "image {:06d}.bmp"
    trees.smic_clip(tmp_path, "s11_po_01", 50, 58, camera=camera, form=form)
    dataset = open_dataset(name, tmp_path)
    (sample,) = dataset.samples
    assert (sample.sample_id, sample.group) == ("s11_s11_po_01", (name, "s11"))
    assert (sample.emotion, sample.source.apex) == ("positive", 4)
    assert sample.source.time_s[:2] == (2.0, 2.04)
    assert [(p.where, p.action) for p in dataset.problems] == [("HS", "dropped")]
    assert open_dataset(name, tmp_path / camera).samples[0].sample_id == sample.sample_id
    with pytest.raises(SourceError, match=rf"another camera.*give the folder with {camera}"):
        open_dataset(name, tmp_path / "HS")


def test_a_tree_without_the_wanted_camera_says_what_it_has(tmp_path):
    trees.smic(tmp_path)
    with pytest.raises(SourceError, match=r"no clip of the near-infrared camera.*HS: 3 clips"):
        open_dataset("smic-nir", tmp_path)
