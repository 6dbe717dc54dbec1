"""``mer analyze --explain``: who explains, where it is written, what is said without anybody."""

import json
import re
from importlib.metadata import EntryPoint

import cv2
import numpy as np
import pytest

import realtime_mer.explaining
from realtime_mer.analyze_command import analyze_inputs
from realtime_mer.cli import app
from realtime_mer.errors import ConfigError
from realtime_mer.explaining import GROUP, Explained, open_explainer
from realtime_mer.sinks import FILES


def registered(monkeypatch, *values):
    entries = [EntryPoint(f"explainer_{n}", value, GROUP) for n, value in enumerate(values)]

    def found(group):
        assert group == GROUP
        return entries

    monkeypatch.setattr(realtime_mer.explaining, "entry_points", found)


def plain_explainer(package):
    """Paint the apex itself."""
    seen = []

    def explain(frames, sample):
        seen.append(sample)
        assert sample.shape == package.card.input_shape
        picture = np.ascontiguousarray(frames.crops_rgb[frames.apex][..., ::-1])
        return Explained(cv2.imencode(".jpg", picture)[1].tobytes(), f"Told {len(seen)} <times>.")

    return explain


def wordless_explainer(package):
    return lambda frames, sample: Explained(b"", "This answer cannot be explained.")


@pytest.fixture(scope="module")
def short(tmp_path_factory, sample):
    """The clip's first event alone."""
    from itertools import islice

    from realtime_mer.sources import open_source

    folder = tmp_path_factory.mktemp("clip") / "raise"
    folder.mkdir()
    with open_source(sample) as source:
        for frame in islice(source, 0, 160):
            name = str(folder / f"{frame.index:04d}.jpg")
            cv2.imwrite(name, np.ascontiguousarray(frame.image_rgb[..., ::-1]))
    return folder


def test_the_pictures_are_written_and_shown(monkeypatch, tmp_path, short):
    registered(monkeypatch, f"{__name__}:plain_explainer")
    assert analyze_inputs([str(short)], tmp_path, fps=60, explain=True) == 0
    folder = tmp_path / short.name
    events = json.loads((folder / "summary.json").read_text())["events"]
    assert events >= 1
    names = [path.name for path in sorted((folder / "explain").iterdir())]
    assert names == [f"event_{n:03d}.jpg" for n in range(1, events + 1)]
    page = (folder / "report.html").read_text()
    assert page.count('class="why"') == events
    assert "Told 1 &lt;times&gt;." in page
    assert "not where an\n        emotion is" in page
    assert not re.search(r'src="(?!data:)', page), "the page is self-contained"
    # Asked again without it, nothing of the earlier run stays.
    assert analyze_inputs([str(short)], tmp_path, fps=60) == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert 'class="why"' not in (folder / "report.html").read_text()


def test_words_alone_are_shown_without_a_picture(monkeypatch, tmp_path, short):
    registered(monkeypatch, f"{__name__}:wordless_explainer")
    assert analyze_inputs([str(short)], tmp_path, fps=60, explain=True) == 0
    folder = tmp_path / short.name
    assert "This answer cannot be explained." in (folder / "report.html").read_text()
    assert not (folder / "explain").exists()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ((), "--explain needs the bench and PyTorch: pip install"),
        (("no_such_room.explain:open",), "--explain needs PyTorch .*no_such_room.*: pip install"),
    ],
)
def test_without_what_it_needs_it_is_said_at_the_start(monkeypatch, tmp_path, values, says):
    registered(monkeypatch, *values)
    with pytest.raises(ConfigError, match=says):
        analyze_inputs(["sample"], tmp_path, explain=True)
    assert not any(tmp_path.iterdir())


def test_the_command_line_passes_it_on(monkeypatch, tmp_path):
    from typer.testing import CliRunner

    asked = {}

    def analyse(inputs, out, **options):
        asked.update(options)
        return 0

    monkeypatch.setattr("realtime_mer.analyze_command.analyze_inputs", analyse)
    for arguments, wanted in ((["--explain"], True), ([], False)):
        found = CliRunner().invoke(app, ["analyze", "sample", "--out", str(tmp_path), *arguments])
        assert found.exit_code == 0, found.output
        assert asked["explain"] is wanted


def test_the_bundled_package_is_explained_on_the_sample(monkeypatch, tmp_path, short):
    registered(monkeypatch, "offline.explain.package_explainer:open_explainer")
    assert analyze_inputs([str(short)], tmp_path, fps=60, explain=True) == 0
    folder = tmp_path / short.name
    events = json.loads((folder / "summary.json").read_text())["events"]
    pictures = sorted((folder / "explain").glob("event_*.jpg"))
    assert len(pictures) == events >= 1
    hot = cv2.imread(str(pictures[0]))[:320, :320].astype(float)
    red = hot[..., 2] - hot[..., 0]
    page = (folder / "report.html").read_text()
    assert "brow" in re.search(r"What spoke for surprise lies mostly at: ([^.]*)", page)[1]
    assert red.max() > 100


def test_an_explainer_gets_what_the_model_read(monkeypatch):
    from engines import load_package
    from realtime_mer.recognizer import default_package

    registered(monkeypatch, f"{__name__}:plain_explainer")
    explain = open_explainer(load_package(default_package()))
    assert callable(explain)
