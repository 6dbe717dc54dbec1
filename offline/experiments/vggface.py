"""What the results of the VGGFace2 paper share."""

PAPER = (
    "Bai, Detection of micro-expression recognition based on spatio-temporal modelling and "
    "spatial attention, ICMI 2020"
)
CHOSEN = (
    "not told: neither the split nor the number of test samples nor on whom anything was chosen; "
    "leave-one-subject-out here"
)
