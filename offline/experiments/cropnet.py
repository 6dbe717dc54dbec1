"""What all tables of the CropNet paper share."""

PAPER = (
    "Zhao, Chen & Luo, Micro-expression recognition based on pixel residual sum and cropped "
    "Gaussian pyramid, Frontiers in Neurorobotics 15, 2021"
)
CHOSEN = (
    "leave-one-subject-out; the paper names neither epochs nor how they were chosen, nor batch or "
    "rate"
)
COUNTS = (
    "table 1 counts 249 samples of the five classes; no one number of samples from 225 to 319 "
    "gives all the accuracies of tables 2 and 4 as shares of hits"
)
