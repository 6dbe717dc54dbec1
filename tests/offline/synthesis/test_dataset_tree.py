import json
import shutil
from dataclasses import replace

import pytest

from offline.synthesis import dataset_tree
from offline.synthesis.dataset_tree import UNFINISHED, make_dataset
from offline.synthesis.layouts.flow_archive import Album
from offline.synthesis.layouts.layout import TreeSettings
from offline.synthesis.tree_truth import TreeTruth
from realtime_mer.errors import ConfigError, OutputError

TINY = TreeSettings(seed=4, subjects=1, clips=2, scale=0.1)
MAPS = TreeSettings(seed=4, subjects=4, clips=1)


def content(root):
    """Every file's bytes by its path below ``root``."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def finished(portrait, tmp_path_factory):
    root = tmp_path_factory.mktemp("finished")
    make_dataset("casme2", root, TINY, [portrait])
    return root


def test_equal_seeds_give_equal_bytes_and_another_seed_does_not(finished, portrait, tmp_path):
    make_dataset("casme2", tmp_path / "again", TINY, [portrait])
    assert content(tmp_path / "again") == content(finished)
    other = TreeSettings(5, 1, 1, 0.1)
    make_dataset("casme2", tmp_path / "other", other, [portrait])
    assert not set(content(finished).values()) & {
        data
        for name, data in content(tmp_path / "other").items()
        if name.endswith(".jpg") or name == "truth.json"
    }


def test_a_finished_set_gets_back_a_folder_that_was_lost(finished, portrait, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(finished, root)
    truth = TreeTruth.load(root / "truth.json")
    shutil.rmtree(root / truth.clips[1].folder)
    told = []
    again = make_dataset("casme2", root, TINY, [portrait], lambda *done: told.append(done))
    assert content(root) == content(finished)
    assert again == truth
    assert told == [(1, 2), (2, 2)]


def test_a_run_that_was_stopped_goes_on_where_it_was(portrait, tmp_path, monkeypatch):
    whole, root = tmp_path / "whole", tmp_path / "stopped"
    make_dataset("flow-archive", whole, MAPS, [portrait])
    write, written = Album.write, []

    def stops(album, into, portraits):
        if len(written) == 2:
            (into / "half").write_bytes(b"half a picture")
            raise KeyboardInterrupt
        written.append(album.folder)
        write(album, into, portraits)

    monkeypatch.setattr(Album, "write", stops)
    with pytest.raises(KeyboardInterrupt):
        make_dataset("flow-archive", root, MAPS, [portrait])
    assert (root / UNFINISHED).is_file()
    assert not (root / "truth.json").exists()
    monkeypatch.setattr(Album, "write", write)
    told = []
    make_dataset("flow-archive", root, MAPS, [portrait], lambda *done: told.append(done))
    assert told[0] == (2, 4)
    assert content(root) == content(whole)


def test_the_result_does_not_depend_on_how_many_work(portrait, tmp_path):
    make_dataset("flow-archive", tmp_path / "one", MAPS, [portrait], workers=1)
    make_dataset("flow-archive", tmp_path / "two", MAPS, [portrait], workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_portraits_take_turns(portrait, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "offline.synthesis.layouts.recording.render_clip",
        lambda spec, face: seen.append(face.name) or [],
    )
    faces = [portrait, replace(portrait, name="somebody")]
    settings = TreeSettings(subjects=4, clips=1)
    truth = make_dataset("casme", tmp_path, settings, faces)
    assert truth.portraits == ("astronaut", "somebody")
    assert seen == ["astronaut", "somebody"] * 2
    with pytest.raises(ConfigError, match="at least one portrait"):
        make_dataset("casme", tmp_path / "x", settings, [])


def test_other_peoples_folders_are_left_alone(finished, portrait, tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OutputError, match="not empty"):
        make_dataset("casme2", tmp_path, TINY, [portrait])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    before = content(finished)
    for layout, settings in (("casme2", TreeSettings(9, 1, 2, 0.1)), ("samm", TINY)):
        with pytest.raises(OutputError, match="another data set"):
            make_dataset(layout, finished, settings, [portrait])
    assert content(finished) == before
    (tmp_path / "thesis.txt").unlink()
    (tmp_path / "truth.json").write_text("no truth", encoding="utf-8")
    with pytest.raises(OutputError, match="another data set"):
        make_dataset("casme2", tmp_path, TINY, [portrait])


def test_a_folder_that_cannot_be_made(portrait, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write the data set"):
        make_dataset("casme2", tmp_path / "file" / "x", TINY, [portrait])


def test_nothing_unfinished_is_left_and_the_truth_is_plain_json(finished):
    assert {path.name for path in finished.iterdir()} == {
        "CASME2_RAW_selected",
        "CASME2-coding-20190701.xlsx",
        "CASME2-ObjectiveClasses.xlsx",
        "truth.json",
    }
    values = json.loads((finished / "truth.json").read_text(encoding="utf-8"))
    assert values["settings"]["seed"] == 4
    assert values["portraits"] == ["astronaut"]
    assert values["clips"][0]["marks"][0]["frames"][0] >= 16
    assert dataset_tree.FILE == "truth.json"
