"""Attacks around an attack: how it asks, and what it makes of the answers."""
