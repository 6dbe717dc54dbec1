"""Spot candidate onset–apex–offset windows while they happen: causal, in seconds, explained."""

from realtime_mer.spotting.settings import SpotterSettings
from realtime_mer.spotting.spotter import Decision, Spotter

__all__ = ["Decision", "Spotter", "SpotterSettings"]
