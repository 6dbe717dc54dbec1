"""What all tables of the CNN-LSTM-SE paper share."""

PAPER = (
    "Aouayeb, Soladie, Hamidouche, Kpalma & Seguier, Spatiotemporal features fusion from local "
    "facial regions for micro-expressions recognition, Frontiers in Signal Processing 2, 2022"
)
CHOSEN = (
    "leave-one-subject-out of the second stage alone: in the authors' published code the first "
    "network learns from pictures of every subject, those tested too, before folds are made, so "
    "its figures leak; here both stages are trained inside each fold"
)
