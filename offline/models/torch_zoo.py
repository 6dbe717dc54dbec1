"""Every torch network that is trained or deployed here, by name: what it reads and answers.

Export, engines and benches go through this one table. A network answers as a model package does:
probabilities of the labels, then scores, so that what is exported is what is run. The published
systems stand in it as their papers have them; their ablations are found by name as well.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from offline.models.flow_cnn import LABELS, SCORES, Deployed, FlowCnn, FlowLinear
from offline.models.registry import MODELS, PLANES
from offline.nets.answering import Answering
from offline.nets.layers import Net, initial
from offline.nets.modules import module_of
from offline.nets.zoo import NETS
from offline.synthesis.aligned_clips import recipe_shape
from offline.systems.registry import PUBLISHED, SYSTEMS, find_system
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import FLOW_SIDE

TEMPERATURE = 0.64
"""Of the bundled recogniser, rounded."""
SETTLED_ON = 100_000
"""Numbers that ``seeded`` draws to fit a network to, in 8 to 64 inputs."""
COARSE = 7
"""Places of a drawn input along each side, between which it is smooth."""
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True, slots=True)
class TorchModel:
    """One network, ready to be built.

    Attributes
    ----------
    name, title
        Short name, as on the command line; what it is.
    recipe
        Name of the preprocessing that makes its input.
    labels, scores
        What the columns of its answer hold: probabilities that sum to 1, then independent
        numbers from 0 to 1.
    make
        Makes it for a number of classes, see ``build``; None for systems, which build themselves.
    shape
        Of one input; None for what the recipe says of a rendered clip.
    system
        Its system in ``offline.systems.registry``, empty if it is none.
    """

    name: str
    title: str
    recipe: str
    labels: tuple[str, ...]
    scores: tuple[str, ...] = ()
    make: Callable[[int], nn.Module] | None = None
    shape: tuple[int, ...] | None = None
    system: str = ""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, without the batch axis; float32."""
        return self.shape if self.shape is not None else recipe_shape(self.recipe)

    @property
    def columns(self) -> tuple[str, ...]:
        """What the answer's columns hold, in order: ``labels``, then ``scores``."""
        return self.labels + self.scores

    def build(self, classes: int, smoke: bool = False) -> nn.Module:
        """Return the network with weights drawn from torch's generator.

        Parameters
        ----------
        classes
            How many it tells apart. It maps (N, *input_shape) to (N, classes + scores).
        smoke
            A system in its small size, for tests; without effect on other networks.
        """
        if self.make is not None:
            return self.make(classes)
        system = find_system(self.system).changed(smoke=smoke)
        return Answering(system.build(classes, self.input_shape))

    def inputs(self, count: int, seed: int) -> Tensor:
        """Draw inputs, (count, *input_shape): smooth pictures from 0 to 1, or maps of unit size.

        The pictures of a sequence are drawn one by one.
        """
        *steps, planes, height, width = self.input_shape
        drawn = self._pictures(count * prod(steps), (planes, height, width), seed)
        return drawn.reshape(count, *self.input_shape)

    def _pictures(self, count: int, shape: tuple[int, int, int], seed: int) -> Tensor:
        planes, height, width = shape
        rng = torch.Generator().manual_seed(seed)
        coarse = torch.randn(count, planes, COARSE, COARSE, generator=rng)
        smooth = functional.interpolate(coarse, (height, width), mode="bilinear")
        fine = 0.1 * torch.randn(count, planes, height, width, generator=rng)
        if self.recipe in PLANES:
            return smooth + fine
        level = torch.rand(count, planes, 1, 1, generator=rng)
        return (level * (1 + smooth + fine)).clamp(0, 1)


def find_torch_model(name: str) -> TorchModel:
    """Return the entry called ``name``: one of ``TORCH_MODELS``, or any other system.

    Raises
    ------
    ConfigError
        If there is none; the nearest names are listed.
    """
    if name in TORCH_MODELS:
        return TORCH_MODELS[name]
    if name in SYSTEMS:
        return _published(name)
    near = difflib.get_close_matches(name, TORCH_MODELS, n=3, cutoff=0.3) or sorted(TORCH_MODELS)
    raise ConfigError(f"no torch network is called {name!r}; nearest: {', '.join(near)}")


def seeded(name: str, seed: int, smoke: bool = False) -> nn.Module:
    """Return a network with drawn weights, ready to answer; the same seed, the same weights.

    It has learnt nothing. But normalisation and connected layers are fitted to drawn inputs, so
    that values keep their size through the layers (after Mishkin & Matas, *All you need is a good
    init*, ICLR 2016), and answers differ between inputs as those of a trained network do. A system
    is completed with labels by brightness. Torch's own generator is left as it was.

    Parameters
    ----------
    smoke
        A system in its small size, for tests; without effect on other networks.

    Raises
    ------
    ConfigError
        There is no such network.
    """
    model = find_torch_model(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = model.build(len(model.labels), smoke).eval()
        count = min(max(SETTLED_ON // prod(model.input_shape), 8), 64)
        inputs = model.inputs(count, seed)
        _settle(net, inputs)
        if isinstance(net, Answering) and model.system:
            brightness = inputs.flatten(1).mean(1).argsort().argsort().numpy()
            classes = brightness * len(model.labels) // count
            targets = np.eye(len(model.labels), dtype=np.float32)[classes]
            find_system(model.system).changed(smoke=smoke).complete(net.net, inputs, targets, seed)
    return net.eval()


@torch.no_grad()
def _settle(net: nn.Module, inputs: Tensor) -> None:
    """Fit normalisation and connected layers to some inputs: mean 0 and σ 1 behind each."""
    norms = [each for each in net.modules() if isinstance(each, _NORMS)]
    connected = [each for each in net.modules() if isinstance(each, nn.Linear)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    fitted: set[nn.Module] = set()

    def fit(layer: nn.Linear, _: tuple[Tensor], answer: Tensor) -> Tensor | None:
        if layer in fitted:
            return None
        fitted.add(layer)
        deviation, mean = torch.std_mean(answer.flatten(0, -2), 0)
        deviation = deviation.clamp_min(1e-6)
        layer.weight /= deviation[:, None]
        if layer.bias is None:
            return answer / deviation
        layer.bias.sub_(mean).div_(deviation)
        return (answer - mean) / deviation

    hooks = [layer.register_forward_hook(fit) for layer in connected]
    net(inputs)
    for hook in hooks:
        hook.remove()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    net.eval()


# How they are built -----------------------------------------------------------------------------


def _default(classes: int) -> nn.Module:
    """Build the bundled recogniser's kind: members, shares and prior as in its training."""
    from offline.training import TrainSettings

    if classes != len(LABELS):
        raise ConfigError(f"the default model has {len(LABELS)} classes, not {classes}: {LABELS}")
    usual = TrainSettings()
    members: list[nn.Module] = [FlowCnn() for _ in range(usual.members)]
    shares = [(1 - usual.linear) / usual.members] * usual.members
    return Deployed(
        [*members, FlowLinear()], usual.prior, TEMPERATURE, shares=[*shares, usual.linear]
    )


def _layers(name: str, planes: int) -> Callable[[int], nn.Module]:
    def build(classes: int) -> nn.Module:
        return Answering(_drawn(NETS[name](classes, planes, FLOW_SIDE)))

    return build


def _drawn(net: Net) -> nn.Module:
    return module_of(net, initial(net, int(torch.randint(2**31, ()))))


def _listed(name: str) -> TorchModel:
    """Return the entry of a network of layers, which reads what the bench's model reads."""
    entry = MODELS[name]
    planes = PLANES[entry.recipe]
    shape = (planes, FLOW_SIDE, FLOW_SIDE)
    make = _layers(entry.net, planes)
    return TorchModel(name, entry.title, entry.recipe, EMOTIONS, make=make, shape=shape)


def _published(name: str) -> TorchModel:
    """Return the entry of a published system."""
    system = find_system(name)
    title = MODELS[name].title if name in MODELS else name
    return TorchModel(name, title, system.recipe, EMOTIONS, system=name)


_ENTRIES = (
    TorchModel(
        name="default",
        title="Bundled recogniser: small networks and a linear model, with the mirror image",
        recipe="onset_apex_flow",
        make=_default,
        labels=LABELS,
        scores=SCORES,
        shape=(2, FLOW_SIDE, FLOW_SIDE),
    ),
    *(
        _listed(name)
        for name in ("ststnet", "off_apexnet", "dual_inception", "capsulenet", "flow_cnn")
    ),
    *(_published(name) for name in PUBLISHED),
)

TORCH_MODELS: dict[str, TorchModel] = {entry.name: entry for entry in _ENTRIES}
"""Every torch network by name, of the systems the published ones."""
