import os
from pathlib import Path

import pytest

from realtime_mer.events import Evidence
from realtime_mer.live.evidence_store import EvidenceStore, Forgetful
from tests.realtime_mer.live.stand_in import pictures


def test_it_is_a_mapping_whose_pictures_lie_on_disk(tmp_path):
    with EvidenceStore(tmp_path / "new") as store:
        assert not (tmp_path / "new").exists()  # nothing found, nothing made
        told = Evidence(b"on", b"apex", b"", b"residual", b"why", "because, ü")
        store[1], store[7] = pictures(1), told
        assert list(store) == [1, 7]
        assert len(store) == 2
        assert store[1] == pictures(1)
        assert store[7] == told
        store[1] = pictures(2)
        assert store[1] == pictures(2)
        del store[7]
        assert store.get(7) is None
        with pytest.raises(KeyError):
            store[7]
        assert dict(store) == {1: pictures(2)}


def test_the_file_has_no_name_so_nothing_is_left_behind(tmp_path):
    with EvidenceStore(tmp_path) as store:
        store[1] = pictures(1)
        assert list(tmp_path.iterdir()) == []
        assert store[1].apex


def test_without_room_on_disk_an_event_goes_without_pictures(tmp_path, monkeypatch):
    with EvidenceStore(tmp_path) as store:
        store[1] = pictures(1)
        monkeypatch.setattr(os, "pwrite", full)
        store[2] = pictures(2)
        monkeypatch.undo()
        store[3] = pictures(3)
        assert store[2] == Evidence(b"", b"", b"", b"")
        assert store.left_out == 1
        assert (store[1], store[3]) == (pictures(1), pictures(3))


def full(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_a_folder_that_cannot_be_made_costs_pictures_only(tmp_path):
    (tmp_path / "file").touch()
    with EvidenceStore(tmp_path / "file" / "deeper") as store:
        store[1] = pictures(1)
        assert store[1].onset == b""
        assert store.left_out == 1


def test_without_a_folder_the_systems_is_used():
    with EvidenceStore() as store:
        store[1] = pictures(1)
        assert store[1] == pictures(1)


def test_memory_holds_places_only(tmp_path):
    with EvidenceStore(tmp_path) as store:
        large = Evidence(*[os.urandom(200_000)] * 4)
        before = resident_mb()
        for number in range(100):
            store[number] = large
        assert resident_mb() - before < 20
        assert store[99] == large


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_the_forgetful_one_keeps_nothing():
    store = Forgetful()
    store[1] = pictures(1)
    assert len(store) == 0
