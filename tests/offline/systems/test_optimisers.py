import pytest
import torch
from torch import nn

from offline.systems.optimisers import optimiser_of, rate_at
from offline.systems.system import OPTIMISERS, TrainPlan


def fitted(optimiser: str, decay: float = 0.0, steps: int = 200) -> tuple[float, nn.Linear]:
    """The loss of a small regression after some steps, and its layer."""
    torch.manual_seed(0)
    layer, inputs = nn.Linear(3, 1), torch.randn(32, 3)
    wanted = inputs @ torch.tensor([[1.0], [-1.0], [0.5]])
    plan = TrainPlan(epochs=1, rate=0.05, optimiser=optimiser, decay=decay)
    moving = optimiser_of(plan, layer.parameters())
    for _ in range(steps):
        moving.zero_grad()
        loss = (layer(inputs) - wanted).square().mean()
        loss.backward()
        moving.step()
    return loss.item(), layer


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_optimiser_fits(optimiser):
    with torch.random.fork_rng(devices=[]):
        assert fitted(optimiser)[0] < 0.05


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_decay_keeps_weights_smaller(optimiser):
    with torch.random.fork_rng(devices=[]):
        free, held = (fitted(optimiser, decay)[1].weight.norm() for decay in (0.0, 1.0))
    assert held < 0.95 * free


def test_adamp_projects_the_growth_of_scale_invariant_weights_away():
    """Behind a normalisation only the direction of a weight counts; Adam makes it grow."""
    norms = {}
    for optimiser in ("adam", "adamp"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = nn.Sequential(nn.Linear(8, 4, bias=False), nn.BatchNorm1d(4), nn.Linear(4, 2))
            inputs, labels = torch.randn(64, 8), torch.arange(64) % 2
            plan = TrainPlan(epochs=1, rate=0.05, optimiser=optimiser)
            moving = optimiser_of(plan, net.parameters())
            for _ in range(60):
                moving.zero_grad()
                nn.functional.cross_entropy(net(inputs), labels).backward()
                moving.step()
            norms[optimiser] = net[0].weight.norm().item()
    assert norms["adamp"] < 0.8 * norms["adam"]


def test_rates():
    constant = TrainPlan(epochs=10, rate=0.5)
    assert rate_at(constant, 0, 0) == rate_at(constant, 9, 0.9) == 0.5
    cosine = TrainPlan(epochs=10, rate=0.5, schedule="cosine")
    assert rate_at(cosine, 0, 0) == 0.5
    assert rate_at(cosine, 5, 0) == pytest.approx(0.25)
    assert 0 < rate_at(cosine, 9, 0.99) < 1e-5
    step = TrainPlan(epochs=10, rate=0.5, schedule="step", step_epochs=3, step_factor=0.1)
    found = [rate_at(step, epoch, 0.5) for epoch in range(7)]
    assert found == pytest.approx([0.5] * 3 + [0.05] * 3 + [0.005])
