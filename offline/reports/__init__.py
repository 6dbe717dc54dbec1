"""What a person reads: pages and figures."""
