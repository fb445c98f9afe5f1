"""Measurements of what must stay fast."""
