from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.base import Dataset, FlowFile, Sample
from offline.tasks.protocols import (
    PROTOCOLS,
    UNITS,
    UNUSED,
    apply_protocol,
    beside_published,
    default_protocol,
    splits_of,
)
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
    with pytest.raises(ConfigError, match="megc2019, casme2-5, smic-3, casme-4, samm-5, objective"):
        apply_protocol(data(), "casme2-7")
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
    assert default_protocol(data(name="smic-nir")) == "smic-3"
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


def test_the_four_emotions_of_casme():
    emotions = [e for e in EMOTIONS if e not in ("negative", "positive")]
    task = apply_protocol(data(*(sample("casme", e) for e in emotions)), "casme-4")
    assert task.labels == ("tense", "disgust", "repression", "surprise")
    assert sorted(s.emotion for s, _ in task.rows) == sorted(task.labels)
    assert default_protocol(data(name="casme")) == "casme-4"


@pytest.mark.parametrize(
    ("dataset", "negative", "positive"),
    [
        ("casme", "anger contempt disgust fear sadness repression", "happiness"),
        ("casme3", "disgust fear anger sad", "happy"),
        ("mmew", "anger disgust fear sadness", "happiness"),
        ("smic-vis", "negative", "positive"),
        ("smic-nir", "negative", "positive"),
    ],
)
def test_megc2019_goes_on_to_other_data_sets_by_analogy(dataset, negative, positive):
    wanted = dict.fromkeys(negative.split(), "negative") | {positive: "positive"}
    wanted["surprise"] = "surprise"
    spelled = {*wanted, "others", "tense", "none"}
    task = apply_protocol(data(*(sample(dataset, e) for e in spelled)), "megc2019")
    assert classes(task) == {(dataset, emotion): name for emotion, name in wanted.items()}


@pytest.mark.parametrize(
    ("emotion", "meant"),
    [
        ("negative", "negative"),
        ("negative+repression", "negative"),
        ("repression", "negative"),
        ("positive+others", "positive"),
        ("surprise", "surprise"),
        ("others", None),
        ("surprise+positive", None),
        ("repression+surprise", None),
        ("", None),
    ],
)
def test_several_emotions_count_if_they_mean_one_class(emotion, meant):
    task = apply_protocol(
        data(sample("fourdme", emotion), sample("fourdme", "surprise", 1)), "megc2019"
    )
    found = [task.labels[label] for s, label in task.rows if s.sample_id.endswith("_0")]
    assert found == ([meant] if meant else [])
    if meant is None:
        (problem,) = task.left_out
        both = "+" in emotion
        assert ("means both" if both else "has no class") in problem.reason


def units(dataset, text, number=0, subject="sub99", objective=None, source=""):
    """A sample with action units, and an objective class from some file."""
    return replace(
        sample(dataset, "others", number, subject),
        action_units=text,
        objective_class=objective,
        objective_source=source,
    )


def objective_of(task):
    return {s.sample_id[-1]: task.labels[label] for s, label in task.rows}


CODED = (
    units("casme2", "4+7", 0, objective=1, source="objective sheet"),
    units("casme2", "4+7", 1, objective=2, source="coding sheet"),
    units("casme2", "4+L7", 2),
    units("casme2", "4", 3, objective=7, source="objective sheet"),
    units("casme2", "12+4", 4),
    units("casme2", "", 5),
    units("casme2", "?", 6),
    units("samm", "L20+21", 7, objective=5, source="coding sheet"),
    units("samm", "1+2", 8),
    units("samm", "20", 9, objective=6, source="coding sheet"),
)


def test_objective_classes_come_from_the_data_set_first():
    task = apply_protocol(data(*CODED), "objective")
    assert task.labels == tuple(f"objective_{n}" for n in ("I", "II", "III", "IV", "V"))
    assert objective_of(task) == {
        "0": "objective_I", "1": "objective_II", "2": "objective_III", "7": "objective_V",
        "8": "objective_II",
    }  # fmt: skip
    told = [problem for problem in task.left_out if problem.action == "noted"]
    assert [problem.reason for problem in told] == [
        "casme2: objective class from the coding sheet, which officially has none (1 samples)",
        "casme2: objective class by the table, from the action units (1 samples)",
        "samm: objective class by the table, from the action units (1 samples)",
    ]
    dropped = [p.reason for p in task.left_out if p.action == "dropped"]
    assert dropped == [
        "objective class VII takes no part",
        "objective class VII takes no part",
        "no objective class, and no action unit that can be read",
        "no objective class, and no action unit that can be read",
        "objective class VI takes no part",
    ]


def test_five_unit_classes_never_ask_the_official_sheet_of_casme2():
    task = apply_protocol(data(*CODED), "au5")
    assert objective_of(task) == {
        "0": "objective_III", "1": "objective_II", "2": "objective_III", "3": "objective_III",
        "7": "objective_V", "8": "objective_II",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="au5 is for casme2, samm; composite holds smic"):
        apply_protocol(data(sample("smic", "positive")), "au5")


def test_a_table_of_coded_samples_gives_the_published_242():
    """Counts of Aouayeb's column and of the official SAMM one, as synthetic classes."""
    counts = {"casme2": [30, 18, 93, 15, 18, 2, 79], "samm": [24, 13, 20, 8, 3, 7, 84]}
    people = {"casme2": 26, "samm": 21}
    samples = []
    for dataset, classes in counts.items():
        numbers = [number for number, count in enumerate(classes, 1) for _ in range(count)]
        samples += [
            units(dataset, "", k, f"sub{k % people[dataset]:02d}", number, "coding sheet")
            for k, number in enumerate(numbers)
        ]
    task = apply_protocol(data(*samples), "au5")
    assert list(task.counts.values()) == [54, 31, 113, 23, 21]
    assert beside_published(task) == "matches the published 242 samples of 47 subjects"
    told = beside_published(apply_protocol(data(*samples), "objective"))
    wanted = "differs from the published 253 samples of 47 subjects: 242 samples of 47 subjects"
    assert told == wanted


def test_objective_classes_of_any_data_set_with_units():
    task = apply_protocol(data(units("casme3", "R12"), units("mmew", "4", 1)), "objective")
    assert list(objective_of(task).values()) == ["objective_I", "objective_III"]
    with pytest.raises(ConfigError, match=r"no sample of .*no action unit that can be read"):
        apply_protocol(data(sample("smic", "positive")), "objective")


def test_the_holdout_goes_both_ways():
    samples = [units(n, "4", k, str(k)) for k, n in enumerate(["casme2", "samm"] * 3)]
    task = apply_protocol(data(*samples, sample("smic", "positive", 9)), "megc2018-hde")
    assert task.left_out[0].reason == "megc2018-hde has no samples of smic"
    splits = splits_of(task)
    assert [(s.name, s.train.tolist(), s.test.tolist()) for s in splits] == [
        ("casme2", [1, 3, 5], [0, 2, 4]),
        ("samm", [0, 2, 4], [1, 3, 5]),
    ]
    alone = apply_protocol(data(samples[0]), "megc2018-hde")
    with pytest.raises(ConfigError, match=r"one data set at a time, .* only casme2"):
        splits_of(alone)


def test_action_units_are_a_table_of_yes_and_no():
    coded = ["4+R14", "ref(7B)+1+2", "25", "", "13?", "L12 or L14", "17A+24"]
    samples = [units("samm", text, k) for k, text in enumerate(coded)]
    task = apply_protocol(data(*samples, units("casme", "10", 7)), "cd6me")
    assert task.labels == tuple(f"AU{unit}" for unit in UNITS)
    assert not task.exclusive
    assert task.rows == ()
    wanted = [{4, 14}, {1, 2}, set(), {14}, {17}, {10}]
    found = [{UNITS[k] for k in np.flatnonzero(row)} for row in task.targets]
    assert found == wanted
    assert [s.sample_id[-1] for s in task.samples] == ["0", "1", "2", "5", "6", "7"]
    assert task.counts["AU14"] == 2
    reasons = [problem.reason for problem in task.left_out]
    assert reasons == ["no action unit that can be read: " + repr(text) for text in ("", "13?")]
    assert [split.name for split in splits_of(task)] == ["casme", "samm"]
    assert task.targets.dtype == np.float32


def test_targets_of_classes_are_one_hot():
    task = apply_protocol(
        data(*(sample("smic", e, k) for k, e in enumerate(EMOTIONS * 2))), "megc2019"
    )
    assert task.targets.argmax(1).tolist() == [label for _, label in task.rows]
    assert (task.targets.sum(1) == 1).all()
    assert task.samples == tuple(s for s, _ in task.rows)
    assert task.counts == dict.fromkeys(task.labels, 2)
    assert task.exclusive
    with pytest.raises(ConfigError, match="leaves out one subject at a time"):
        splits_of(task)


def test_every_protocol_says_what_it_is():
    assert list(PROTOCOLS) == [
        "megc2019", "casme2-5", "smic-3", "casme-4", "samm-5", "objective", "au5", "megc2018-hde",
        "cd6me",
    ]  # fmt: skip
    for protocol in PROTOCOLS.values():
        assert protocol.source.endswith(".")
        assert protocol.split in ("leave-one-subject-out", "leave-one-data-set-out")
        assert len(set(protocol.labels)) == len(protocol.labels)
        for size in protocol.sizes:
            assert list(size.datasets) == sorted(size.datasets)
            assert all(map(protocol.takes, size.datasets))
    assert set(PROTOCOLS["megc2019"].sets) == {"casme2", "smic", "samm"}
    six = {"casme", "casme2", "samm", "fourdme", "mmew", "casme3"}
    assert set(PROTOCOLS["cd6me"].sets) == six
    for name in ("objective", "au5", "megc2018-hde"):
        assert set(PROTOCOLS[name].sets) == {"casme2", "samm"}


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (249, "matches the published 249 samples (sheet of 2019)"),
        (246, "matches the published 246 samples (sheet of 2014)"),
        (
            245,
            "differs from the published 246 samples (sheet of 2014) or 247 samples (paper of 2014)"
            " or 249 samples (sheet of 2019): 245 samples of 26 subjects",
        ),
    ],
)
def test_the_number_of_samples_stands_beside_the_published_one(count, told):
    samples = [sample("casme2", "others", k, f"sub{k % 26:02d}") for k in range(count)]
    assert beside_published(apply_protocol(data(*samples), "casme2-5")) == told


def test_nothing_is_said_beside_what_nobody_published():
    task = apply_protocol(data(sample("reviewed", "positive")), "megc2019")
    assert beside_published(task) == ""
