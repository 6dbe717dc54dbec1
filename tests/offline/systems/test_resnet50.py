"""ResNet-50 against a second description, and the files that its weights come in."""

import pickle
from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from offline.systems.resnet50 import BLOCKS, MEAN_BGR, NOTHING, ResNet50
from offline.systems.vggface import SYSTEMS
from offline.systems.vggface_weights import load_encoder
from realtime_mer.errors import ConfigError, ModelError

SMALL = (8, (2, 1, 1, 1))


def small(seed=0, **settings):
    torch.manual_seed(seed)
    return ResNet50(*SMALL, **settings).eval()


def drawn_moments(encoder):
    """Draw what normalisation remembers, so that it does something."""
    for each in encoder.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.running_mean.normal_(0, 0.3)
            each.running_var.uniform_(0.5, 2)
            each.weight.data.uniform_(0.5, 1.5)
            each.bias.data.normal_(0, 0.3)
    return encoder


def by_hand(state, faces, blocks):
    """Return the last map, calculated from weights by their published names."""

    def normalised(x, name):
        moments = (state[f"{name}.{each}"] for each in ("running_mean", "running_var"))
        return functional.batch_norm(x, *moments, state[f"{name}.weight"], state[f"{name}.bias"])

    x = faces[:, [2, 1, 0]] * 255 - torch.tensor(MEAN_BGR).reshape(3, 1, 1)
    x = functional.conv2d(x, state["conv1.weight"], stride=2, padding=3)
    x = functional.max_pool2d(torch.relu(normalised(x, "bn1")), 3, 2, 0, ceil_mode=True)
    for layer, count in enumerate(blocks, start=1):
        for block in range(count):
            name = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            y = functional.conv2d(x, state[f"{name}.conv1.weight"], stride=stride)
            y = torch.relu(normalised(y, f"{name}.bn1"))
            y = functional.conv2d(y, state[f"{name}.conv2.weight"], padding=1)
            y = torch.relu(normalised(y, f"{name}.bn2"))
            y = normalised(functional.conv2d(y, state[f"{name}.conv3.weight"]), f"{name}.bn3")
            if f"{name}.downsample.0.weight" in state:
                x = functional.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride)
                x = normalised(x, f"{name}.downsample.1")
            x = torch.relu(x + y)
    return x


@pytest.mark.parametrize("side", [64, 75])
def test_it_calculates_what_its_description_says(side):
    encoder, faces = drawn_moments(small()), torch.rand(2, 3, side, side)
    with torch.no_grad():
        found = encoder(faces)
        expected = by_hand(encoder.state_dict(), faces, SMALL[1])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_names_and_shapes_are_the_published_ones():
    with torch.device("meta"):
        state = ResNet50().state_dict()
    learnt = [name for name in state if not name.endswith("num_batches_tracked")]
    assert len(learnt) == 265
    shapes = {name: tuple(state[name].shape) for name in learnt}
    assert shapes["conv1.weight"] == (64, 3, 7, 7)
    assert shapes["layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert shapes["layer2.0.conv1.weight"] == (128, 256, 1, 1)
    assert shapes["layer3.5.bn2.running_var"] == (256,)
    assert shapes["layer4.2.conv3.weight"] == (2048, 512, 1, 1)
    assert "layer1.1.downsample.0.weight" not in shapes


def test_cuts_are_in_order():
    with torch.device("meta"):
        encoder = ResNet50()
    cuts = encoder.cuts()
    assert cuts[:2] == ("conv1", "layer1.0")
    assert cuts[-2:] == ("layer4.2", NOTHING)
    assert len(cuts) == 1 + sum(BLOCKS) + 1
    sizes = [
        sum(each.numel() for module in encoder.learnt(cut) for each in module.parameters())
        for cut in cuts
    ]
    assert sizes[0] == 23_508_032
    assert sizes[-1] == 0
    assert sizes == sorted(sizes, reverse=True)
    assert encoder.learnt("layer4")[0] is encoder.learnt("layer4.0")[0]
    with pytest.raises(ConfigError, match=r"layer4\.2"):
        encoder.learnt("fc")


def test_before_and_after_a_cut_make_the_whole():
    encoder, faces = small(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        whole = encoder(faces)
        for cut in encoder.cuts():
            assert torch.equal(encoder.after(encoder.before(faces, cut), cut), whole)


def test_a_shortened_encoder_is_the_beginning_of_the_whole():
    whole, short = small(), small(last="layer3")
    short.load_state_dict({key: whole.state_dict()[key] for key in short.state_dict()})
    faces = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(short(faces), whole.before(faces, "layer4"))
    assert short.channels == 128


# Weights from files -----------------------------------------------------------------------------


@cache
def published():
    """Return weights under their published names, and 5 identities."""
    encoder = drawn_moments(small(7))
    state = {k: v for k, v in encoder.state_dict().items() if "num_batches" not in k}
    torch.manual_seed(8)
    return state | {"fc.weight": torch.randn(5, encoder.channels), "fc.bias": torch.randn(5)}


def write(path, state):
    match path.suffix:
        case ".npz":
            np.savez(path, **{name: each.numpy() for name, each in state.items()})
        case ".safetensors":
            save_file({name: each.contiguous() for name, each in state.items()}, path)
        case _:
            torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.pkl", "w.npz", "w.safetensors"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_come_from_any_harmless_file(tmp_path, name, prefix):
    named = {prefix + key: value for key, value in published().items()}
    encoder = small(1)
    identities = load_encoder(encoder, write(tmp_path / name, named))
    for key, value in encoder.state_dict().items():
        if "num_batches" not in key:
            assert torch.equal(value, published()[key])
    assert torch.equal(identities.weight, published()["fc.weight"])


def test_identities_may_be_missing(tmp_path):
    state = {key: value for key, value in published().items() if not key.startswith("fc.")}
    assert load_encoder(small(1), write(tmp_path / "w.pt", state)) is None


def test_a_shortened_encoder_passes_over_the_rest(tmp_path):
    short = small(1, last="layer3")
    assert load_encoder(short, write(tmp_path / "w.pt", published())) is None
    assert torch.equal(short.conv1.weight, published()["conv1.weight"])


def test_a_pickle_is_refused_and_says_how_to_convert_it(tmp_path):
    path = tmp_path / "resnet50_ft_weight.pkl"
    arrays = {name: each.numpy() for name, each in published().items()}
    path.write_bytes(pickle.dumps(arrays))
    with pytest.raises(ModelError, match="may run any code") as told:
        load_encoder(small(), path)
    assert "numpy.savez('resnet50_ft_weight.npz', **w)" in str(told.value)
    np.savez(path.with_suffix(".npz"), **arrays)
    load_encoder(small(), path.with_suffix(".npz"))


def changed(**entries):
    state = dict(published()) | entries
    return {name: each for name, each in state.items() if each is not None}


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (changed(**{"layer1.0.bn2.bias": None}), r"layer1\.0\.bn2\.bias missing"),
        (changed(**{"layer1.0.se.weight": torch.zeros(1)}), r"layer1\.0\.se\.weight unknown"),
        (changed(**{"conv1.weight": torch.zeros(8, 3, 3, 3)}), r"\(8, 3, 3, 3\).*\(8, 3, 7, 7\)"),
        (changed(**{"fc.bias": torch.zeros(4)}), "4 values for 5"),
        ({"a": torch.zeros(1)}, "more are missing"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, state, told):
    with pytest.raises(ModelError, match=told):
        load_encoder(small(), write(tmp_path / "w.pt", state))


@pytest.mark.parametrize("name", ["w.pt", "w.npz", "w.safetensors", "w.pkl"])
def test_files_that_are_none_are_refused(tmp_path, name):
    with pytest.raises(ModelError, match="no such file"):
        load_encoder(small(), tmp_path / name)
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=name):
        load_encoder(small(), tmp_path / name)


def test_an_archive_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, weights=np.array([{"a": 1}], object))
    with pytest.raises(ModelError, match="cannot read weights"):
        load_encoder(small(), path)


def test_a_system_begins_with_the_weights_that_it_is_given(tmp_path):
    torch.manual_seed(0)
    whole = ResNet50()
    path = write(tmp_path / "resnet50.safetensors", whole.state_dict())
    system = SYSTEMS["vggface_lstm"].changed(weights=path)
    torch.manual_seed(1)
    module = system.build(3, (17, 3, 224, 224))
    assert torch.equal(module.encoder.layer4[2].conv3.weight, whole.layer4[2].conv3.weight)
    assert [stage.reads is None for stage in system.stages(("a", "b", "c"))] == [False, False]
