"""Sequences of any length: padding changes nothing, the order of frames does."""

import pytest
import torch

from offline.systems.frame_sequence_heads import (
    HEADS,
    frame_mask,
    last_step,
    masked_mean,
    reversed_frames,
    sequence_head,
)
from offline.systems.vggface import SYSTEMS
from realtime_mer.errors import ConfigError
from tests.offline.systems.face_clips import SIDE, WIDE, clips

LENGTHS = (1, 2, 3, 5, 8, 11, 17)
FEATURES = 12


def head(kind):
    torch.manual_seed(0)
    return sequence_head(kind, FEATURES, 7, 3).eval()


def frames(count, length, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, length, FEATURES, generator=generator) + 0.01


def padded(sequence, steps):
    room = sequence.new_zeros(len(sequence), steps, *sequence.shape[2:])
    room[:, : sequence.shape[1]] = sequence
    return room


def answer(module, sequence):
    with torch.no_grad():
        return module(sequence, frame_mask(sequence))


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("length", LENGTHS)
def test_padding_changes_nothing(kind, length):
    module, sequence = head(kind), frames(4, length)
    expected = answer(module, sequence)
    for steps in (length + 1, length + 2, 23):
        torch.testing.assert_close(answer(module, padded(sequence, steps)), expected)


@pytest.mark.parametrize("kind", HEADS)
def test_clips_of_mixed_lengths_are_judged_as_each_alone(kind):
    module = head(kind)
    alone = [frames(1, length, seed=length) for length in LENGTHS]
    together = torch.cat([padded(each, 17) for each in alone])
    expected = torch.cat([answer(module, each) for each in alone])
    torch.testing.assert_close(answer(module, together), expected)


@pytest.mark.parametrize("kind", HEADS)
def test_the_order_of_frames_matters_to_heads_with_a_memory(kind):
    module, sequence = head(kind), frames(4, 9)
    same = torch.allclose(answer(module, sequence), answer(module, sequence.flip(1)), atol=1e-5)
    assert same == (kind == "softmax_pool")


@pytest.mark.parametrize("kind", HEADS)
def test_every_frame_matters(kind):
    module, sequence = head(kind), frames(2, 6)
    expected = answer(module, sequence)
    for step in range(6):
        changed = sequence.clone()
        changed[:, step] += 1
        assert (answer(module, changed) - expected).abs().max() > 1e-6


@pytest.mark.parametrize("kind", HEADS)
def test_a_clip_without_frames_is_judged_by_something_finite(kind):
    assert answer(head(kind), torch.zeros(2, 5, FEATURES)).isfinite().all()


def test_two_ways_are_torch_s_own():
    """Against torch's bidirectional LSTM on packed sequences."""
    ours = head("lstm_bi")
    theirs = torch.nn.LSTM(FEATURES, 7, batch_first=True, bidirectional=True)
    state = {f"{key}": value for key, value in ours.forwards.state_dict().items()}
    state |= {f"{key}_reverse": value for key, value in ours.backwards.state_dict().items()}
    theirs.load_state_dict(state)
    lengths = torch.tensor([6, 2, 4])
    sequence = frames(3, 6) * (torch.arange(6) < lengths[:, None])[:, :, None]
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        sequence, lengths, batch_first=True, enforce_sorted=False
    )
    with torch.no_grad():
        _, (last, _) = theirs(packed)
        expected = ours.classes(torch.cat([last[0], last[1]], 1))
    torch.testing.assert_close(answer(ours, sequence), expected)


def test_masks():
    sequence = torch.zeros(2, 4, 2)
    sequence[0, :3] = torch.tensor([[1.0, 0], [-2, 5], [3, 0]])
    mask = frame_mask(sequence)
    assert mask.tolist() == [[1, 1, 1, 0], [0, 0, 0, 0]]
    turned = reversed_frames(sequence, mask)
    assert turned[0].tolist() == [[3, 0], [-2, 5], [1, 0], [0, 0]]
    assert last_step(sequence, mask).tolist() == [[3, 0], [0, 0]]
    torch.testing.assert_close(masked_mean(sequence, mask)[0], torch.tensor([2 / 3, 5 / 3]))


def test_an_unknown_head_is_refused():
    with pytest.raises(ConfigError, match="lstm_bi"):
        sequence_head("rnn", 3, 3, 3)


@pytest.mark.parametrize("name", [name for name in SYSTEMS if not name.endswith("_magnified")])
def test_the_whole_network_takes_any_length(name):
    torch.manual_seed(0)
    module = SYSTEMS[name].changed(smoke=True).build(3, (4, 3, SIDE, SIDE)).eval()
    values = torch.from_numpy(clips(3, 3)[0])
    with torch.no_grad():
        expected = module(values)
        torch.testing.assert_close(module(padded(values, 6)), expected, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(module(padded(values, 30)), expected, atol=1e-5, rtol=1e-4)
    with torch.enable_grad():  # nothing is split up where gradients are asked for
        torch.testing.assert_close(module(padded(values, 30)), expected, atol=1e-5, rtol=1e-4)


def test_attention_is_shared_out_over_the_face():
    module = SYSTEMS["vggface_attention"].changed(smoke=True).build(3, (4, 3, SIDE, SIDE)).eval()
    values = torch.from_numpy(clips(3, 4, WIDE)[0])
    with torch.no_grad():
        weights = module.attention(values)
    assert weights.shape[:2] == (3, 4)
    torch.testing.assert_close(weights.sum((2, 3)), frame_mask(values))
    assert weights[0, 0].std() > 0
