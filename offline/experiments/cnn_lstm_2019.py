"""What the tables of the CNN-LSTM slides share."""

PAPER = (
    "Aouayeb, Hamidouche, Kpalma & Benazza-Benyahia, A spatiotemporal deep learning solution for "
    "automatic micro-expressions recognition from local facial regions, MLSP 2019"
)
CHOSEN = (
    "leave-one-subject-out; 100 epochs of the CNN and 60 of the LSTM, how they were chosen is not "
    "told; nor whether the CNN learnt inside each fold: in the code that its authors published in "
    "2022 it did not"
)
