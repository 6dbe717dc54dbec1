"""What this is not, in words that a person reads before anything else."""

from __future__ import annotations

SHORT = (
    "<strong>It says “look here”, never “this person lies”:</strong> a marked moment is worth a "
    "second look and proves nothing."
)

POINTS = (
    (
        "No lie detector",
        "No research shows that brief facial movements reveal deception reliably. Do not use this "
        "to hire, accuse, grade, police or diagnose anybody.",
    ),
    (
        "Ask first",
        "Film and analyse people only with their informed consent, and let them take it back. In "
        "many places faces are protected data, and reading emotions at work or school is banned.",
    ),
    (
        "Biased, like its data",
        "Published recordings show few people, mostly young adults in laboratories; the bundled "
        "model learned from rendered faces. Expect it to work less well for faces unlike these, "
        "with glasses, beards, head coverings, or conditions that change how a face moves.",
    ),
    (
        "Often wrong",
        "It misses expressions, and blinks, speech, light and compression cause false alarms: "
        "the alarms per minute stand beside everything it finds. Three coarse classes cannot say "
        "what somebody feels.",
    ),
    (
        "Stays on this machine",
        "Pictures are analysed here and sent nowhere else. Uploads and results are removed when "
        "you close this page.",
    ),
)


def statement_html() -> str:
    """Return the statement: one sentence always in sight, the limits one key press away."""
    points = "".join(f"<div><dt>{title}</dt><dd>{text}</dd></div>" for title, text in POINTS)
    return (
        '<aside class="mer-statement" aria-label="What this is not">'
        f"<details><summary><span>{SHORT}</span> <b>Limits and consent</b></summary>"
        f"<dl>{points}</dl></details></aside>"
    )
