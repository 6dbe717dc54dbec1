"""Facial micro-expressions, live: video in, onset–apex–offset events out."""

__version__ = "0.1.0"
