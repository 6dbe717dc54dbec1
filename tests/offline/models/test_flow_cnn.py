import numpy as np
import pytest
import torch
from torch import nn

from offline.models.flow_cnn import (
    LABELS,
    NETWORKS,
    PUBLISHED,
    SCORES,
    Deployed,
    FlowCnn,
    FlowLinear,
    mirrored,
    sides_swapped,
)
from realtime_mer.events import ACTION_UNIT_GROUPS, EMOTIONS, NONE


def nets(count: int = 2) -> list[nn.Module]:
    """Networks of both kinds in turn."""
    torch.manual_seed(0)
    return [(FlowLinear if number % 2 else FlowCnn)().eval() for number in range(count)]


def answer(net: Deployed, flow: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return net.eval()(flow)


def maps(count: int = 4) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(count, 2, 28, 28)


def test_it_answers_labels_with_none_and_scores_of_both_sides():
    assert (*EMOTIONS, NONE) == LABELS
    assert len(SCORES) == len(set(SCORES)) == 2 * len(ACTION_UNIT_GROUPS) == 20
    assert SCORES[:2] == ("brow_raise_right", "brow_raise_left")
    assert {"cnn": FlowCnn, "linear": FlowLinear} == NETWORKS
    for kind in NETWORKS.values():
        classes, scores = kind(0.1)(maps())
        assert classes.shape == (4, 4)
        assert scores.shape == (4, 20)


def test_a_mirror_image_of_a_mirror_image_is_the_map():
    flow = maps(3)
    torch.testing.assert_close(mirrored(mirrored(flow)), flow)
    torch.testing.assert_close(mirrored(flow)[:, 0], -flow[:, 0].flip(2))
    torch.testing.assert_close(mirrored(flow)[:, 1], flow[:, 1].flip(2))


def test_swapping_sides_exchanges_right_and_left_of_each_group():
    scores = torch.arange(40.0).reshape(2, 20)
    swapped = sides_swapped(scores)
    for column, name in enumerate(SCORES):
        group, side = name.rsplit("_", 1)
        twin = SCORES.index(f"{group}_{'left' if side == 'right' else 'right'}")
        torch.testing.assert_close(swapped[:, column], scores[:, twin])
    torch.testing.assert_close(sides_swapped(swapped), scores)


def test_a_map_and_its_mirror_image_get_the_same_classes_and_swapped_scores():
    net, flow = Deployed(nets(), 0.5, 0.7), maps()
    straight, mirror = answer(net, flow), answer(net, mirrored(flow))
    torch.testing.assert_close(straight[:, :4], mirror[:, :4])
    torch.testing.assert_close(sides_swapped(straight[:, 4:]), mirror[:, 4:])
    assert straight.std(0).max() > 0
    assert (straight[:, 4::2] - straight[:, 5::2]).abs().max() > 1e-4


def test_answers_are_probabilities_and_shares():
    found = answer(Deployed(nets(), 0.5), maps())
    assert found.shape == (4, 24)
    torch.testing.assert_close(found[:, :4].sum(1), torch.ones(4))
    assert ((found > 0) & (found < 1)).all()


def test_a_higher_temperature_is_less_sure_of_the_class_alone():
    flow = maps()
    cold, warm = (answer(Deployed(nets(), 0.0, t), flow) for t in (0.02, 3.0))
    assert (cold[:, :4].max(1).values > warm[:, :4].max(1).values).all()
    assert (warm[:, :4].max(1).values > 1 / 4).all()
    assert (warm[:, :4].max(1).values < 0.4).all()
    torch.testing.assert_close(cold[:, 4:], warm[:, 4:])


@pytest.mark.parametrize("prior", [0.5, 1.0])
def test_the_prior_moves_the_classes_as_published(prior):
    """A network that knows nothing answers the published balance; ``none`` is left alone."""
    flow = maps()
    even, moved = (answer(Deployed(nets(), p), flow).double().numpy() for p in (0.0, prior))
    odds = (moved[:, :4] / even[:, :4]) / (moved[:, 3:4] / even[:, 3:4])
    balance = 3 * np.array(PUBLISHED) / sum(PUBLISHED)
    np.testing.assert_allclose(odds[:, :3], np.tile(balance**prior, (4, 1)), rtol=1e-4)
    np.testing.assert_allclose(moved[:, 4:], even[:, 4:], rtol=1e-6)
    assert PUBLISHED == (250, 109, 83)
    assert sum(PUBLISHED) == 442


def test_members_are_averaged_before_the_softmax():
    flow, members = maps(), nets(2)
    with torch.no_grad():
        both, one, two = (
            Deployed(m).eval().logits(flow) for m in (members, *[[m] for m in members])
        )
    for together, a, b in zip(both, one, two, strict=True):
        torch.testing.assert_close(together, (a + b) / 2)


def test_members_count_by_their_shares():
    flow, members = maps(), nets(2)
    with torch.no_grad():
        mixed = Deployed(members, shares=(0.8, 0.2)).eval().logits(flow)
        one, two = (Deployed([member]).eval().logits(flow) for member in members)
    for together, a, b in zip(mixed, one, two, strict=True):
        torch.testing.assert_close(together, 0.8 * a + 0.2 * b)
    with pytest.raises(ValueError, match="shorter"):
        Deployed(members, shares=(1.0,)).logits(flow)


def test_the_linear_member_is_linear():
    torch.manual_seed(2)
    net, (one, two) = FlowLinear().eval(), maps(2).split(1)
    with torch.no_grad():
        for both, a, b, still in zip(
            *(net(f) for f in (one + two, one, two, 0 * one)), strict=True
        ):
            torch.testing.assert_close(both - still, a + b - 2 * still)


@pytest.mark.parametrize("number", [0, 1])
def test_place_matters(number):
    """The same motion at the brow and at the mouth is not the same thing."""
    brow, mouth = torch.zeros(2, 1, 2, 28, 28)
    brow[:, 1, 2:5, 5:10] = -3
    mouth[:, 1, 18:21, 5:10] = -3
    with torch.no_grad():
        first, second = (nets(2)[number](flow) for flow in (brow, mouth))
    assert (first[0] - second[0]).abs().max() > 1e-3
    assert (first[1] - second[1]).abs().max() > 1e-3


def test_it_is_small():
    assert 20_000 < sum(p.numel() for p in FlowCnn().parameters()) < 100_000
    assert sum(p.numel() for p in FlowLinear().parameters()) < 12_000
