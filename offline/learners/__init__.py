"""Ways to learn that are no networks, and ways to combine."""
