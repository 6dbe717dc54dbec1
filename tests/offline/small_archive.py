"""A small flow archive of maps that can be told apart; every subject is invented."""

import cv2
import numpy as np

from tests.offline.labelled_maps import patterns

SUBJECTS = ("sub01", "sub02", "s01", "s02", "006", "007")


def write_archive(root, subjects=SUBJECTS, each=6, seed=0, noise=0.35):
    """Write <subject>/u_test/<0|1|2>/<name> .png: classes are two bumps and their absence."""
    rng = np.random.default_rng(seed)
    shapes = patterns()
    for subject in subjects:
        for number in range(each):
            label = number % 3
            flow = shapes[label] + noise * rng.standard_normal((2, 28, 28))
            strain = np.hypot(*np.gradient(flow[0])) + np.hypot(*np.gradient(flow[1]))
            planes = [_scaled(plane) for plane in (strain, flow[1], flow[0])]
            folder = root / subject / "u_test" / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{subject}_EP{number:02d} .png"
            (folder / name).write_bytes(cv2.imencode(".png", np.dstack(planes))[1].tobytes())
    return root


def _scaled(plane):
    low, high = plane.min(), plane.max()
    return np.rint((plane - low) / (high - low) * 255).astype(np.uint8)
