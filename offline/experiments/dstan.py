"""What all tables of the DSTAN paper share."""

PAPER = (
    "Wang, Huang, Liu, Gu, Yang, Wang & Zhang, Micro expression recognition via dual-stream "
    "spatiotemporal attention network, Journal of Healthcare Engineering 2021"
)
CHOSEN = "leave-one-subject-out; how many epochs, and on whom they were chosen, is not told"
MEANS = (
    "F1-score is said to be the harmonic mean of precision and recall; all six of table 3 are that "
    "of the printed means within rounding, so ours is computed so too"
)
