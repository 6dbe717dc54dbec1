import pytest

from offline.datasets.registry import DATASETS, open_dataset
from offline.tasks.protocols import apply_protocol
from realtime_mer.errors import ConfigError, SourceError
from tests.offline.datasets import trees


@pytest.mark.parametrize(
    "names",
    [
        ("casme2", "smic", "samm"),
        ("CASME II", "SMIC_all_raw", "SAMM"),
        ("CASMEII", "Smic", "SAMM_v2"),
    ],
)
def test_three_folders_make_one_data_set(tmp_path, names):
    for write, name in zip((trees.casme2, trees.smic, trees.samm), names, strict=True):
        (tmp_path / name).mkdir()
        write(tmp_path / name)
    (tmp_path / names[2] / "007" / "007_9_1").mkdir(parents=True)
    trees.samm_pictures(tmp_path / names[2], "007_9_1", 1, 4)
    dataset = open_dataset("composite", tmp_path)
    assert [sample.dataset for sample in dataset.samples] == (
        ["casme2"] * 2 + ["smic"] * 3 + ["samm"] * 2
    )
    assert [problem.where for problem in dataset.problems] == ["samm 007 007_9_1"]
    task = apply_protocol(dataset, "megc2019")
    assert [label for _, label in task.rows] == [1, 0, 0, 1, 2, 0]


def test_a_missing_or_doubled_part_is_refused(tmp_path):
    for write, name in ((trees.casme2, "casme2"), (trees.smic, "smic")):
        write(tmp_path / name)
    with pytest.raises(SourceError, match=r"needs one folder for samm.*found casme2, smic"):
        open_dataset("composite", tmp_path)
    (tmp_path / "SAMM_old").mkdir()
    (tmp_path / "SAMM_new").mkdir()
    with pytest.raises(SourceError, match="found SAMM_new, SAMM_old"):
        open_dataset("composite", tmp_path)


WRITERS = {
    "casme": trees.casme,
    "casme2": trees.casme2,
    "casme3": trees.casme3,
    "fourdme": trees.fourdme,
    "mmew": trees.mmew,
    "samm": trees.samm,
    "smic": trees.smic,
}


@pytest.mark.parametrize(
    "folders",
    [
        dict.fromkeys(WRITERS),
        {
            "casme": "CASME_v1",
            "casme2": "CASME II",
            "casme3": "CAS(ME)^3",
            "fourdme": "4DME",
            "mmew": "MMEW_Final",
            "samm": "SAMM-2018",
            "smic": "SMIC-HS",
        },
    ],
)
def test_any_image_data_sets_may_be_wanted_in_any_order(tmp_path, folders):
    for name, folder in folders.items():
        WRITERS[name](tmp_path / (folder or name))
    for other in ("CAS(ME)^2", "SAMM_longvideos", "SMIC-E_raw image", "notes"):
        (tmp_path / other).mkdir()
    wanted = list(WRITERS)[::-1]
    dataset = open_dataset("composite", tmp_path, wanted)
    found = list(dict.fromkeys(sample.dataset for sample in dataset.samples))
    assert found == wanted
    assert dataset.problems == ()
    assert {s.dataset for s in open_dataset("composite", tmp_path, ["casme"]).samples} == {"casme"}
    assert open_dataset("casme3", tmp_path / (folders["casme3"] or "casme3"), wanted).samples


def test_the_folder_of_another_data_set_does_not_do(tmp_path):
    trees.casme2(tmp_path / "CASME2")
    trees.casme2(tmp_path / "CAS(ME)^2")
    with pytest.raises(SourceError, match=r"one folder for casme, .*; put one folder of each of"):
        open_dataset("composite", tmp_path, ["casme", "casme2"])
    assert len(open_dataset("composite", tmp_path, ["casme2"]).samples) == 2


def test_cameras_of_smic_share_a_folder_but_not_a_composite(tmp_path):
    trees.casme2(tmp_path / "CASME2")
    trees.smic_clip(tmp_path / "SMIC_all_raw", "s11_ne_01", 1, 9, camera="VIS")
    dataset = open_dataset("composite", tmp_path, ["casme2", "smic-vis"])
    assert [sample.dataset for sample in dataset.samples] == ["casme2", "casme2", "smic-vis"]
    with pytest.raises(ConfigError, match="smic and smic-vis show the same people"):
        open_dataset("composite", tmp_path, ["smic", "smic-vis"])


@pytest.mark.parametrize("wanted", [["casme2", "synthetic"], []])
def test_what_cannot_be_wanted_is_refused(tmp_path, wanted):
    with pytest.raises(ConfigError, match=r"cannot have (synthetic|no part); give some of casme"):
        open_dataset("composite", tmp_path, wanted)


def test_unknown_names_and_missing_roots(tmp_path):
    with pytest.raises(ConfigError, match=r"one of casme, casme2, .*fourdme, composite"):
        open_dataset("casme9", tmp_path)
    for name in DATASETS:
        with pytest.raises(SourceError, match="does not exist"):
            open_dataset(name, tmp_path / "nowhere")
        with pytest.raises(SourceError):
            open_dataset(name, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="is a file"):
        open_dataset("smic", tmp_path / "file")
