"""Attacks on one's own model through its API: steal it yourself first."""
