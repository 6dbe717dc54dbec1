"""Where compiled engines are kept: a private folder, signed manifests, locks."""
