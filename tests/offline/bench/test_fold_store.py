import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.bench.code_version import STREAM, code_version
from offline.bench.fold_store import Fold, digest_of, open_folds
from offline.bench.learning import Material
from realtime_mer.errors import OutputError

finite = st.floats(0, 1, allow_nan=False)
PRINTABLE = st.characters(categories=("L", "M", "N", "P", "S"), include_characters=" ")
folds = st.builds(
    Fold,
    name=st.text(PRINTABLE, min_size=1, max_size=20),
    seed=st.integers(0, 100),
    samples=st.lists(st.text(max_size=8), min_size=1, max_size=3).map(tuple),
    probabilities=st.lists(st.tuples(finite, finite), min_size=1, max_size=3).map(tuple),
    train=st.just(((1, 2), (3, 4))),
    chosen=st.dictionaries(st.text(max_size=4), finite, max_size=2),
)


def fold(name="a/1", seed=0):
    return Fold(name, seed, ("x", "y"), ((0.1, 0.9), (1 / 3, 2 / 3)), ((1, 0), (0, 1)), {"C": 0.1})


@settings(max_examples=40, deadline=None)
@given(st.lists(folds, max_size=5))
def test_what_was_appended_is_there_again_to_the_last_bit(tmp_path_factory, written):
    out = tmp_path_factory.mktemp("store")
    with open_folds(out, "d") as store:
        for each in written:
            store.append(each)
    with open_folds(out, "d") as store:
        assert store.rows == {each.key: each for each in written}


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_torn_last_line_is_forgotten_and_overwritten(tmp_path, cut):
    with open_folds(tmp_path, "d") as store:
        store.append(fold("a/1"))
        store.append(fold("a/2"))
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:-cut])
    with open_folds(tmp_path, "d") as again:
        assert list(again.rows) == [("a/1", 0)]
        again.append(fold("a/2"))
    assert store.path.read_bytes() == whole


def test_a_damaged_line_is_not_believed(tmp_path):
    with open_folds(tmp_path, "d") as store:
        store.append(fold())
    data = store.path.read_bytes()
    store.path.write_bytes(data.replace(b"0.9", b"0.8"))
    with open_folds(tmp_path, "d") as again:
        assert not again.rows


def test_another_digest_is_another_file(tmp_path):
    with open_folds(tmp_path, "one") as store:
        store.append(fold())
    with open_folds(tmp_path, "two") as other:
        assert not other.rows


def test_two_processes_do_not_write_one_file(tmp_path):
    code = (
        "import sys; from pathlib import Path; from offline.bench.fold_store import open_folds\n"
        "with open_folds(Path(sys.argv[1]), 'd'): print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "open\n"
        with pytest.raises(OutputError, match="another run is writing"):
            open_folds(tmp_path, "d")
        process.communicate()
    open_folds(tmp_path, "d").__exit__(None, None, None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="choose another --out"):
        open_folds(tmp_path, "d")


def test_the_digest_tells_configuration_inputs_targets_and_people_apart():
    inputs = np.zeros((2, 3), np.float32)
    targets = np.eye(2, dtype=np.float32)
    groups = (("a", "1"), ("b", "1"))
    plain = digest_of({"k": 1}, ["x", "y"], Material(inputs, targets, groups))
    assert plain == digest_of({"k": 1}, ["x", "y"], Material(inputs.copy(), targets, groups))
    others = {
        digest_of({"k": 2}, ["x", "y"], Material(inputs, targets, groups)),
        digest_of({"k": 1}, ["x", "z"], Material(inputs, targets, groups)),
        digest_of({"k": 1}, ["x", "y"], Material(inputs + 1, targets, groups)),
        digest_of({"k": 1}, ["x", "y"], Material(inputs, targets[::-1], groups)),
        digest_of({"k": 1}, ["x", "y"], Material(inputs, targets, groups[::-1])),
        digest_of({"k": 1}, ["x", "y"], Material(inputs, targets, groups, exclusive=False)),
    }
    assert plain not in others
    assert len(others) == 6


def test_the_code_has_a_version():
    assert len(code_version()) == 16
    assert int(code_version(), 16) >= 0
    assert code_version(STREAM) != code_version()
