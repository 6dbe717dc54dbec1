"""Leave one subject out: who learns what, where, and what is kept of it."""
