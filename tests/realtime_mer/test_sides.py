"""Left and right, all the way: a one-sided dimple in a file, and in its mirror image."""

import cv2
import numpy as np
import pytest

from offline.synthesis.clip_spec import ClipSpec, MicroExpression
from offline.synthesis.portrait import Portrait
from offline.synthesis.render import write_clip
from realtime_mer.analysis import analyze_source
from realtime_mer.events import Event
from realtime_mer.sources import open_source

FPS = 50.0
PEAK_IOD = 0.045


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, list[Event]]:
    """Return the events of a clip whose left corner of the mouth dimples, and of its mirror image.

    The mirror image is a folder of pictures, turned one by one.
    """
    folder = tmp_path_factory.mktemp("sides")
    dimple = MicroExpression(
        1.8, 1.96, 2.2, "negative", ((14, 0.0, PEAK_IOD),), PEAK_IOD, "raised_cosine"
    )
    spec = ClipSpec(
        seed=5, fps=FPS, duration_s=3.2, width=480, height=480, face_iod_px=110.0,
        identity_seed=1, micro_expressions=(dimple,), noise_gaussian=0.4, crf=14,
    )  # fmt: skip
    write_clip(spec, Portrait.astronaut(), folder / "clip.mp4")
    turned = folder / "turned"
    turned.mkdir()
    with open_source(folder / "clip.mp4") as source:
        for frame in source:
            mirrored = np.ascontiguousarray(frame.image_rgb[:, ::-1, ::-1])
            cv2.imwrite(str(turned / f"img{frame.index:04d}.png"), mirrored)
    events = {}
    for name, place, fps in (("as is", folder / "clip.mp4", None), ("mirrored", turned, FPS)):
        with open_source(place, fps=fps) as source:
            events[name] = list(analyze_source(source).events)
    return events


@pytest.mark.parametrize(
    ("name", "side", "other"), [("as is", "left", "right"), ("mirrored", "right", "left")]
)
def test_a_one_sided_dimple_is_named_on_its_side(found, name, side, other):
    [event] = found[name]
    named = event.action_unit_text.split("+")
    assert f"dimple_{side}" in named
    assert not {"dimple", f"dimple_{other}"} & set(named)
    assert "mouth" in event.candidate.regions
    right, left = event.action_units["dimple"]
    here, there = (left, right) if side == "left" else (right, left)
    assert here > there + 0.2
