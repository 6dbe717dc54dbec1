"""Models that the project trains, one file each."""
