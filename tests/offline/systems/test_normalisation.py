"""Batch normalisation counted anew: by the inputs, all of them, and nothing before them."""

import torch
from torch import nn

from offline.systems.normalisation import settle_norms


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.BatchNorm1d(3), nn.Linear(3, 2))


def inputs(count: int = 12) -> torch.Tensor:
    return 1e-3 * torch.randn(count, 4, generator=torch.Generator().manual_seed(1)) + 5


def test_statistics_are_those_of_the_inputs():
    net, given = network(), inputs()
    net[2].running_mean.fill_(7)
    settle_norms(net, given, 12)
    expected = net[0](given).detach()
    torch.testing.assert_close(net[2].running_mean, expected.mean(0))
    torch.testing.assert_close(net[2].running_var, expected.var(0), atol=0, rtol=1e-3)
    assert not any(each.training for each in net.modules())
    assert net[2].momentum == 0.1
    normed = net[2](expected)
    assert normed.mean(0).abs().max() < 1e-2
    assert 0 < normed.std(0).max() <= 1


def test_batches_count_alike_and_no_input_is_left_alone():
    net, given, seen = network(), inputs(13), []
    net.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    settle_norms(net, given, 4)
    assert seen == [5, 4, 4]
    means = torch.stack([net[0](part).mean(0) for part in given.tensor_split(3)])
    torch.testing.assert_close(net[2].running_mean, means.mean(0).detach())


def test_fewer_inputs_than_a_batch_are_one_batch():
    net = network()
    settle_norms(net, inputs(3), 16)
    torch.testing.assert_close(net[2].running_mean, net[0](inputs(3)).mean(0).detach())


def test_inputs_are_changed_as_in_training():
    net, given = network(), inputs()
    settle_norms(net, given, 12, lambda part: part - 5)
    torch.testing.assert_close(net[2].running_mean, net[0](given - 5).mean(0).detach())


def test_weights_stay_and_equal_inputs_give_equal_statistics():
    net, given = network(), inputs()
    before = {name: each.clone() for name, each in net.named_parameters()}
    settle_norms(net, given, 5)
    first = net[2].running_var.clone()
    settle_norms(net.train(), given, 5)
    assert torch.equal(first, net[2].running_var)
    assert all(torch.equal(each, before[name]) for name, each in net.named_parameters())
    assert all(each.grad is None for each in net.parameters())


def test_without_normalisation_nothing_is_read():
    net = nn.Linear(4, 2)
    settle_norms(net, torch.zeros(3, 99), 2)
    assert not net.training
