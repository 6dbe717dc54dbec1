"""Rows and runs for the tests of what a benchmark writes."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np

from offline.scores.results import Row, Run

CLASSES = ("negative", "positive", "surprise")
WORDS = "selected on the test subjects: chosen by the score of those who are tested"


def a_run(**changes):
    known = {
        "dataset": "composite",
        "protocol": "megc2019",
        "classes": CLASSES,
        "model": "tiny@12345678",
        "selection": "none: nothing was trained",
        "seeds": {"bootstrap": 3},
        "wall_s": 1.23456,
    }
    return Run(**(known | changes))


def some_rows(count=60, datasets=("casme2", "samm", "smic"), seed=0):
    generator = np.random.default_rng(0)
    answers = np.random.default_rng(seed)
    rows = []
    for n in range(count):
        shares = generator.dirichlet([1, 1, 1]) if seed == 0 else answers.dirichlet([1, 1, 1])
        rows.append(
            Row(
                sample_id=f"{n % 7:02d}_clip{n}",
                dataset=datasets[n % len(datasets)],
                subject=f"{n % 7:02d}",
                label=n * 5 % 11 % 3,
                prediction=int(shares.argmax()),
                probabilities=tuple(shares.tolist()),
            )
        )
    return rows


def better(rows, share, seed=0):
    """Rows of which a share more is right."""
    hit = np.random.default_rng(seed).random(len(rows)) < share
    return [
        replace(row, prediction=row.label, probabilities=tuple(np.eye(3)[row.label].tolist()))
        if right
        else row
        for row, right in zip(rows, hit, strict=True)
    ]


def mean_of(by_seed):
    found = []
    for each in zip(*by_seed.values(), strict=True):
        shares = np.mean([row.probabilities for row in each], axis=0)
        found.append(
            replace(each[0], prediction=int(shares.argmax()), probabilities=tuple(shares.tolist()))
        )
    return found


def a_trained_run(**changes):
    """Rows of a run of three seeds, and the run."""
    by_seed = {seed: some_rows(seed=seed) for seed in (2, 0, 1)}
    known = {
        "selection": "inner: chosen on people of the training side",
        "seeds": {"bootstrap": 3, "training": (0, 1, 2)},
        "seed_rows": by_seed,
        "train_confusion": [[90, 5, 5], [10, 70, 20], [1, 2, 47]],
        "chosen": {"casme2/00 seed 0": {"epochs": 12.0}, "casme2/00 seed 1": {"epochs": 7.0}},
        "settings": {"root": "/data", "seeds": (0, 1, 2), "epochs": None},
        "digest": "abc123",
        "code": "2016f32",
        "published_counts": "As many as published: 60 samples.",
    }
    return mean_of(by_seed), a_run(**(known | changes))


class Page(HTMLParser):
    """What a page shows, and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.links, self.tags, self.styles, self.policy = [], [], [], ""
        self._said, self._style = [], False
        self.feed(text)

    @property
    def said(self):
        return " ".join(" ".join(self._said).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._style = tag == "style"
        known = dict(attrs)
        self.links += [known[name] for name in ("src", "srcset", "href") if name in known]
        self.styles.append(known.get("style", ""))
        if known.get("http-equiv") == "Content-Security-Policy":
            self.policy = known["content"]

    def handle_endtag(self, tag):
        self._style = False

    def handle_data(self, data):
        (self.styles if self._style else self._said).append(data)

    def asks_nobody(self):
        return (
            self.policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
            and all(link.startswith("data:image/png;base64,") for link in self.links)
            and not {"script", "link", "iframe"} & set(self.tags)
            and not any("url(" in style or "@import" in style for style in self.styles)
        )
