"""Published tables and figures: one small file each, named after it, and what runs them."""
