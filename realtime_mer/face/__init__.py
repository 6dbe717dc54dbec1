"""Find, follow and align the face."""
