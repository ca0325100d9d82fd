"""The demonstration: a real model is stolen through its API, once unguarded and once behind Wellhead."""
