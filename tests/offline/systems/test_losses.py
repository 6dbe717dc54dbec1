from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from offline.systems.losses import class_loss, class_weights, unit_loss
from offline.systems.system import TrainPlan

PLAN = TrainPlan(epochs=1)
EVEN = torch.ones(4)


def drawn(*shape: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, class numbers and their one-hot rows."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, shape[-1], shape[:-1], generator=generator)
    targets = functional.one_hot(labels, shape[-1]).float()
    return torch.randn(*shape, generator=generator), labels, targets


def test_cross_entropy_is_torchs():
    logits, labels, targets = drawn(7, 4)
    expected = functional.cross_entropy(logits, labels)
    torch.testing.assert_close(class_loss(PLAN, logits, targets, EVEN), expected)


def test_label_smoothing_is_torchs():
    logits, labels, targets = drawn(7, 4)
    plan = replace(PLAN, loss="label_smoothing", smoothing=0.2)
    expected = functional.cross_entropy(logits, labels, label_smoothing=0.2)
    torch.testing.assert_close(class_loss(plan, logits, targets, EVEN), expected)
    none = replace(plan, smoothing=0.0)
    torch.testing.assert_close(
        class_loss(none, logits, targets, EVEN), functional.cross_entropy(logits, labels)
    )


def test_focal_follows_its_formula():
    logits, labels, targets = drawn(7, 4)
    plan = replace(PLAN, loss="focal", gamma=2.0)
    alpha = torch.tensor([0.5, 1.0, 2.0, 0.25])
    told = logits.softmax(1)[torch.arange(7), labels]
    expected = (alpha[labels] * (1 - told) ** 2 * -told.log()).mean()
    torch.testing.assert_close(class_loss(plan, logits, targets, alpha), expected)
    blunt = replace(plan, gamma=0.0)
    torch.testing.assert_close(
        class_loss(blunt, logits, targets, EVEN), functional.cross_entropy(logits, labels)
    )


def test_focal_minds_hard_samples_most_and_its_slope_is_finite():
    plan = replace(PLAN, loss="focal", gamma=0.5)
    sure = torch.tensor([[60.0, 0.0], [0.0, 1.0]], requires_grad=True)
    class_loss(plan, sure, torch.eye(2)[[0, 0]], torch.ones(2)).backward()
    assert sure.grad is not None
    assert sure.grad.isfinite().all()
    assert sure.grad[1].abs().max() > 1e3 * sure.grad[0].abs().max()


@pytest.mark.parametrize("loss", ["cross_entropy", "label_smoothing", "focal"])
def test_several_labels_a_sample_are_as_many_rows(loss):
    logits, _, targets = drawn(5, 3, 4)
    plan = replace(PLAN, loss=loss)
    several = class_loss(plan, logits, targets, EVEN)
    flat = class_loss(plan, logits.flatten(0, 1), targets.flatten(0, 1), EVEN)
    torch.testing.assert_close(several, flat)


@pytest.mark.parametrize("loss", ["cross_entropy", "label_smoothing", "focal"])
def test_rows_of_zeros_weigh_nothing(loss):
    logits, _, targets = drawn(5, 3, 4)
    targets[3:] = 0
    plan = replace(PLAN, loss=loss)
    logits.requires_grad_()
    found = class_loss(plan, logits, targets, EVEN)
    torch.testing.assert_close(found, class_loss(plan, logits[:3], targets[:3], EVEN))
    found.backward()
    assert logits.grad is not None
    assert not logits.grad[3:].any()
    assert logits.grad[:3].any()
    assert class_loss(plan, logits, targets * 0, EVEN) == 0


def test_one_label_stands_for_all_frames():
    logits, _, _ = drawn(5, 3, 4)
    _, _, targets = drawn(5, 4)
    repeated = targets[:, None].expand(5, 3, 4)
    torch.testing.assert_close(
        class_loss(PLAN, logits, targets, EVEN), class_loss(PLAN, logits, repeated, EVEN)
    )


def test_balanced_classes_weigh_inversely_and_one_on_average():
    targets = torch.eye(4)[[0, 0, 0, 0, 0, 0, 1, 1, 2]]
    weights = class_weights(replace(PLAN, balanced=True), targets)
    torch.testing.assert_close(weights, torch.tensor([9 / 18, 9 / 6, 9 / 3, 0.0]))
    torch.testing.assert_close((targets @ weights).mean(), torch.tensor(1.0))
    torch.testing.assert_close(class_weights(PLAN, targets), torch.ones(4))


def test_each_region_is_balanced_by_itself_without_its_empty_rows():
    targets = torch.zeros(4, 2, 2)
    targets[:, 0, 0] = 1
    targets[0, 1, 0], targets[1:3, 1, 1] = 1, 1
    weights = class_weights(replace(PLAN, balanced=True), targets)
    torch.testing.assert_close(weights, torch.tensor([[1.0, 0.0], [1.5, 0.75]]))


def test_units_are_torchs_binary_cross_entropy_and_zeros_count():
    logits, _, targets = drawn(6, 4)
    targets[0] = 0
    expected = functional.binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(unit_loss(PLAN, logits, targets), expected)
    assert unit_loss(PLAN, logits + 3, targets * 0) > unit_loss(PLAN, logits - 3, targets * 0)
    frames = logits[:, None].expand(6, 2, 4)
    torch.testing.assert_close(unit_loss(PLAN, frames, targets), expected)


def test_units_smoothed_and_focal():
    logits, _, targets = drawn(6, 4)
    smooth = unit_loss(replace(PLAN, loss="label_smoothing", smoothing=0.2), logits, targets)
    shares = targets * 0.8 + 0.1
    torch.testing.assert_close(smooth, functional.binary_cross_entropy_with_logits(logits, shares))
    told = torch.where(targets > 0, logits.sigmoid(), 1 - logits.sigmoid())
    focal = unit_loss(replace(PLAN, loss="focal", gamma=2.0), logits, targets)
    torch.testing.assert_close(focal, ((1 - told) ** 2 * -told.log()).mean())
