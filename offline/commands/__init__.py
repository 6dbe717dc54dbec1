"""The commands of this room: thin, each one call into a function."""
