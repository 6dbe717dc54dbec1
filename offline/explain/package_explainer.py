"""What moved a model package's answer to one event, for ``mer analyze --explain``.

Any package can be asked, whoever trained it: its ONNX file becomes a PyTorch graph through which
gradients flow.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from engines import EngineError, Package, PackageError
from engines.package import ATTENTION
from engines.torch_graph import torch_module
from offline.explain.attention_strip import attention_strip
from offline.explain.class_maps import ClassMaps, class_maps, odds_of_shares
from offline.explain.overlays import apex_step, frame_of, jpeg, on_crop, sheet
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import ModelError
from realtime_mer.explaining import Explained
from realtime_mer.face.regions import region_labels
from realtime_mer.face.topology import REGIONS

AS_WELL = 0.6
"""A second region of the face is named if it is so hot beside the first, on average."""


class PackageExplainer:
    """Explains the answers of one package.

    Parameters
    ----------
    package
        Verified. Its network is run a second time here, by PyTorch on the processor.

    Raises
    ------
    ModelError
        The network has an operator that is not known, or reads no maps.
    """

    def __init__(self, package: Package) -> None:
        self._card = package.card
        self._looks = None
        try:
            self._module = torch_module(package.model, package.model_id)
            if package.card.attention:
                self._looks = torch_module(package.attention_model(), f"{ATTENTION} of it")
        except (EngineError, PackageError) as error:
            raise ModelError(f"--explain: {error}") from error
        if len(package.card.input_shape) not in (3, 4):
            raise ModelError(
                f"--explain: model {package.card.name} reads {package.card.input_shape}, which "
                "has no rows and columns to draw on; leave --explain out"
            )

    def __call__(self, frames: CandidateFrames, sample: NDArray[np.float32]) -> Explained:
        """Return the picture and the words of one event.

        Parameters
        ----------
        frames
            The candidate.
        sample
            What the package's recipe made of it.
        """
        labels = self._card.labels
        inputs = torch.from_numpy(np.asarray(sample[None], np.float32))
        try:
            with torch.no_grad():
                shares = self._module(inputs)[0, : len(labels)].double().numpy()
            score = odds_of_shares(len(labels))
            found = class_maps(self._module, inputs, range(len(labels)), score)
        except (RuntimeError, EngineError) as error:
            return Explained(b"", f"This answer cannot be explained: {error}")
        chosen = int(shares.argmax())
        steps = found.maps.shape[2]
        step = apex_step(frames, sample, self._card.recipe, steps) if steps > 1 else 0
        frame = frame_of(self._card.recipe, self._card.input_shape)
        heats = [on_crop(each[0, step], frame) for each in found.maps]
        apex = frames.crops_rgb[frames.apex]
        picture = sheet(apex, heats, labels, shares.tolist(), chosen)
        words = _words(found, heats[chosen], labels[chosen], step, chosen)
        weights = self._weighed(inputs)
        if weights:
            strip = attention_strip(weights, step, apex, frame, picture.shape[1])
            picture = np.concatenate([picture, strip])
            words += " Below, what the network weighs how much, whatever the class."
        return Explained(jpeg(picture), words)

    def _weighed(self, inputs: torch.Tensor) -> dict[str, NDArray[np.float32]]:
        """Return the weights of the one sample, by name."""
        if self._looks is None:
            return {}
        with torch.no_grad():
            told = self._looks(inputs)
        parts = told if isinstance(told, tuple) else (told,)
        return {
            name: part[0].numpy() for name, part in zip(self._card.attention, parts, strict=True)
        }


def open_explainer(package: Package) -> PackageExplainer:
    """Return what explains a package; the entry point that ``mer analyze --explain`` looks for."""
    return PackageExplainer(package)


def _words(found: ClassMaps, heat: NDArray[np.float32], label: str, step: int, chosen: int) -> str:
    """Say what the large picture shows, and no more."""
    if found.silent[chosen, 0]:
        return f"Nothing on the face spoke for {label}: the other classes had even less."
    steps = found.maps.shape[2]
    when = f" Of {steps} steps, step {step + 1} is shown, nearest to the apex." if steps > 1 else ""
    if not heat.any():
        return f"What spoke for {label} lies at other moments than the apex.{when}"
    return f"What spoke for {label} lies mostly at: {' and '.join(_hottest(heat))}.{when}"


def _hottest(heat: NDArray[np.float32]) -> list[str]:
    """Return the hottest region of the face, and the second where it is about as hot."""
    labels = region_labels()
    held = {
        name: float(heat[labels == number].mean()) for number, name in enumerate(REGIONS, start=1)
    }
    first, second = sorted(held, key=lambda name: -held[name])[:2]
    if held[first] <= float(heat[labels == 0].mean()):
        return ["no single region"]
    names = [first, second] if held[second] >= AS_WELL * held[first] else [first]
    return [name.replace("_", " ") for name in names]
