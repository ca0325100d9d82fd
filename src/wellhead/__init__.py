"""Wellhead sits on the well: it meters what every caller has drawn out of a model, and closes the valve in time."""

__version__ = "0.1.0"
