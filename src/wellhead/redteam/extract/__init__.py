"""Attacks that clone the model (AML.T0024.002), one file each."""
