import numpy as np
import pytest
import torch
from torch import nn

from offline.explain.attention import attention_of
from offline.explain.explain_run import ClassView, Explanations
from offline.reports.drawing import DARK, LIGHT
from offline.reports.explain_figures import ATTENTION, MAPS, draw

METRICS = {"leaky": False, "warning": "", "classes": ["a", "b", "_c"]}


class Attending(nn.Module):
    """Tells what it is shown: every weight is the sample's first value; step 3 is padding."""

    def attention(self, x):
        level = x[:, 0, 0, 0]

        def shaped(*shape):
            weights = level.reshape(-1, *(1,) * len(shape)).expand(-1, *shape).clone()
            weights[:, 3:] = 0
            return weights

        return {
            "stan_spatial": shaped(4, 7, 5), "stmn_channel": shaped(4, 64),
            "temporal": shaped(4), "patches": shaped(4, 6, 9),
            "regions": level[:, None].expand(-1, 6),
        }  # fmt: skip


@pytest.fixture
def weighed():
    inputs = torch.ones(9, 1, 4, 4) * torch.arange(9.0).reshape(-1, 1, 1, 1) / 10
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1])
    return {each.name: each for each in attention_of(Attending(), inputs, labels, 3)}


def test_every_kind_is_averaged_over_samples_of_a_class_and_steps_with_a_picture(weighed):
    shapes = {name: each.by_class.shape for name, each in weighed.items()}
    assert shapes == {
        "stan_spatial": (3, 7, 5), "stmn_channel": (3, 64), "temporal": (3, 4),
        "patches": (3, 6, 9), "regions": (3, 6),
    }  # fmt: skip
    for name, each in weighed.items():
        real = each.by_class[:, :3] if name == "temporal" else each.by_class
        np.testing.assert_allclose(real[0], 0.1, atol=1e-6)
        np.testing.assert_allclose(real[1], 0.55, atol=1e-6)
        assert np.isnan(real[2]).all()


@pytest.mark.parametrize("attends", [False, True])
def test_a_network_without_attention_has_none(attends):
    net = nn.Linear(2, 2)
    if attends:
        net.attention = nn.Linear(2, 2)  # a layer of that name tells nothing
    assert attention_of(net, torch.ones(1, 2), np.zeros(1, np.int64), 1) == []


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_figures_of_every_kind_and_of_classes_that_nobody_told_right(weighed, theme):
    heat = np.zeros((320, 320), np.float32)
    heat[100:150, 60:90] = 0.4
    empty = np.zeros_like(heat)
    views = (
        ClassView("a", 2, 5, empty, heat, (heat, heat)),
        ClassView("b", 1, 1, heat, empty, (empty,)),
        ClassView("_c", 0, 4, empty, empty, ()),
    )
    kinds = tuple(weighed.values())
    drawn = draw(Explanations(views, kinds, kinds, "note"), METRICS, theme)
    assert set(drawn) == {MAPS, ATTENTION}
    assert all(png.startswith(b"\x89PNG") for png in drawn.values())
    assert set(draw(Explanations(views, (), (), "note"), METRICS, theme)) == {MAPS}
