"""Spotting in long videos, counted as the challenges count."""
