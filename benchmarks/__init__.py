"""Measurements: run by hand, on the real services; figures and no assertions."""
