"""What can be asked of the past, and what can be erased from it: projections of the log, never the truth."""
