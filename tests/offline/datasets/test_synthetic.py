import shutil
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from offline.datasets.registry import open_dataset
from offline.synthesis.truth import Truth
from offline.tasks.protocols import apply_protocol, default_protocol
from realtime_mer.errors import SourceError

DATA = Path(str(resources.files("realtime_mer") / "data"))


@pytest.fixture
def suite(tmp_path):
    """Two copies of the bundled sample, one in a folder of its own."""
    for folder in (tmp_path, tmp_path / "more"):
        folder.mkdir(exist_ok=True)
        shutil.copy(DATA / "sample.mp4", folder)
        shutil.copy(DATA / "sample.truth.json", folder)
    return tmp_path


def test_every_planted_micro_expression_is_a_sample(suite):
    truth = Truth.load(DATA / "sample.truth.json")
    found = open_dataset("synthetic", suite)
    assert len(found.samples) == 2 * len(truth.micro_expressions)
    assert len({sample.sample_id for sample in found.samples}) == len(found.samples)
    assert {sample.group for sample in found.samples} == {("synthetic", truth.portrait)}
    assert all(truth.portrait in sample.sample_id for sample in found.samples)
    first, planted = found.samples[-len(truth.micro_expressions)], truth.micro_expressions[0]
    assert first.emotion == planted.emotion
    assert (first.source.onset_s, first.source.apex_s) == (planted.onset_s, planted.apex_s)
    assert first.action_units == "+".join(str(unit) for unit, *_ in planted.action_units)
    assert not found.problems
    task = apply_protocol(found, default_protocol(found))
    assert task.name == "megc2019"
    assert len(task.rows) == len(found.samples)


def test_what_is_missing_or_broken_is_told(suite):
    (suite / "sample.mp4").unlink()
    (suite / "broken.truth.json").write_text("{")
    found = open_dataset("synthetic", suite)
    assert len(found.samples) == 3
    assert {(each.where, each.action) for each in found.problems} == {
        ("sample.truth.json", "dropped"),
        ("broken.truth.json", "dropped"),
    }


def test_nothing_rendered_is_refused(tmp_path):
    with pytest.raises(SourceError, match="mer synth"):
        open_dataset("synthetic", tmp_path)
    truth = Truth.load(DATA / "sample.truth.json")
    replace(truth, micro_expressions=()).save(tmp_path / "sample.truth.json")
    shutil.copy(DATA / "sample.mp4", tmp_path)
    with pytest.raises(SourceError, match="no micro-expression planted in the 1 clips"):
        open_dataset("synthetic", tmp_path)
