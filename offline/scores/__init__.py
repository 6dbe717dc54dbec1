"""Rows, the figures that follow from them, and what others published."""
