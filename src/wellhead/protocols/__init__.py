"""One file per API family: pure bytes to words and back, both sides of the wire."""
