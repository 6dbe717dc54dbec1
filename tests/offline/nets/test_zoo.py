import numpy as np
import pytest

from offline.bench.learning import Material
from offline.nets import stacked
from offline.nets.layers import Capsules, Conv, Dense, Drop, shape_after, walk
from offline.nets.plan import Plan
from offline.nets.training import Run
from offline.nets.zoo import NETS, capsulenet, flow_cnn, off_apexnet, ststnet

PLANES = {"ststnet": 3}


def test_sizes_are_those_of_the_field():
    """OFF-ApexNet and Dual-Inception: 2.66 and 6.45 million in the tables of mini-AORCNN (2022)."""
    counts = {name: build(3, PLANES.get(name, 2), 28).parameters for name, build in NETS.items()}
    assert counts["ststnet"] == 400 * 3 + 3 + 2 * 16 + (27 + 1) * 16
    assert round(counts["off_apexnet"] / 1e6, 2) == 2.66
    assert round(counts["dual_inception"] / 1e6, 2) == 6.45
    assert counts["flow_cnn"] == 16 * 18 + 24 * 144 + 32 * 216 + 2 * 72 + 1569 * 48 + 49 * 3
    assert counts["capsulenet_units"] == counts["capsulenet"] + 4 * 3


def test_the_default_recognisers_member_has_the_same_weights():
    torch = pytest.importorskip("torch")
    from offline.models.flow_cnn import FlowCnn

    member = FlowCnn()
    shared = [*member.features.parameters(), *member.hidden.parameters()]
    net = flow_cnn(4)
    assert sum(each.numel() for each in shared) + 4 * 49 == net.parameters
    drops = [each.p for each in member.modules() if isinstance(each, torch.nn.Dropout)]
    assert drops == [layer.share for layer in net.layers if isinstance(layer, Drop)]


@pytest.mark.parametrize("name", list(NETS))
@pytest.mark.parametrize("classes", [3, 5, 12])
def test_every_network_answers_with_one_logit_for_each_class(name, classes):
    for planes, side in ((2, 28), (3, 28)):
        net = NETS[name](classes, planes, side)
        assert net.inputs == (planes, side, side)
        assert net.outputs == classes
        assert shape_after(net.layers, net.inputs) == (classes,)


def test_what_comes_to_the_connected_layers():
    """400 values (STSTNet), 7×7 places of 16 kernels for u and v, 6×6 places of capsules."""
    first = {
        net.__name__: next(
            shape for _, layer, shape in walk(net(3).layers, net(3).inputs)
            if isinstance(layer, Dense | Capsules)
        )
        for net in (ststnet, off_apexnet, capsulenet, NETS["dual_inception"], flow_cnn)
    }  # fmt: skip
    assert first == {
        "ststnet": (400,),
        "off_apexnet": (2 * 16 * 49,),
        "capsulenet": (64, 6, 6),
        "dual_inception": (2 * 64 * 49,),
        "flow_cnn": (32 * 49,),
    }


def test_streams_do_not_see_each_others_plane():
    for name in ("off_apexnet", "dual_inception"):
        net = NETS[name](3, 2, 28)
        inputs = [shape[0] for _, layer, shape in walk(net.layers, net.inputs)
                  if isinstance(layer, Conv)]  # fmt: skip
        assert inputs[0] == 1
        assert 2 not in inputs


@pytest.mark.parametrize("name", ["ststnet", "capsulenet", "capsulenet_units", "flow_cnn"])
def test_a_step_changes_every_layer(name):
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(8, 3, 28, 28)).astype(np.float32)
    units = name.endswith("units")
    targets = np.eye(3, dtype=np.float32)[np.arange(8) % 3]
    groups = tuple(("d", str(n)) for n in range(8))
    material = Material(maps, targets, groups, exclusive=not units)
    net = NETS[name](3, 3, 28)
    places = np.arange(8)
    fits = {}
    plan = Plan(epochs=1, batch=8, rate=1e-2)
    from offline.nets.layers import initial, learnt

    begun = initial(net, 5)
    stacked.train(net, plan, material, [Run(places, places, 5, begun)], [1], fits.__setitem__)
    for key, value in fits[0].weights.items():
        if learnt(key):
            assert np.abs(value - begun[key]).max() > 0, key
