import csv
import io
import json
import os
from pathlib import Path

import pytest

from realtime_mer.errors import OutputError
from realtime_mer.sinks import FILES, check_writable, write_all
from tests.realtime_mer.sinks import makers

CONTRACT = {"events.csv", "events.eaf", "events.vtt", "report.html", "summary.json"}


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_the_whole_set_is_written_from_one_table(tmp_path):
    out = tmp_path / "deep" / "clip"
    written = write_all(makers.analysis(), out)
    assert set(written) == CONTRACT == set(FILES) == set(_names(out))
    assert all(path == out / name for name, path in written.items())
    (row,) = csv.DictReader(io.StringIO(written["events.csv"].read_text(encoding="utf-8")))
    assert row["onset_s"] == "3.000000"
    assert "00:00:03.000 -->" in written["events.vtt"].read_text(encoding="utf-8")
    assert 'TIME_VALUE="3000"' in written["events.eaf"].read_text(encoding="utf-8")
    assert json.loads(written["summary.json"].read_bytes())["events"] == 1


def test_old_results_are_replaced_and_other_files_left_alone(tmp_path):
    write_all(makers.analysis(), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    write_all(makers.analysis(()), tmp_path)
    after = _contents(tmp_path)
    assert set(after) == CONTRACT | {"notes.txt"}
    assert after["notes.txt"] == b"mine"
    assert after["events.csv"].count(b"\n") == 1
    assert json.loads(after["summary.json"])["events"] == 0


@pytest.mark.parametrize("fails_at", range(1, 11))
def test_a_failure_half_way_leaves_the_old_set(tmp_path, monkeypatch, fails_at):
    write_all(makers.analysis(), tmp_path)
    before = _contents(tmp_path)
    moves, honest = [], Path.replace

    def replace(self, target):
        moves.append(target)
        if len(moves) == fails_at:
            raise OSError(28, "No space left on device")
        return honest(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(OutputError, match="No space left on device; free some space"):
            write_all(makers.analysis(()), tmp_path)
    assert _contents(tmp_path) == before


def test_an_unusable_analysis_touches_nothing(tmp_path):
    write_all(makers.analysis(), tmp_path)
    before = _contents(tmp_path)
    with pytest.raises(TypeError, match="summary"):
        write_all(makers.analysis(summary={"where": tmp_path}), tmp_path)
    assert _contents(tmp_path) == before


@pytest.mark.parametrize("action", [check_writable, lambda out: write_all(makers.analysis(), out)])
class TestUnwritable:
    def test_below_a_file(self, tmp_path, action):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match=r"file/out'.*; .*choose another folder"):
            action(tmp_path / "file" / "out")

    def test_a_file_itself(self, tmp_path, action):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="cannot write the results into"):
            action(tmp_path / "file")

    def test_a_folder_named_like_a_result(self, tmp_path, action):
        (tmp_path / "report.html").mkdir()
        with pytest.raises(OutputError, match="Is a directory; a folder has the name"):
            action(tmp_path)
        assert _names(tmp_path) == ["report.html"]

    def test_a_name_too_long(self, tmp_path, action):
        with pytest.raises(OutputError, match="choose a shorter path"):
            action(tmp_path / ("x" * 300))

    @pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's /proc")
    def test_where_nobody_may_write(self, action):
        with pytest.raises(OutputError, match=r"'/proc/mer'.*choose"):
            action(Path("/proc/mer"))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_without_permission(self, tmp_path, action):
        tmp_path.chmod(0o500)
        with pytest.raises(OutputError, match="Permission denied; choose a folder that you may"):
            action(tmp_path / "out")


def test_checking_leaves_no_trace(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert _names(tmp_path) == []
    check_writable(tmp_path)
    assert _names(tmp_path) == []


def test_an_output_error_is_an_os_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="results"):
        check_writable(tmp_path / "file")
