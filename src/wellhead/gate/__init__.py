"""Admit, shape, observe: the three verbs that serve customers, drills and the red team alike."""
