from dataclasses import replace

import pytest
import torch
from torch import nn

from offline.systems.weights import (
    class_layers,
    packed,
    read_weights,
    sha256_of,
    start_for,
    write_weights,
)
from realtime_mer.errors import ModelError, OutputError
from tests.offline.systems.toy_system import CLASSES, SIDE, Toy, ToyNet

SHAPE = (1, SIDE, SIDE)
CLASSWISE = {"quarters.weight", "quarters.bias", "classes.weight", "classes.bias"}
FIVE = ("disgust", "happiness", "others", "repression", "surprise")


@pytest.fixture
def net() -> ToyNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        return ToyNet(3)


@pytest.fixture
def file(net, tmp_path):
    path = tmp_path / "toy.safetensors"
    write_weights(path, packed(net.state_dict(), CLASSES))
    return path


def test_what_is_written_is_read_again(net, file):
    found, labels = read_weights(file)
    assert labels == CLASSES
    assert found.keys() == net.state_dict().keys()
    assert all(torch.equal(found[name], each) for name, each in net.state_dict().items())
    assert [path.name for path in file.parent.iterdir()] == ["toy.safetensors"]


def test_equal_weights_are_equal_bytes(net):
    assert packed(net.state_dict(), CLASSES) == packed(net.state_dict(), CLASSES)


def test_layers_of_classes_are_found_by_their_shapes():
    assert class_layers(Toy(), 3, SHAPE) == CLASSWISE


def test_all_is_taken_where_the_classes_are_the_same(net, file):
    assert start_for(file, Toy(), CLASSES, SHAPE).keys() == net.state_dict().keys()


@pytest.mark.parametrize("labels", [FIVE, ("a", "b", "c")], ids=["more", "others"])
def test_layers_of_other_classes_are_drawn(net, file, labels):
    found = start_for(file, Toy(), labels, SHAPE)
    assert found.keys() == net.state_dict().keys() - CLASSWISE
    assert torch.equal(found["trunk.0.weight"], net.state_dict()["trunk.0.weight"])


def test_a_file_of_torch_says_no_classes_and_is_judged_by_shape(net, tmp_path):
    path = tmp_path / "toy.pt"
    torch.save(net.state_dict(), path)
    assert read_weights(path)[1] == ()
    assert start_for(path, Toy(), ("a", "b", "c"), SHAPE).keys() >= CLASSWISE
    assert not CLASSWISE & start_for(path, Toy(), FIVE, SHAPE).keys()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("trunk.0.weight"), "it lacks trunk.0.weight"),
        (lambda state: state.update(more=torch.ones(1)), "it holds more"),
        (
            lambda state: state.update({"trunk.0.weight": torch.ones(4, 1, 3, 3)}),
            r"trunk.0.weight has shape \(4, 1, 3, 3\), toy wants \(8, 1, 3, 3\)",
        ),
    ],
)
def test_weights_of_another_network_are_refused(net, tmp_path, change, said):
    state = dict(net.state_dict())
    change(state)
    path = tmp_path / "other.safetensors"
    write_weights(path, packed(state, CLASSES))
    with pytest.raises(ModelError, match=said):
        start_for(path, Toy(), CLASSES, SHAPE)


def test_what_is_no_file_of_weights_is_refused(tmp_path):
    for name in ("broken.safetensors", "broken.pt"):
        (tmp_path / name).write_bytes(b"no weights")
        with pytest.raises(ModelError, match="cannot read weights"):
            read_weights(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ModelError, match="holds no weights by name"):
        read_weights(tmp_path / "list.pt")
    with pytest.raises(ModelError, match="cannot read weights"):
        sha256_of(tmp_path / "missing.safetensors")
    with pytest.raises(ModelError, match="give a package of a system"):
        sha256_of(tmp_path)
    with pytest.raises(OutputError, match="cannot write"):
        write_weights(tmp_path / "no" / "weights.safetensors", b"")


def test_nothing_in_a_file_is_run(tmp_path):
    torch.save({"net": nn.Linear(1, 1)}, tmp_path / "module.pt")
    with pytest.raises(ModelError, match="cannot read weights"):
        read_weights(tmp_path / "module.pt")


def test_a_system_that_depends_on_its_settings_is_asked_with_them(file):
    assert start_for(file, replace(Toy(), frozen=True), CLASSES, SHAPE)
