"""Draw the README's picture from the product's own analysis of the bundled sample.

Run it from the checkout: ``python docs/make_picture.py``.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from realtime_mer.analysis import analyze_file

OUT = Path(__file__).parent / "pictures" / "sample.png"


def main() -> None:
    sample = Path(str(resources.files("realtime_mer") / "data" / "sample.mp4"))
    analysis = analyze_file(sample)
    figure = plt.figure(figsize=(11, 5.6), dpi=90)
    grid = figure.add_gridspec(2, 1 + 4 * len(analysis.events), height_ratios=[1.2, 1])
    timeline = figure.add_subplot(grid[0, :])
    signals = analysis.signals
    for column, region in enumerate(signals.regions):
        timeline.plot(signals.time_s, 100 * signals.displacement_iod[:, column], label=region, lw=1)
    for event in analysis.events:
        c = event.candidate
        timeline.axvspan(c.onset_s, c.offset_s, color="tab:green", alpha=0.2)
        label = f"{event.emotion} {event.confidence:.2f}"
        timeline.text(c.apex_s, 0.97, label, ha="center", va="top",
                      transform=timeline.get_xaxis_transform())  # fmt: skip
    timeline.set(xlabel="media time, s", ylabel="displacement, % of\ninter-ocular distance",
                 xlim=(signals.time_s[0], signals.time_s[-1]), ylim=(0, 6))  # fmt: skip
    timeline.legend(ncol=6, loc="upper center", bbox_to_anchor=(0.5, 1.16), frameon=False)
    for position, event in enumerate(analysis.events):
        evidence = analysis.evidence[event.event_id]
        for step, name in enumerate(("onset", "apex", "residual")):
            axis = figure.add_subplot(grid[1, position * 4 + step + 1])
            data = np.frombuffer(getattr(evidence, name), np.uint8)
            axis.imshow(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))
            axis.set_title(name, fontsize=8)
            axis.axis("off")
    figure.savefig(OUT, bbox_inches="tight")


if __name__ == "__main__":
    main()
