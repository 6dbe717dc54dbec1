from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.base import Dataset, FlowFile, Sample
from offline.protocols import PROTOCOLS, UNUSED, apply_protocol, default_protocol
from realtime_mer.errors import ConfigError

EMOTIONS = [
    "anger",
    "contempt",
    "disgust",
    "fear",
    "happiness",
    "negative",
    "none",
    "other",
    "others",
    "positive",
    "repression",
    "sadness",
    "surprise",
    "tense",
]


def sample(dataset, emotion, number=0, subject="sub99", clip="EP99"):
    path = FlowFile(Path(f"{clip}.png"))
    return Sample(f"{subject}_{clip}_{number}", dataset, subject, emotion, path)


def data(*samples, name="composite"):
    return Dataset(name, Path(), samples)


def classes(task):
    return {(s.dataset, s.emotion): task.labels[label] for s, label in task.rows}


def test_megc2019_maps_each_data_set_its_own_way():
    names = ("casme2", "samm", "smic", "reviewed", "synthetic")
    task = apply_protocol(data(*(sample(n, e) for n in names for e in EMOTIONS)), "megc2019")
    assert task.labels == ("negative", "positive", "surprise")
    negative = {
        n: {e for (name, e), label in classes(task).items() if (name, label) == (n, "negative")}
        for n in names
    }
    assert negative == {
        "casme2": {"disgust", "repression", "negative"},
        "samm": {"anger", "contempt", "disgust", "fear", "sadness", "negative"},
        "smic": {"negative"},
        "reviewed": {"negative"},
        "synthetic": {"negative"},
    }
    assert classes(task)["samm", "happiness"] == "positive"
    assert classes(task)["casme2", "surprise"] == "surprise"
    assert ("casme2", "sadness") not in classes(task)


def test_clips_that_megc2019_does_not_have_are_left_out_with_a_reason():
    both = [Sample(f"{s}_{c}", "casme2", s, "surprise", FlowFile(Path(c))) for s, c in UNUSED]
    task = apply_protocol(data(*both, sample("casme2", "surprise")), "megc2019")
    assert len(task.rows) == 1
    assert {problem.reason for problem in task.left_out} == {"megc2019 does not have this clip"}
    elsewhere = [Sample(s.sample_id, "samm", s.subject, s.emotion, s.source) for s in both]
    assert len(apply_protocol(data(*elsewhere), "megc2019").rows) == len(UNUSED)


@pytest.mark.parametrize(
    ("name", "dataset", "left_out"),
    [
        ("casme2-5", "casme2", {"fear", "sadness", "tense", "anger", "contempt", "none"}),
        ("samm-5", "samm", {"disgust", "fear", "sadness", "repression", "tense", "none"}),
    ],
)
def test_five_classes_of_one_sheet(name, dataset, left_out):
    emotions = [e for e in EMOTIONS if e not in ("negative", "positive")]
    task = apply_protocol(data(*(sample(dataset, e) for e in emotions)), name)
    assert len(task.labels) == 5
    assert set(emotions) - {s.emotion for s, _ in task.rows} == left_out


def test_samples_of_other_data_sets_are_left_out_of_a_protocol_for_one():
    task = apply_protocol(data(sample("smic", "positive"), sample("samm", "anger")), "smic-3")
    assert [s.dataset for s, _ in task.rows] == ["smic"]
    assert task.left_out[0].reason == "smic-3 has no samples of samm"


def test_what_does_not_fit_says_what_would():
    with pytest.raises(ConfigError, match="megc2019, casme2-5, smic-3, samm-5"):
        apply_protocol(data(), "objective")
    with pytest.raises(ConfigError, match=r"casme2-5 is for casme2; .* holds smic"):
        apply_protocol(data(sample("smic", "positive")), "casme2-5")
    coarse = sample("casme2", "surprise"), sample("casme2", "negative", 1)
    with pytest.raises(ConfigError, match="use megc2019"):
        apply_protocol(data(*coarse), "casme2-5")
    with pytest.raises(ConfigError, match="no sample of reviewed"):
        apply_protocol(data(sample("reviewed", "none"), name="reviewed"), "megc2019")


def test_defaults():
    assert default_protocol(data(name="casme2")) == "casme2-5"
    assert default_protocol(data(name="composite")) == "megc2019"
    assert all(default_protocol(data(name=n)) in PROTOCOLS for n in ("smic", "samm", "reviewed"))


@given(st.lists(st.tuples(st.sampled_from(["casme2", "samm", "mine"]), st.sampled_from(EMOTIONS))))
def test_every_sample_is_in_or_left_out(drawn):
    samples = [sample(name, emotion, k) for k, (name, emotion) in enumerate(drawn)]
    samples.append(sample("mine", "surprise", len(samples)))
    task = apply_protocol(data(*samples), "megc2019")
    inside = {s.sample_id for s, _ in task.rows}
    outside = {problem.where for problem in task.left_out}
    assert inside | outside == {s.sample_id for s in samples}
    assert not inside & outside
