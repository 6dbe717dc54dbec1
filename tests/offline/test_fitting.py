from dataclasses import replace

import numpy as np
import pytest
import torch

from offline.fitting import FitJob, FitSettings, augmented, fit
from offline.models.flow_cnn import FlowCnn, FlowLinear, mirrored, sides_swapped
from offline.synthesis.flow_maps import Maps

QUICK = FitSettings(epochs=1, batch=16)
PLAIN = FitSettings(mixup=0, shift=0, noise=0, gain=0)


def easy_maps(count: int, seed: int = 0) -> Maps:
    """A patch a class at its own height, on the subject's right or left, in noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 4
    sides = rng.integers(0, 2, count)
    flow = 0.3 * rng.normal(size=(count, 2, 28, 28)).astype(np.float32)
    groups = np.zeros((count, 10, 2), np.float32)
    for row, (label, side) in enumerate(zip(labels, sides, strict=True)):
        column = 4 + 14 * side
        flow[row, 1, 2 + 6 * label : 7 + 6 * label, column : column + 6] -= 3
        groups[row, label, side] = 1
    return Maps(flow, labels, groups, np.zeros(count, bool))


def batch(count: int = 32):
    maps = easy_maps(count)
    goals = torch.nn.functional.one_hot(torch.from_numpy(maps.labels), 4).float()
    return torch.from_numpy(maps.flow), goals, torch.from_numpy(maps.groups).flatten(1)


@pytest.mark.parametrize("kind", ["cnn", "linear"])
def test_fitting_learns_what_can_be_learnt(kind):
    net = fit(easy_maps(320), FitSettings(epochs=8, batch=32), 0, kind)
    held_out = easy_maps(80, seed=1)
    with torch.no_grad():
        classes, scores = net(torch.from_numpy(held_out.flow))
    assert (classes.argmax(1).numpy() == held_out.labels).mean() > 0.9
    there = held_out.groups.reshape(80, 20) > 0
    shares = torch.sigmoid(scores).numpy()
    assert shares[there].mean() > 4 * shares[~there].mean()
    swapped = sides_swapped(torch.from_numpy(there)).numpy()
    assert shares[there].mean() > shares[swapped].mean() + 0.1


def test_equal_seeds_give_equal_weights_and_others_do_not():
    torch.manual_seed(5)
    one = fit(easy_maps(48), QUICK, 3).state_dict()
    torch.manual_seed(6)
    two, other = (fit(easy_maps(48), QUICK, seed).state_dict() for seed in (3, 4))
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=0, atol=0)
    assert any((one[name] != other[name]).any() for name in one)


def test_fitting_leaves_torch_as_it_was():
    threads = torch.get_num_threads()
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    net = fit(easy_maps(32), QUICK, 0)
    torch.testing.assert_close(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    with pytest.raises(ZeroDivisionError):
        fit(easy_maps(32), replace(QUICK, batch=0), 0)
    assert torch.get_num_threads() == threads
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())


def test_nothing_to_augment_only_mirrors():
    flow, goals, units = batch()
    torch.manual_seed(0)
    found, kept, scores = augmented(flow, goals, units, PLAIN)
    torch.testing.assert_close(kept, goals)
    turned = 0
    for row in range(len(flow)):
        if torch.equal(found[row], flow[row]):
            torch.testing.assert_close(scores[row], units[row])
        else:
            turned += 1
            torch.testing.assert_close(found[row : row + 1], mirrored(flow[row : row + 1]))
            torch.testing.assert_close(scores[row : row + 1], sides_swapped(units[row : row + 1]))
    assert 6 < turned < 26


def test_a_patch_on_one_side_mirrors_to_a_patch_of_the_other():
    """``mirrored`` and ``sides_swapped`` mean the same exchange of sides."""
    maps = easy_maps(16)
    there = mirrored(torch.from_numpy(maps.flow))[:, 1].numpy()
    sides = sides_swapped(torch.from_numpy(maps.groups).flatten(1)).reshape(16, 10, 2).sum(1)
    heavier = (there[:, :, 14:].sum((1, 2)) < there[:, :, :14].sum((1, 2))).astype(int)
    np.testing.assert_array_equal(sides.argmax(1).numpy(), heavier)


def test_mixed_labels_stay_distributions():
    flow, goals, units = batch()
    torch.manual_seed(0)
    found, mixed, scores = augmented(flow, goals, units, FitSettings(mixup=0.4))
    assert found.shape == flow.shape
    torch.testing.assert_close(mixed.sum(1), torch.ones(32))
    assert ((mixed > 0.05) & (mixed < 0.95)).any()
    assert (mixed >= 0).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    torch.testing.assert_close(scores.sum(1), torch.ones(32))
    assert torch.isfinite(found).all()


def test_maps_are_shifted_disturbed_and_scaled_as_asked():
    flow, goals, units = batch()
    for seed in range(10):
        torch.manual_seed(seed)
        moved = augmented(flow, goals, units, replace(PLAIN, shift=1))[0]
        torch.testing.assert_close(moved.abs().sum((1, 2, 3)), flow.abs().sum((1, 2, 3)))
    torch.manual_seed(0)
    ratio = augmented(flow, goals, units, replace(PLAIN, gain=0.2))[0].norm(dim=(2, 3))[:, 1]
    ratio = ratio / flow.norm(dim=(2, 3))[:, 1]
    assert 0.1 < ratio.std() < 0.32
    assert 0.85 < ratio.mean() < 1.15
    quiet = augmented(0 * flow, goals, units, replace(PLAIN, noise=0.3))[0]
    sizes = quiet.pow(2).mean((1, 2, 3)).sqrt()
    assert 0.2 < sizes.max() < 0.33
    assert 0 <= sizes.min() < 0.1


@pytest.mark.parametrize("kind", ["cnn", "linear"])
def test_a_network_fitted_elsewhere_is_the_one_fitted_here(tmp_path, kind):
    maps = easy_maps(32)
    source, target = tmp_path / "maps.npz", tmp_path / "a.pt"
    np.savez(source, flow=maps.flow, labels=maps.labels, groups=maps.groups, archive=maps.archive)
    job = FitJob(source, QUICK, 7, kind, target)
    job.run()
    net = job.network()
    assert isinstance(net, FlowCnn if kind == "cnn" else FlowLinear)
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    stored = net.state_dict()
    for name, value in fit(maps, QUICK, 7, kind).state_dict().items():
        torch.testing.assert_close(stored[name], value, rtol=0, atol=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pt", "maps.npz"]
