import json

import cv2
import numpy as np
import pytest

from offline.models import flow_eval

NAMES = {"windowed", "TV-L1", "DIS fast", "DIS medium", "Farneback"}


def shifted(x, y):
    """A textured picture and the same moved by (x, y) half-size pixels."""
    coarse = np.random.default_rng(0).uniform(30, 220, (43, 43)).astype(np.float32)
    big = cv2.resize(coarse, (172, 172), interpolation=cv2.INTER_CUBIC)
    at = np.mgrid[6:166, 6:166].astype(np.float32)
    return [cv2.remap(big, at[1] - dx, at[0] - dy, cv2.INTER_CUBIC) for dx, dy in ((0, 0), (x, y))]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_estimator_measures_a_planted_shift(name):
    """Half a pixel to the right and a quarter down, in pixels of the half-size picture."""
    motion = flow_eval.estimators()[name](*shifted(0.5, 0.25))
    assert motion.shape == (160, 160, 2)
    middle = np.median(motion[40:120, 40:120].reshape(-1, 2), axis=0)
    assert middle == pytest.approx([0.5, 0.25], abs=0.2)


def test_there_are_five_estimators():
    assert set(flow_eval.estimators()) == NAMES


def test_the_comparison_is_repeatable_and_above_chance(monkeypatch):
    quick = {name: flow_eval.estimators()[name] for name in ("windowed",)}
    monkeypatch.setattr(flow_eval, "estimators", lambda: quick)
    monkeypatch.setattr(flow_eval, "draw_faces", few_faces)
    first, second = flow_eval.compare(12, 3), flow_eval.compare(12, 3)
    assert set(first) == set(quick)
    for name, figures in first.items():
        assert set(figures) == {"UF1", "cosine", "ms"}
        assert figures["UF1"] == second[name]["UF1"]
        assert figures["cosine"] == second[name]["cosine"]
        assert 0.2 < figures["cosine"] <= 1
        assert 0 <= figures["UF1"] <= 1
        assert 0 < figures["ms"] < 1000


def few_faces(count, rng, photographs=()):
    from offline.synthesis.aligned_faces import draw_faces

    return draw_faces(3, rng)


def test_the_command_prints_json_of_all(monkeypatch, capsys):
    monkeypatch.setattr(flow_eval, "draw_faces", few_faces)
    monkeypatch.setattr(flow_eval, "_linear_uf1", lambda *_: 0.5)
    assert flow_eval.main(["--pairs", "6", "--seed", "2"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == NAMES
    assert all(0.2 < each["cosine"] <= 1 for each in printed.values())
