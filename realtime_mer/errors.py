"""Errors that a user can mend: what was given, what is allowed, what to do."""

from __future__ import annotations


class MerError(Exception):
    """Root of the project's errors; the command line prints it as one line and exits with 1."""


class SourceError(MerError, OSError):
    """A video, folder, camera or stream cannot be opened or read."""


class OutputError(MerError, OSError):
    """The results cannot be written where they were asked for."""


class ConfigError(MerError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class ModelError(MerError, ValueError):
    """A model package is missing, damaged or of another kind."""
