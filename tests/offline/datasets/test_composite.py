import pytest

from offline.datasets.registry import DATASETS, open_dataset
from offline.protocols import apply_protocol
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


def test_unknown_names_and_missing_roots(tmp_path):
    with pytest.raises(ConfigError, match="casme2, smic, samm, composite, flow-archive, reviewed"):
        open_dataset("casme9", tmp_path)
    for name in DATASETS:
        with pytest.raises(SourceError, match="does not exist"):
            open_dataset(name, tmp_path / "nowhere")
        with pytest.raises(SourceError):
            open_dataset(name, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="is a file"):
        open_dataset("smic", tmp_path / "file")
