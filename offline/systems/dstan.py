"""DSTAN: appearance and motion of a clip in two streams, joined by a support vector machine.

Wang et al., *Micro expression recognition via dual-stream spatiotemporal attention network*,
Journal of Healthcare Engineering 2021. Both streams learn by themselves, each with a softmax
layer of its own, by cross-entropy, Adam and batches of 32 (section 3.2). Then a linear machine
is fitted to what both say of the training side (section 2.6), or their probabilities are
averaged (section 3.3.4).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.systems.dstan_network import (
    PICTURE_PLANES,
    DualStream,
    described,
    motion,
    pictures,
)
from offline.systems.dstan_streams import FULL, SMOKE, Parts, Stream, real_steps
from offline.systems.system import Stage, System, TrainPlan
from realtime_mer.errors import ConfigError

FACES, FLOW, BOTH = "tim9_faces", "tim9_windowed_flow", "tim9_faces_windowed_flow"
PLAN = TrainPlan(
    epochs=60, batch=32, rate=1e-3, optimiser="adam", schedule="cosine", loss="cross_entropy"
)
"""Loss, optimiser and batch as published. Epochs and rate are ours, the paper tells neither; the
rate falls to nothing, since it is the last epoch that answers."""
BASIC = Parts(fusion=False, spatial=False, channel=False, temporal=False)


# How they learn ---------------------------------------------------------------------------------


def _stan(module: nn.Module) -> nn.Module:
    assert isinstance(module, DualStream)
    return module.stan


def _stmn(module: nn.Module) -> nn.Module:
    assert isinstance(module, DualStream)
    return module.stmn


def _stan_says(module: nn.Module, reads: Tensor) -> Tensor:
    assert isinstance(module, DualStream)
    return module.stan.judge(module.stan.describe(pictures(reads), real_steps(reads)))


def _stmn_says(module: nn.Module, reads: Tensor) -> Tensor:
    assert isinstance(module, DualStream)
    return module.stmn.judge(module.stmn.describe(motion(reads), real_steps(reads)))


@dataclass(frozen=True, slots=True)
class SingleStream:
    """STAN or STMN alone (table 1: STAN-A and STMN-A).

    Attributes
    ----------
    name, recipe, smoke
        See ``offline.systems.system.System``.
    parts
        Which parts it has; without ``fusion`` for STMN.
    epochs, batch, rate
        Of its one stage; see ``TrainPlan``.
    """

    completes: ClassVar[bool] = False

    name: str
    recipe: str
    parts: Parts
    smoke: bool = False
    epochs: int = PLAN.epochs
    batch: int = PLAN.batch
    rate: float = PLAN.rate

    def build(self, classes: int, shape: tuple[int, ...]) -> nn.Module:
        """Return the network; see ``System``."""
        _check_shape(self.name, shape, (1, 2, 3))
        return Stream(classes, shape[1], self.parts, SMOKE if self.smoke else FULL)

    def stages(self, classes: tuple[str, ...]) -> tuple[Stage, ...]:
        """Return its one stage."""
        return (Stage(self.name, _plan(self)),)

    def complete(
        self, module: nn.Module, inputs: Tensor, targets: NDArray[np.float32], seed: int
    ) -> None:
        """Do nothing: the network answers by itself."""

    def describe(self, module: nn.Module, inputs: Tensor) -> Tensor:
        """Return what the last layer reads, (n, memory)."""
        assert isinstance(module, Stream)
        return module.features(inputs)

    def changed(self, **settings: Any) -> SingleStream:
        """Return it with other settings, named as the attributes are; see ``System``.

        Raises
        ------
        ConfigError
            There is no such setting, or it makes no sense.
        """
        return replace(self, **_known(self, settings))


@dataclass(frozen=True, slots=True)
class TwoStreams:
    """DSTAN.

    Attributes
    ----------
    name, recipe, smoke
        See ``offline.systems.system.System``.
    parts
        Which parts both streams have (table 2).
    machine
        True: a linear SVM on both streams' features decides (DSTAN-SVM). False: the weighted mean
        of their probabilities (DSTAN-Average, table 3).
    share
        Of STAN in that mean, above 0 and below 1; the paper's name says average.
    epochs, batch, rate
        Of each stage; see ``TrainPlan``.
    """

    name: str
    recipe: str = BOTH
    parts: Parts = Parts()  # noqa: RUF009, frozen
    machine: bool = True
    share: float = 0.5
    smoke: bool = False
    epochs: int = PLAN.epochs
    batch: int = PLAN.batch
    rate: float = PLAN.rate

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"share is {self.share}; give a number between 0 and 1")

    def build(self, classes: int, shape: tuple[int, ...]) -> nn.Module:
        """Return the network; see ``System``."""
        _check_shape(self.name, shape, (PICTURE_PLANES + 2,))
        sizes = SMOKE if self.smoke else FULL
        return DualStream(classes, self.parts, sizes, self.machine, self.share)

    def stages(self, classes: tuple[str, ...]) -> tuple[Stage, ...]:
        """Return one stage for each stream."""
        plan = _plan(self)
        return (
            Stage("stan", plan, part=_stan, forward=_stan_says),
            Stage("stmn", plan, part=_stmn, forward=_stmn_says),
        )

    def complete(
        self, module: nn.Module, inputs: Tensor, targets: NDArray[np.float32], seed: int
    ) -> None:
        """Fit the machine to what the trained streams say of the training side.

        LIBSVM draws nothing for such a machine, so ``seed`` changes nothing.

        Raises
        ------
        ConfigError
            Targets are no classes, of which every sample has one.
        """
        assert isinstance(module, DualStream)
        if not np.allclose(targets.max(1), 1) or not np.allclose(targets.sum(1), 1):
            raise ConfigError(
                f"{self.name} tells classes apart: for action units give stan or stmn"
            )
        if module.closing is not None:
            module.closing.fit(described(module, inputs), targets.argmax(1).astype(np.int64))

    def describe(self, module: nn.Module, inputs: Tensor) -> Tensor:
        """Return what the machine reads, (n, 2 · memory)."""
        assert isinstance(module, DualStream)
        return module.features(inputs)

    def changed(self, **settings: Any) -> TwoStreams:
        """Return it with other settings, named as the attributes are; see ``System``.

        Raises
        ------
        ConfigError
            There is no such setting, or it makes no sense.
        """
        return replace(self, **_known(self, settings))


def _plan(system: SingleStream | TwoStreams) -> TrainPlan:
    return replace(PLAN, epochs=system.epochs, batch=system.batch, rate=system.rate)


def _known(system: SingleStream | TwoStreams, settings: dict[str, Any]) -> dict[str, Any]:
    known = [each.name for each in fields(system)]
    unknown = [name for name in settings if name not in known]
    if unknown:
        raise ConfigError(
            f"{system.name} has no setting {', '.join(unknown)}; it has {', '.join(known)}"
        )
    return settings


def _check_shape(name: str, shape: tuple[int, ...], planes: tuple[int, ...]) -> None:
    if len(shape) != 4 or shape[1] not in planes:
        raise ConfigError(
            f"{name} reads sequences (T, planes, H, W) of {' or '.join(map(str, planes))} planes, "
            f"got {shape}: give the recipe it names"
        )


SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        SingleStream("stan", FACES, Parts()),
        SingleStream("stmn", FLOW, Parts(fusion=False)),
        TwoStreams("dstan"),
        TwoStreams("dstan_average", machine=False),
        TwoStreams("dstan_basic", parts=BASIC),
        TwoStreams("dstan_fusion", parts=replace(BASIC, fusion=True)),
        TwoStreams("dstan_no_temporal", parts=Parts(temporal=False)),
        TwoStreams("dstan_no_spatial", parts=Parts(spatial=False)),
        TwoStreams("dstan_no_channel", parts=Parts(channel=False)),
    )
}
"""Every system of this family: the paper's rows of tables 1 to 3, and DSTAN without one of the
spatial attentions, which the paper does not part. ``dstan_basic``, ``dstan_fusion``,
``dstan_no_temporal`` and ``dstan`` are the rows of table 2."""
