"""Inversion and attribute inference: what answers tell of the inputs that a model was trained on."""
