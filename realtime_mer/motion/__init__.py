"""Measure facial motion: residual sums, tracked points, optical flow."""
