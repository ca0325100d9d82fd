"""Output defences: what they change in an answer, and what they guarantee while doing so."""
