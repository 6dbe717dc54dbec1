"""The bench: synthesis, training, evaluation. May need the extra `offline`."""
