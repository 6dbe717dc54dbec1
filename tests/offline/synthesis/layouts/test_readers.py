"""Rendered trees against the project's own readers: what was planted is what they read."""

from collections import Counter

import numpy as np
import pytest

from offline.datasets.base import FlowFile
from offline.datasets.registry import open_dataset
from offline.datasets.spotting_registry import open_spotting_dataset
from offline.synthesis.dataset_tree import make_dataset
from offline.synthesis.layouts.layout import TreeSettings
from offline.synthesis.layouts.registry import LAYOUTS
from offline.synthesis.tree_truth import TreeTruth
from realtime_mer.sources.folder import last_number, read_image

LONG = ("casme-sq", "samm-lv", "smic-e")
NO_APEX = ("smic", "smic-vis", "smic-nir", "smic-e")
SHORT = [
    (name, variant)
    for name, layout in LAYOUTS.items()
    if name not in (*LONG, "composite", "flow-archive")
    for variant in layout.films
]
SMALL = {"subjects": 2, "clips": 2, "scale": 0.1, "seed": 5}


def by_id(truth):
    return {(clip.dataset, mark.sample_id): (clip, mark) for clip, mark in truth.marks}


def check_moments(source, clip, mark):
    numbers = [last_number(path.name) for path in source.frames]
    onset, apex, offset = mark.frames
    shown = [n for n in range(onset, offset + 1) if n not in clip.missing]
    assert numbers[source.onset :] == shown
    assert numbers[source.offset] == offset
    wanted = shown[(len(shown) - 1) // 2] if clip.dataset in NO_APEX else apex
    assert numbers[source.apex] == wanted
    np.testing.assert_allclose(source.time_s, np.array(numbers) / clip.fps)


def check_samples(dataset, truth):
    """Compare every sample with the truth, the one with the same name."""
    planted = by_id(truth)
    assert {(sample.dataset, sample.sample_id) for sample in dataset.samples} == set(planted)
    assert len(dataset.samples) == len(planted)
    for sample in dataset.samples:
        clip, mark = planted[sample.dataset, sample.sample_id]
        assert sample.subject == clip.subject
        assert sample.emotion == mark.emotion.lower()
        if isinstance(sample.source, FlowFile):
            assert sample.source.planes == (0, 1)
            continue
        assert sample.action_units == mark.units
        assert sample.objective_class in (None, mark.objective_class)
        check_moments(sample.source, clip, mark)


@pytest.mark.parametrize(("name", "variant"), SHORT)
def test_every_clip_is_read_as_it_was_planted(name, variant, portrait, tmp_path):
    settings = TreeSettings(**SMALL, variant=variant)
    truth = make_dataset(name, tmp_path, settings, [portrait])
    dataset = open_dataset(name, tmp_path)
    assert dataset.problems == ()
    assert len(truth.marks) == 4
    check_samples(dataset, truth)
    sources = [sample.source for sample in dataset.samples]
    assert {source.cropped for source in sources} == {variant == "cropped"}
    before = [source.onset for source in sources]
    assert min(before) > 0 if variant == "raw" and name == "casme2" else max(before) == 0
    film = LAYOUTS[name].films[variant]
    picture = read_image(sources[0].frames[0])
    assert picture.shape == (*film.picture_px(0.1)[::-1], 3)
    assert (np.ptp(picture.astype(int), axis=-1).max() == 0) == film.grey
    assert TreeTruth.load(tmp_path / "truth.json") == truth


def test_objective_classes_are_told_where_the_real_sheets_tell_them(portrait, tmp_path):
    for name in ("casme2", "samm", "casme3"):
        make_dataset(name, tmp_path / name, TreeSettings(1, 1, 1, 0.1), [portrait])
        (sample,) = open_dataset(name, tmp_path / name).samples
        assert sample.objective_class is not None


def test_the_composite_is_its_three_parts(portrait, tmp_path):
    settings = TreeSettings(**{**SMALL, "clips": 1})
    truth = make_dataset("composite", tmp_path, settings, [portrait])
    dataset = open_dataset("composite", tmp_path)
    assert dataset.problems == ()
    check_samples(dataset, truth)
    assert Counter(clip.dataset for clip in truth.clips) == {"casme2": 2, "smic": 2, "samm": 2}
    assert all((tmp_path / clip.folder).is_dir() for clip in truth.clips)
    alone = make_dataset("samm", tmp_path / "samm-alone", settings, [portrait])
    assert [mark for clip, mark in truth.marks if clip.dataset == "samm"] == [
        mark for _, mark in alone.marks
    ]
    assert (tmp_path / "SAMM" / "SAMM_Micro_FACS_Codes_v2.xlsx").read_bytes() == (
        tmp_path / "samm-alone" / "SAMM_Micro_FACS_Codes_v2.xlsx"
    ).read_bytes()


@pytest.fixture
def cheap_pictures(monkeypatch):
    """Grey pictures instead of rendered ones: long recordings are judged by their annotation."""

    def render(spec, portrait):
        for _ in range(round(spec.duration_s * spec.fps)):
            yield np.full((8, 8, 3), 90, np.uint8)

    monkeypatch.setattr("offline.synthesis.layouts.recording.render_clip", render)


@pytest.mark.parametrize("name", LONG)
def test_every_expression_of_a_long_recording_is_read(name, portrait, tmp_path, cheap_pictures):
    settings = TreeSettings(seed=3, subjects=2, clips=4, seconds=5)
    truth = make_dataset(name, tmp_path, settings, [portrait])
    dataset = open_spotting_dataset(name, tmp_path)
    clips = {clip.clip: clip for clip in truth.clips}
    assert set(clips) == {video.video_id for video in dataset.videos}
    assert len(clips) == len(truth.clips) == 8
    kinds = Counter()
    for video in dataset.videos:
        clip = clips[video.video_id]
        assert (video.subject, video.fps) == (clip.subject, clip.fps)
        assert (video.numbers[0], video.numbers[-1]) == clip.numbers
        assert len(video.numbers) == round(5 * clip.fps)
        read = [
            (each.kind, each.onset, each.apex, each.offset, each.emotion, each.action_units)
            for each in video.expressions
        ]
        assert read == [
            (
                mark.kind,
                mark.frames[0],
                None if name in NO_APEX else mark.frames[1],
                mark.frames[2],
                mark.emotion,
                mark.units,
            )
            for mark in clip.marks
        ]
        kinds.update(mark.kind for mark in clip.marks)
        for mark in clip.marks:
            length = (mark.frames[2] - mark.frames[0]) / clip.fps
            assert (length <= 0.5) == (mark.kind == "micro")
    assert kinds["micro"] >= 4
    assert (kinds["macro"] > 0) == (name != "smic-e")
    empty = sum(not clip.marks for clip in truth.clips)
    intended = {"casme-sq": ["noted"] * empty, "samm-lv": ["noted"] * empty, "smic-e": ["dropped"]}
    assert [problem.action for problem in dataset.problems] == intended[name]
    assert empty == (0 if name == "smic-e" else 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_long_recordings_show_a_face_that_moves(name, portrait, tmp_path):
    settings = TreeSettings(seed=3, subjects=1, clips=1, seconds=4)
    make_dataset(name, tmp_path, settings, [portrait])
    (video,) = open_spotting_dataset(name, tmp_path).videos
    first, expression = video.numbers[0], video.expressions[0]
    rest, peak, later = (
        read_image(video.frames[place]).astype(float)
        for place in (0, expression.apex - first if expression.apex else -1, -1)
    )
    assert rest.shape == later.shape
    assert 0.3 < np.abs(peak - rest).mean() < 20


def test_frame_rates_and_lengths_are_the_real_ones(portrait, tmp_path):
    rates = {name: {film.fps for film in layout.films.values()} for name, layout in LAYOUTS.items()}
    assert rates == {
        "casme": {60},
        "casme2": {200},
        "smic": {100},
        "smic-vis": {25},
        "smic-nir": {25},
        "samm": {200},
        "composite": {200},
        "casme3": {30},
        "mmew": {90},
        "fourdme": {60},
        "casme-sq": {30},
        "samm-lv": {200},
        "smic-e": {100},
        "flow-archive": set(),
    }
    for name, layout in LAYOUTS.items():
        if name in (*LONG, "flow-archive"):
            continue
        settings = layout.settled(TreeSettings(subjects=6, clips=6))
        clips = [truth for job in layout.plan(settings) for truth in job.truths]
        assert len(clips) == (108 if name == "composite" else 36)
        lengths = [(m.frames[2] - m.frames[0]) / c.fps for c in clips for m in c.marks]
        assert min(lengths) >= 0.1
        assert max(lengths) <= 0.5
        assert all(0.015 <= mark.peak_iod <= 0.05 for clip in clips for mark in clip.marks)
        assert all(m.frames[0] < m.frames[1] < m.frames[2] for c in clips for m in c.marks)
        assert {mark.label for clip in clips for mark in clip.marks} == {
            "negative",
            "positive",
            "surprise",
        }
        assert len({(c.dataset, c.folder) for c in clips}) == len(clips)


def test_people_keep_their_faces_and_differ_from_one_another():
    layout = LAYOUTS["composite"]
    plan = layout.plan(layout.settled(TreeSettings(subjects=5, clips=3)))
    faces = {}
    for truth in (truth for job in plan for truth in job.truths):
        spec = truth.spec
        seen = (spec["identity_seed"], spec["anatomy_seed"], spec["face_x"], spec["contrast"])
        faces.setdefault((truth.dataset, truth.subject), set()).add(seen)
    assert [len(seen) for seen in faces.values()] == [1] * 15
    assert len(set.union(*faces.values())) == 15


def test_a_clip_depends_on_its_own_numbers_alone():
    layout = LAYOUTS["casme2"]

    def clips(subjects, clips, seed=0):
        settings = layout.settled(TreeSettings(seed, subjects, clips))
        return {truth.clip: truth for job in layout.plan(settings) for truth in job.truths}

    few, many, other = clips(2, 2), clips(4, 5), clips(2, 2, seed=1)
    assert few.items() <= many.items()
    assert not {clip.spec["seed"] for clip in few.values()} & {
        clip.spec["seed"] for clip in other.values()
    }
