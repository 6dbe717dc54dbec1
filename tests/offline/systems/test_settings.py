import hashlib

import pytest

from offline.learners.svm import LinearSvm
from offline.systems.learner import SystemLearner
from offline.systems.settings import files_of, parsed, with_settings
from realtime_mer.errors import ConfigError


def test_words_become_settings_of_their_own_kind():
    found = parsed(["retrain=layer3", "epochs=3", "attention=true", "share=0.5", "weights="])
    assert found == {
        "retrain": "layer3", "epochs": 3, "attention": True, "share": 0.5, "weights": "",
    }  # fmt: skip
    assert parsed([]) == {}


@pytest.mark.parametrize("words", [["epochs"], ["=3"], ["epochs=1", "epochs=2"]])
def test_a_word_that_sets_nothing_is_refused(words):
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        parsed(words)


def test_settings_reach_the_system():
    learner = SystemLearner("vggface_lstm", ("a", "b"))
    changed = with_settings(learner, "vggface_lstm", True, {"retrain": "layer3", "hidden": 8}, "")
    assert changed.found.smoke
    assert (changed.found.retrain, changed.found.hidden) == ("layer3", 8)
    assert not learner.found.smoke
    assert with_settings(learner, "vggface_lstm", False, {}, "") == learner


@pytest.mark.parametrize("model", ["vggface_lstm", "cropnet", "cnn_lstm_se", "dstan"])
def test_an_unknown_setting_is_refused_by_name(model):
    learner = SystemLearner(model, ("a", "b"))
    with pytest.raises(ConfigError, match="abacus"):
        with_settings(learner, model, False, {"abacus": 1}, "")


@pytest.mark.parametrize(("changes", "start"), [({"epochs": 1}, ""), ({}, "weights.safetensors")])
def test_models_without_settings_say_so(changes, start):
    with pytest.raises(ConfigError, match="linear-svm is none"):
        with_settings(LinearSvm(), "linear-svm", False, changes, start)
    assert with_settings(LinearSvm(), "linear-svm", True, {}, "") == LinearSvm()


def test_files_among_the_settings_are_told_by_their_content(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    assert files_of({"weights": str(path), "retrain": "layer3", "epochs": 3}) == {
        "weights": hashlib.sha256(b"one").hexdigest()
    }
    path.write_bytes(b"two")
    assert files_of({"weights": str(path)})["weights"] == hashlib.sha256(b"two").hexdigest()
