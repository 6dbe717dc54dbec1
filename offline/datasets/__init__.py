"""Data sets: one file each, one base, nothing dropped without being counted."""
