"""Small networks, described once and trained three ways: alone, all folds at once, fused."""
