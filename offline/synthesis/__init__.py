"""Action units → displacement fields → flow maps and clips with known truth."""
