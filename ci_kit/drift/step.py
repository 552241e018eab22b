"""Drift: not there yet."""
