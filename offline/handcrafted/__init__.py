"""Descriptors made by hand: candidate's pictures → (F,) float32, for the learners of ``svm``."""
