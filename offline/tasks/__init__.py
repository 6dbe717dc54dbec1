"""Protocols: who takes part, with which label, and who is left out."""
